// A listening node: accepts connections, hands requests to handlers, closes what misbehaves.

import type { Clock, Timer } from '../core/clock.ts'
import { CONNECTION_COUNT_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { Connection } from './connection.ts'
import { dispatch, type Handlers } from './dispatch.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from './network.ts'

const SWEEP_INTERVAL_MS = 1_000

export interface ServerOptions {
  network: Network
  clock: Clock
  logger: Logger
  handlers: Handlers
  /** Told of each connection that ends, whoever ended it. */
  onConnectionClosed?: (connection: Connection) => void
  connectionCountMax?: number
}

export class RemotingServer {
  readonly #options: ServerOptions
  readonly #connections = new Set<Connection>()
  readonly #connectionCountMax: number
  #listener: Listener | null = null
  #sweep: Timer | null = null

  constructor(options: ServerOptions) {
    this.#options = options
    this.#connectionCountMax = options.connectionCountMax ?? CONNECTION_COUNT_MAX
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Resolves with the real address. Rejects with PORT_IN_USE or ADDRESS_INVALID. */
  async start(address: HostPort): Promise<HostPort> {
    const { network, clock } = this.#options
    this.#listener = await network.listen(address, (stream) => this.#accept(stream))
    this.#sweep = clock.every(SWEEP_INTERVAL_MS, () => {
      const nowMs = clock.monoMs()
      for (const connection of this.#connections) connection.checkTimeouts(nowMs)
    })
    return this.#listener.address
  }

  /** Stops accepting, lets answers already given leave, and closes every connection. */
  stop(): void {
    this.#sweep?.cancel()
    this.#listener?.close()
    for (const connection of this.#connections) connection.close()
  }

  #accept(stream: Stream): StreamHandlers {
    const { clock, logger, handlers, onConnectionClosed } = this.#options
    const connection = new Connection({
      stream,
      clock,
      logger,
      expectsFirstFrame: true,
      onRequest: (request, peer) => dispatch(handlers, logger, request, peer),
    })
    if (this.#connections.size >= this.#connectionCountMax) {
      logger.warn(`refusing ${connection.peer}: ${this.#connectionCountMax} connections are open`)
      stream.destroy()
      return connection
    }
    this.#connections.add(connection)
    connection.onClosed(() => {
      this.#connections.delete(connection)
      onConnectionClosed?.(connection)
    })
    return connection
  }
}
