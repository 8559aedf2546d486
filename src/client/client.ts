// One client of a cluster: its connections, its routes, its heartbeats. Producers, consumers, readers
// and administrators of one process share it.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import type { Network } from '../remoting/network.ts'

export interface ClientOptions {
  /** "host:port" each; one is used until it fails, then the next. */
  nameservers: readonly string[]
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  /** The address part of the client id; peers show it to people. */
  host?: string
  requestTimeoutMs?: number
  routePullIntervalMs?: number
  heartbeatIntervalMs?: number
}

export class Client {
  readonly id: string
  readonly options: ClientOptions

  constructor(options: ClientOptions) {
    this.options = options
    this.id = ''
  }

  /** Says goodbye to every broker and closes. Safe to call twice. */
  async close(): Promise<void> {}
}
