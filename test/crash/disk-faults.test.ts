// Goal: whichever system call fails, what was acknowledged is there afterwards, in order, once; after
// a failed fsync nothing is acknowledged any more; a full disk is survived.
// Method: strace makes the n-th fsync of a child fail with EIO, or the n-th write (and all after it)
// with ENOSPC, for every n, from its first step in a new folder or in a used one, over commits,
// checkpoints, rolls and a clean close. Then the folder is opened here and read in full.
// strace counts the calls of each thread for itself; the storage worker's are nearly all.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { openSqliteLog } from '../../src/store/sqlite-log.ts'
import { AppendProcess } from '../support/append-process.ts'
import { checkMessages } from '../support/crash-messages.ts'
import { openStore } from '../support/store-fixture.ts'

setDefaultTimeout(300_000)

/** Commits before and after a roll, a checkpoint, a clean close: a few dozen calls of each kind. */
const SCRIPT = '--in-flight 1 --count 5 --checkpoint-every 3 --segment-bytes 58000'.split(' ')
/** More calls than this would mean that the script has changed. */
const CALLS_MAX = 200
/** Children at a time: they wait for the disk most of the time. */
const PARALLEL = 3

const place = mkdtempSync(join(tmpdir(), 'mq-faults-'))
const used = join(place, 'used')
let runCount = 0

beforeAll(async () => {
  const strace = Bun.which('strace')
  if (strace === null) throw new Error('strace is missing; install it (Debian: apt install strace)')
  const child = new AppendProcess({ folder: used, args: SCRIPT })
  expect(await child.ended()).toBe(0)
})
afterAll(() => rmSync(place, { recursive: true }))

interface Fault {
  /** System calls, separated by commas. */
  calls: string
  error: 'EIO' | 'ENOSPC'
  /** 'n' for the n-th call, 'n+' for it and all that follow. */
  when: string
}

interface Faulted {
  child: AppendProcess
  exitCode: number
  wasInjected: boolean
}

/** Runs the script with the fault, and checks what is left. */
async function runWith(fault: Fault, start: 'new' | 'used'): Promise<Faulted> {
  const folder = join(place, `run-${runCount++}`)
  const data = join(folder, 'data')
  if (start === 'used') cpSync(used, data, { recursive: true })
  const log = `${folder}.strace`
  const { calls, error, when } = fault
  const inject = `inject=${calls}:error=${error}:when=${when}`
  const child = new AppendProcess({
    folder: data,
    args: SCRIPT,
    wrapper: [
      'strace',
      '-f',
      '--seccomp-bpf',
      '-qq',
      '-o',
      log,
      '-e',
      `trace=${calls}`,
      '-e',
      inject,
    ],
  })
  const exitCode = await child.ended()
  const wasInjected = (await Bun.file(log).text()).includes('(INJECTED)')
  const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'log' })
  const options = { folder: data, flush: 'sync', segmentBytes: 58_000, clock: systemClock } as const
  const { store } = await openStore(openSqliteLog({ ...options, logger }))
  checkMessages(store, child.acknowledged)
  await store.close()
  rmSync(folder, { recursive: true, force: true })
  return { child, exitCode, wasInjected }
}

/** n = 1, 2, 3 … until the script has fewer calls than that. Returns how many it had. */
async function forEveryCall(
  fault: Omit<Fault, 'when'>,
  options: { start: 'new' | 'used'; suffix: '' | '+'; check: (run: Faulted) => void },
): Promise<number> {
  let next = 1
  let last = CALLS_MAX
  const lane = async (): Promise<void> => {
    while (next <= last) {
      const n = next++
      const when = `${n}${options.suffix}`
      try {
        const run = await runWith({ ...fault, when }, options.start)
        if (run.wasInjected) options.check(run)
        else last = Math.min(last, n - 1)
      } catch (error) {
        throw new Error(`${fault.error} at ${fault.calls} number ${when}`, { cause: error })
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, lane))
  expect(last).toBeLessThan(CALLS_MAX)
  return last
}

/** Ended well, or said that it cannot go on; nothing acknowledged after that. */
function expectStopAfterFailure({ child, exitCode }: Faulted): void {
  const failedAt = child.lines.findIndex((line) => line.startsWith('refused DISK_FAILED'))
  if (failedAt < 0) {
    // SQLite does not care about the sync of a folder; everything else must be noticed.
    expect(child.lastLine).toMatch(/^(closed|refused DATA_FOLDER_UNUSABLE)/)
    return
  }
  expect(exitCode).toBe(70)
  expect(child.lines.slice(failedAt).filter((line) => line.startsWith('acked'))).toEqual([])
}

/** Ended by itself: refused at the start, or refused some appends, and no failure for good. */
function expectReadOnly({ child }: Faulted): void {
  const codes = child.lines
    .filter((line) => line.startsWith('refused'))
    .map((line) => line.slice(8))
  for (const code of codes) expect(code).toBe('DISK_FULL')
  expect(child.lastLine).toMatch(/^(closed|refused DISK_FULL)/)
}

describe('R62: the n-th call fails, for every n', () => {
  for (const start of ['new', 'used'] as const) {
    test(`fsync with EIO, in a ${start} folder`, async () => {
      const fault = { calls: 'fsync,fdatasync', error: 'EIO' } as const
      const check = expectStopAfterFailure
      const count = await forEveryCall(fault, { start, suffix: '', check })
      expect(count).toBeGreaterThan(15)
    })
  }

  test('one write with ENOSPC, in a new folder', async () => {
    const fault = { calls: 'pwrite64', error: 'ENOSPC' } as const
    const check = expectReadOnly
    const count = await forEveryCall(fault, { start: 'new', suffix: '', check })
    expect(count).toBeGreaterThan(40)
  })

  test('all writes from the n-th on with ENOSPC, in a used folder', async () => {
    const fault = { calls: 'pwrite64', error: 'ENOSPC' } as const
    await forEveryCall(fault, { start: 'used', suffix: '+', check: expectReadOnly })
  })
})
