// Goal: kill -9 at any moment loses nothing that was acknowledged, and the folder opens at once for
// the next broker. Method: a process appends, checkpoints, rolls and retires on one folder; it is
// killed at a random moment, the folder is opened and read in full here, and the next process goes
// on where it stopped. The seed is printed on failure; run again with SEED=<it>.

import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { AppendProcess } from '../support/append-process.ts'
import { checkMessages } from '../support/crash-messages.ts'
import { SqlitePlace } from '../support/sqlite-place.ts'
import { openStore } from '../support/store-fixture.ts'

setDefaultTimeout(180_000)

const SEED = Number(Bun.env['SEED'] ?? 411)
const KILL_COUNT = 22
const place = new SqlitePlace()
afterAll(() => place.remove())

test(`R62: ${KILL_COUNT} times kill -9: every acknowledged message is there, in order, once`, async () => {
  const random = seededRandom(SEED)
  let stored = 0
  for (let round = 0; round < KILL_COUNT; round++) {
    const child = new AppendProcess({ folder: place.folder })
    // Mostly soon after the first commits; every fifth time while the folder is being opened.
    if (round % 5 !== 4) await child.acknowledges(stored + 1)
    await sleep(systemClock, random.below(120))
    await child.kill()
    const { store } = await openStore(place.log())
    try {
      const acknowledged = Math.max(stored, child.acknowledged)
      stored = checkMessages(store, acknowledged)
    } catch (error) {
      throw new Error(`seed ${SEED}, round ${round}: ${child.lastLine}`, { cause: error })
    } finally {
      await store.close()
    }
  }
  // The rounds did something: several segments came and went.
  expect(stored).toBeGreaterThan(1000)
})

test('the folder of a living broker is refused to a second one, of a killed one it is not', async () => {
  const child = new AppendProcess({ folder: place.folder })
  await child.acknowledges(1)
  while (!child.isOpen) await sleep(systemClock, 5)
  await expect(place.log().open()).rejects.toMatchObject({
    code: 'DATA_FOLDER_LOCKED',
    message: expect.stringContaining(place.folder),
  })
  await child.kill()
  const { store } = await openStore(place.log())
  await store.close()
})
