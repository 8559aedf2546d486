// Goal: what was acknowledged survives a power cut with flush=sync, at any moment: also while a
// segment is made, sealed or dropped, and while a folder is used for the first time.
// Method: a library under the child (native/test/powercut.c) keeps a shadow folder that holds only
// what an fsync made durable, the worst disk that is allowed. The child is killed at a random moment,
// the shadow is opened and read in full, and its copy is what the next child starts on.
// The guard: the same with flush=async must lose something, or the shadow proves nothing.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { seededRandom } from '../../src/core/random.ts'
import { openSqliteLog } from '../../src/store/sqlite-log.ts'
import { AppendProcess } from '../support/append-process.ts'
import { CRASH_QUEUE, checkMessages } from '../support/crash-messages.ts'
import { openStore } from '../support/store-fixture.ts'

setDefaultTimeout(180_000)

const SEED = Number(Bun.env['SEED'] ?? 86)
const ROUNDS = 10
const folder = mkdtempSync(join(tmpdir(), 'mq-powercut-'))
const shim = join(folder, 'powercut.so')

beforeAll(() => {
  const source = join(import.meta.dir, '..', '..', 'native', 'test', 'powercut.c')
  const flags = ['-std=c11', '-O1', '-shared', '-fPIC', '-pthread']
  const built = Bun.spawnSync(['cc', ...flags, source, '-o', shim, '-ldl'])
  expect(built.stderr.toString()).toBe('')
  expect(built.exitCode).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Cut {
  /** What is durable at that moment. */
  shadow: string
  acknowledged: number
}

/** Runs a child on a copy of `before` until the power goes. */
async function cutPower(
  name: string,
  options: { before: string | null; args: string[]; afterMs: number; stored: number },
): Promise<Cut> {
  const root = join(folder, `${name}-root`)
  const shadow = join(folder, `${name}-shadow`)
  mkdirSync(root)
  if (options.before !== null) cpSync(options.before, join(root, 'data'), { recursive: true })
  const child = new AppendProcess({
    folder: join(root, 'data'),
    args: options.args,
    env: { LD_PRELOAD: shim, MQ_POWERCUT_ROOT: root, MQ_POWERCUT_SHADOW: shadow },
  })
  await child.acknowledges(options.stored + 1)
  await sleep(systemClock, options.afterMs)
  await child.kill()
  expect(child.lastLine).not.toBe('')
  rmSync(root, { recursive: true })
  return { shadow: join(shadow, 'data'), acknowledged: child.acknowledged }
}

/** Opens what the cut left; returns how many messages are there, -1 if there is no folder even. */
async function messagesAfter(cut: Cut, check: boolean): Promise<number> {
  if (!existsSync(cut.shadow)) return -1
  const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'log' })
  const { store } = await openStore(
    openSqliteLog({
      folder: cut.shadow,
      flush: 'sync',
      segmentBytes: 200_000,
      clock: systemClock,
      logger,
    }),
  )
  try {
    return check ? checkMessages(store, cut.acknowledged) : store.maxOffset(CRASH_QUEUE)
  } finally {
    await store.close()
  }
}

test(`R62: ${ROUNDS} power cuts with flush=sync lose nothing that was acknowledged`, async () => {
  const random = seededRandom(SEED)
  let before: string | null = null
  let stored = 0
  for (let round = 0; round < ROUNDS; round++) {
    const afterMs = random.below(250)
    const options = { before, args: ['--flush', 'sync'], afterMs, stored }
    const cut: Cut = await cutPower(`sync-${round}`, options)
    try {
      stored = await messagesAfter(cut, true)
    } catch (error) {
      throw new Error(`seed ${SEED}, round ${round}`, { cause: error })
    }
    before = cut.shadow
  }
  expect(stored).toBeGreaterThan(500)
})

test('power cuts with flush=async may lose the end, but the folder opens and has no hole', async () => {
  for (let round = 0; round < 3; round++) {
    const options = { before: null, args: ['--flush', 'async'], afterMs: 60 * round, stored: 0 }
    const cut = await cutPower(`rolls-${round}`, options)
    await messagesAfter({ ...cut, acknowledged: 0 }, true)
  }
})

test('guard: the same with flush=async loses acknowledged messages, and the folder still opens', async () => {
  let lost = 0
  // One segment: a roll would sync what went before it.
  const args = ['--flush', 'async', '--segment-bytes', '100000000']
  for (let round = 0; round < 3; round++) {
    const cut = await cutPower(`async-${round}`, { before: null, args, afterMs: 100, stored: 0 })
    lost += Math.max(0, cut.acknowledged - (await messagesAfter(cut, false)))
  }
  expect(lost).toBeGreaterThan(0)
})
