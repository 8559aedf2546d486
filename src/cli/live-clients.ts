// What labs of real processes share: real clients, real time, and a person who may press Ctrl-C.

import { Client } from '../client/client.ts'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { EXIT } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import type { LabClientPlan, LabIntervals } from '../lab/lab-cluster.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { Interrupted, type Interruption } from './interruption.ts'

const POLL_INTERVAL_MS = 10

export interface LiveLabOptions {
  intervals: LabIntervals
  interruption: Interruption
  /** Diagnostics of nodes and clients. */
  onLine: (name: string, line: string) => void
}

export abstract class LiveClients {
  readonly isVirtual = false
  readonly clock: Clock = systemClock
  readonly random = systemRandom
  readonly intervals: LabIntervals
  protected readonly onLine: (name: string, line: string) => void
  readonly #interruption: Interruption

  constructor(options: LiveLabOptions) {
    this.intervals = options.intervals
    this.onLine = options.onLine
    this.#interruption = options.interruption
  }

  abstract readonly nameservers: readonly string[]
  abstract nameserverAddress(name: string): string

  newClient({ name, nameservers, ...options }: LabClientPlan): Client {
    return new Client({
      watchesRoutes: false,
      ...options,
      host: name,
      nameservers: (nameservers ?? this.nameservers).map((each) => this.nameserverAddress(each)),
      network: bunNetwork,
      clock: systemClock,
      random: systemRandom,
      logger: new Logger({
        clock: systemClock,
        sink: (line) => this.onLine(name, line),
        level: 'warn',
        scope: name,
      }),
      routePullIntervalMs: this.intervals.routePullMs,
      heartbeatIntervalMs: this.intervals.heartbeatMs,
    })
  }

  async scatter(): Promise<void> {}

  async wait(delayMs: number): Promise<void> {
    if (delayMs <= 0) return
    let forget = (): void => {}
    const cut = new Promise<void>((resolve) => {
      forget = this.#interruption.onReceived(resolve)
    })
    await Promise.race([sleep(systemClock, delayMs), cut])
    forget()
    if (this.#interruption.received !== null) {
      throw new Interrupted(this.#interruption.exitCode ?? EXIT.failed)
    }
  }

  async until(isTrue: () => boolean, limitMs: number): Promise<number | null> {
    const startMs = systemClock.monoMs()
    while (!isTrue()) {
      if (systemClock.monoMs() - startMs >= limitMs) return null
      await this.wait(POLL_INTERVAL_MS)
    }
    return systemClock.monoMs() - startMs
  }
}
