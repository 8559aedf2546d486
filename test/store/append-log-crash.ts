// The contract of AppendLog, continued: what a log promises to whoever opens it after a crash. Model and
// SQLite are held to the same words (memory-log.test.ts, sqlite-log.test.ts); what a power cut takes of
// real files is in test/crash/power-cut.test.ts.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { described, type LogPlace, messages, opened } from './append-log-contract.ts'

const ROUNDS = 12

export function describeCrash(name: string, makePlace: () => LogPlace): void {
  test(`${name}: a crash leaves what was acknowledged; the append under way is whole or absent`, async () => {
    const random = seededRandom(1)
    for (let round = 0; round < ROUNDS; round++) {
      const place = makePlace()
      const log = await opened(place)
      await log.append(messages(0, 3))
      await log.append(messages(3, 3))
      const underWay = log.append(messages(6, 5))
      underWay.catch(() => {})
      // Some get further than others.
      for (let i = random.below(4); i > 0; i--) await new Promise((go) => setImmediate(go))
      const left = await place.crashed(log)
      const again = left.log()
      const { nextPosition, tail } = await again.open()
      expect([6, 11]).toContain(nextPosition)
      expect([...tail].map(described)).toEqual(
        Array.from({ length: nextPosition }, (_, i) => `message ${i}`),
      )
      // It goes on where it ended.
      await again.append(messages(nextPosition, 1))
      expect(again.readEntry(nextPosition)).not.toBeNull()
      await again.close()
      left.remove()
      place.remove()
    }
  })
}
