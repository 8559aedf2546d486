// Ending the process of a broker on this machine the way a supervisor would: SIGTERM, then waiting
// until it is gone. A broker elsewhere is left to whoever can reach its machine.

import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { parseAddress } from '../remoting/address.ts'
import { findListener } from './local-process.ts'

/** A broker leaves the nameservers and writes what memory holds; that takes well under a second. */
const STOP_LIMIT_MS = 15_000
const LOOK_INTERVAL_MS = 20

/** The process that serves `address`; null if it is not on this machine, or not ours to see. */
export function brokerProcess(address: string): number | null {
  return findListener(parseAddress(address))
}

/** Resolves with how long it took. Throws NO_PERMISSION or TIMED_OUT. */
export async function stopProcess(pid: number, clock: Clock = systemClock): Promise<number> {
  const startedMs = clock.monoMs()
  try {
    process.kill(pid, 'SIGTERM')
  } catch (cause) {
    throw new MqError('NO_PERMISSION', `cannot send SIGTERM to process ${pid}: ${String(cause)}`, {
      hint: 'run this as the user the broker runs as',
      cause,
    })
  }
  while (isAlive(pid)) {
    if (clock.monoMs() - startedMs > STOP_LIMIT_MS) {
      throw new MqError(
        'TIMED_OUT',
        `process ${pid} has not ended ${STOP_LIMIT_MS} ms after SIGTERM`,
      )
    }
    await sleep(clock, LOOK_INTERVAL_MS)
  }
  return clock.monoMs() - startedMs
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
