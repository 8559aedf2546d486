// CPU time that the brokers of a cluster spend on a piece of work, where they run on this machine.

import type { BrokerSummary } from '../client/admin-results.ts'
import { parseAddress } from '../remoting/address.ts'
import { cpuTimeMs, findListener } from './local-process.ts'

export class ServerCpu {
  /** pid → CPU time when the work began; null if one broker cannot be measured. */
  readonly #before: ReadonlyMap<number, number> | null

  private constructor(before: ReadonlyMap<number, number> | null) {
    this.#before = before
  }

  static begin(brokers: readonly BrokerSummary[]): ServerCpu {
    const before = new Map<number, number>()
    for (const broker of brokers) {
      const pid = findListener(parseAddress(broker.address))
      const ms = pid === null ? null : cpuTimeMs(pid)
      if (pid === null || ms === null) return new ServerCpu(null)
      before.set(pid, ms)
    }
    return new ServerCpu(before)
  }

  /** CPU milliseconds of all brokers since `begin`; null if that is not known. */
  spentMs(): number | null {
    if (this.#before === null) return null
    let spent = 0
    for (const [pid, beforeMs] of this.#before) {
      const nowMs = cpuTimeMs(pid)
      if (nowMs === null) return null
      spent += nowMs - beforeMs
    }
    return spent
  }
}
