// The process that the crash tests kill: appends messages to one queue of a data folder through the
// message store, and prints a line for everything it was told. Not a test itself.
//
//   bun test/crash/append-child.ts FOLDER [--flush sync|async] [--in-flight N]
//     [--count N] [--checkpoint-every N] [--segment-bytes N]
//
//   opened N      the store is open and holds N messages
//   acked N       the first N messages are committed
//   refused CODE  an append was refused
//   failed        the log failed for good; exits with 70
//   closed        a clean end, after --count units

import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { sleep, systemClock } from '../../src/core/clock.ts'
import type { MqError } from '../../src/core/errors.ts'
import { Logger } from '../../src/core/logger.ts'
import { openSqliteLog } from '../../src/store/sqlite-log.ts'
import { CRASH_QUEUE, crashDraft } from '../support/crash-messages.ts'
import { openStore } from '../support/store-fixture.ts'

const { positionals, values } = parseArgs({
  args: Bun.argv.slice(2),
  allowPositionals: true,
  options: {
    flush: { type: 'string', default: 'sync' },
    'in-flight': { type: 'string', default: '16' },
    count: { type: 'string', default: 'Infinity' },
    // Small, so that a run of a second sees checkpoints, rolls and retirements.
    'checkpoint-every': { type: 'string', default: '100' },
    'segment-bytes': { type: 'string', default: '200000' },
  },
})
const count = Number(values.count)
const inFlight = Number(values['in-flight'])
const segmentBytes = Number(values['segment-bytes'])
const checkpointEvery = Number(values['checkpoint-every'])
const RETIRE_EVERY_CHECKPOINTS = 4

function say(line: string): void {
  // Straight to the pipe: what is printed has left the process when it is killed.
  writeSync(1, `${line}\n`)
}

const sink = (line: string): void => {
  writeSync(2, `${line}\n`)
}
const log = openSqliteLog({
  folder: positionals[0]!,
  flush: values.flush === 'async' ? 'async' : 'sync',
  segmentBytes,
  clock: systemClock,
  logger: new Logger({ clock: systemClock, sink, level: 'info', scope: 'child' }),
})
/** A full disk is tried again after a millisecond of ours, not after a second. */
const clock = { ...systemClock, monoMs: () => systemClock.monoMs() * 1000 }
const { store, failures } = await openStore(log, { clock }).catch((error: MqError) => {
  say(`refused ${error.code}`)
  process.exit(70)
})
say(`opened ${store.maxOffset(CRASH_QUEUE)}`)

let attempts = 0
let pending = 0

function onDone(error: MqError | null): void {
  pending--
  say(error === null ? `acked ${store.maxOffset(CRASH_QUEUE)}` : `refused ${error.code}`)
}

function ignored(): void {
  // The append that comes next meets the same disk, and says so.
}

while (attempts < count && failures.length === 0) {
  while (pending < inFlight && attempts < count) {
    const unit = 1 + (attempts % 3)
    store.appendMessages(
      Array.from({ length: unit }, () => crashDraft(attempts)),
      onDone,
    )
    pending++
    attempts++
    if (attempts % checkpointEvery === 0) store.checkpoint().catch(ignored)
    if (attempts % (checkpointEvery * RETIRE_EVERY_CHECKPOINTS) === 0) {
      store.retire({ ageMsMax: 1e9, bytesMax: 5 * segmentBytes }).catch(ignored)
    }
  }
  await sleep(systemClock, store.isReadOnly ? 2 : 0)
}
while (pending > 0) await sleep(systemClock, 1)
if (failures.length > 0) {
  say('failed')
  process.exit(70)
}
await store.close().catch((error: MqError) => {
  say(`refused ${error.code}`)
  process.exit(70)
})
say('closed')
process.exit(0)
