// A listening node: accepts connections, hands requests to handlers, closes what misbehaves.

import type { Clock, Timer } from '../core/clock.ts'
import { CONNECTION_COUNT_MAX, CONNECTIONS_PER_ADDRESS_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { ByteBudget } from './byte-budget.ts'
import { REQUEST, RESPONSE } from './codes.ts'
import type { Command } from './command.ts'
import { Connection } from './connection.ts'
import { allClosed, sweepConnections } from './connection-sweep.ts'
import { dispatch, type Handlers } from './dispatch.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from './network.ts'
import { RemoteWarnings } from './remote-warnings.ts'

/** What stops waits this long for answers that are still being made. */
const STOP_GRACE_MS = 500

/** New load; everything else (heartbeats, pulls, administration) is what gets a server out of it. */
const SEND_CODES: ReadonlySet<number> = new Set([
  REQUEST.sendMessage,
  REQUEST.sendMessageCompact,
  REQUEST.sendBatch,
])

export interface ServerOptions {
  network: Network
  clock: Clock
  logger: Logger
  handlers: Handlers
  /** Told of each connection that ends, whoever ended it. */
  onConnectionClosed?: (connection: Connection) => void
  connectionCountMax?: number
  connectionsPerAddressMax?: number
  inFlightBytesMax?: number
}

export class RemotingServer {
  readonly #options: ServerOptions
  readonly #connections = new Set<Connection>()
  readonly #countByAddress = new Map<string, number>()
  readonly #budget: ByteBudget
  readonly #warnings: RemoteWarnings
  #listener: Listener | null = null
  #sweep: Timer | null = null

  constructor(options: ServerOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.inFlightBytesMax)
    this.#warnings = new RemoteWarnings(options.clock, options.logger)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Resolves with the real address. Rejects with PORT_IN_USE or ADDRESS_INVALID. */
  async start(address: HostPort): Promise<HostPort> {
    const { network, clock } = this.#options
    this.#listener = await network.listen(address, (stream) => this.#accept(stream))
    this.#sweep = sweepConnections(clock, () => this.#connections)
    return this.#listener.address
  }

  /**
   * Stops accepting and reading, lets what was asked before be answered, and closes every
   * connection; resolves when that is done.
   */
  async stop(): Promise<void> {
    this.#sweep?.cancel()
    this.#listener?.close()
    for (const connection of this.#connections) connection.closeWhenAnswered()
    await allClosed(this.#options.clock, this.#connections, STOP_GRACE_MS)
  }

  #accept(stream: Stream): StreamHandlers {
    const { clock, logger, onConnectionClosed } = this.#options
    const connection = new Connection({
      stream,
      clock,
      logger,
      warnings: this.#warnings,
      expectsFirstFrame: true,
      budget: this.#budget,
      onRequest: (request, peer) => this.#handle(request, peer),
    })
    const { host } = stream.remote
    const refusal = this.#refusal(host)
    if (refusal !== null) {
      this.#warnings.warn(`refusing ${connection.peer}: ${refusal}`)
      stream.destroy()
      return connection
    }
    this.#connections.add(connection)
    this.#countByAddress.set(host, (this.#countByAddress.get(host) ?? 0) + 1)
    connection.onClosed(() => {
      this.#connections.delete(connection)
      this.#uncount(host)
      onConnectionClosed?.(connection)
    })
    return connection
  }

  #handle(request: Command, connection: Connection): void {
    if (this.#budget.isBusy && SEND_CODES.has(request.code)) {
      const remark = `[OVERLOAD]${this.#budget.bytes} bytes wait for slow peers, try again later`
      connection.respond(request, { code: RESPONSE.systemBusy, remark })
      return
    }
    dispatch(this.#options.handlers, this.#options.logger, request, connection)
  }

  #refusal(host: string): string | null {
    const countMax = this.#options.connectionCountMax ?? CONNECTION_COUNT_MAX
    const perAddressMax = this.#options.connectionsPerAddressMax ?? CONNECTIONS_PER_ADDRESS_MAX
    if (this.#connections.size >= countMax) return `${countMax} connections are open`
    if ((this.#countByAddress.get(host) ?? 0) >= perAddressMax) {
      return `${perAddressMax} connections from ${host} are open`
    }
    if (this.#budget.isFull) return `${this.#budget.bytes} bytes are held for other peers`
    return null
  }

  #uncount(host: string): void {
    const count = (this.#countByAddress.get(host) ?? 0) - 1
    if (count > 0) this.#countByAddress.set(host, count)
    else this.#countByAddress.delete(host)
  }
}
