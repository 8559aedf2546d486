// A node's outgoing connections, one per address, opened on first use and again after a loss. A peer
// that refused is left alone for a while that doubles with every refusal, so that a thousand waiting
// requests do not become a thousand connection attempts.

import type { Clock, Timer } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { parseAddress } from './address.ts'
import { Backoffs } from './backoffs.ts'
import { RESPONSE } from './codes.ts'
import type { Command, RequestOptions } from './command.ts'
import { Connection } from './connection.ts'
import { allClosed, DeadlineTimer, sweepConnections } from './connection-sweep.ts'
import { dispatch, type Handlers } from './dispatch.ts'
import type { Network, Stream } from './network.ts'
import { RemoteWarnings } from './remote-warnings.ts'
import { errorFromResponse } from './wire-errors.ts'

const CONNECT_TIMEOUT_MS = 3_000
const STOP_GRACE_MS = 500
const NO_HANDLERS: Handlers = new Map()

export interface ChannelsOptions {
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  /** Requests that the other side sends us, such as "the group's members changed". */
  handlers?: Handlers
  onClosed?: (address: string) => void
}

export class Channels {
  readonly #options: ChannelsOptions
  readonly #open = new Map<string, Connection>()
  readonly #opening = new Map<string, Promise<Connection>>()
  readonly #backoffs: Backoffs
  readonly #warnings: RemoteWarnings
  readonly #deadlines: DeadlineTimer
  #sweep: Timer | null = null
  #isStopped = false

  constructor(options: ChannelsOptions) {
    this.#options = options
    this.#backoffs = new Backoffs(options.random)
    this.#warnings = new RemoteWarnings(options.clock, options.logger)
    this.#deadlines = new DeadlineTimer(options.clock, () => this.#open.values())
  }

  /** Resolves with the answer, whatever its code. Rejects if there is none. */
  async invoke(
    address: string,
    code: number,
    options: RequestOptions & { timeoutMs: number },
  ): Promise<Command> {
    const startedMs = this.#options.clock.monoMs()
    const deadlineMs = startedMs + options.timeoutMs
    let connection = this.#open.get(address)
    let leftMs = options.timeoutMs
    if (connection === undefined) {
      connection = await this.#connect(address, options.timeoutMs)
      leftMs = deadlineMs - this.#options.clock.monoMs()
      if (leftMs <= 0) {
        throw new MqError('TIMED_OUT', `no connection to ${address} within ${options.timeoutMs} ms`)
      }
    }
    this.#deadlines.note(deadlineMs)
    return connection.invoke(code, options, leftMs)
  }

  /** As `invoke`, but an answer other than success becomes the MqError it stands for. */
  async call(
    address: string,
    code: number,
    options: RequestOptions & { timeoutMs: number },
  ): Promise<Command> {
    const response = await this.invoke(address, code, options)
    if (response.code !== RESPONSE.success) throw errorFromResponse(response, address)
    return response
  }

  /** Sends without waiting for an answer; resolves when it is on its way. */
  async sendOneway(address: string, code: number, options: RequestOptions): Promise<void> {
    const connection = this.#open.get(address) ?? (await this.#connect(address, CONNECT_TIMEOUT_MS))
    connection.sendOneway(code, options)
  }

  isOpen(address: string): boolean {
    return this.#open.has(address)
  }

  /** Drops the connection to one peer; the next request to it opens another. */
  drop(address: string): void {
    this.#open.get(address)?.destroy()
  }

  /** Ends every connection once what was sent is on its way; resolves when all are closed. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopTimers()
    const connections = new Set(this.#open.values())
    for (const connection of connections) connection.close()
    await allClosed(this.#options.clock, connections, STOP_GRACE_MS)
  }

  #connect(address: string, timeoutMs: number): Promise<Connection> {
    const opening = this.#opening.get(address)
    if (opening !== undefined) return opening
    const attempt = this.#openConnection(address, Math.min(timeoutMs, CONNECT_TIMEOUT_MS))
    this.#opening.set(address, attempt)
    const done = (): boolean => this.#opening.delete(address)
    attempt.then(done, done)
    return attempt
  }

  async #openConnection(address: string, timeoutMs: number): Promise<Connection> {
    const { network, clock } = this.#options
    this.#checkRunning()
    this.#backoffs.check(address, clock.monoMs())
    let connection: Connection | null = null
    try {
      await network.connect(parseAddress(address), { timeoutMs }, (stream) => {
        connection = this.#newConnection(stream)
        return connection
      })
    } catch (error) {
      this.#backoffs.noteFailure(address, clock.monoMs(), error)
      throw error
    }
    if (connection === null) throw new MqError('UNREACHABLE', `no connection to ${address}`)
    this.#adopt(address, connection)
    this.#checkRunning()
    return connection
  }

  #newConnection(stream: Stream): Connection {
    const { clock, logger, handlers } = this.#options
    return new Connection({
      stream,
      clock,
      logger,
      warnings: this.#warnings,
      expectsFirstFrame: false,
      onRequest: (request, peer) => dispatch(handlers ?? NO_HANDLERS, logger, request, peer),
    })
  }

  #adopt(address: string, connection: Connection): void {
    const { clock, onClosed } = this.#options
    this.#open.set(address, connection)
    connection.onClosed(() => {
      if (this.#open.get(address) === connection) this.#open.delete(address)
      if (this.#open.size === 0) this.#stopTimers()
      // A server that accepts and at once closes (it is full, or is stopping) has refused, too.
      if (connection.frameCount > 0) this.#backoffs.noteSuccess(address)
      else this.#backoffs.noteFailure(address, clock.monoMs(), closedUnheard(address))
      onClosed?.(address)
    })
    if (this.#isStopped) connection.close()
    else this.#sweep ??= sweepConnections(clock, () => this.#open.values())
  }

  #stopTimers(): void {
    this.#sweep?.cancel()
    this.#sweep = null
    this.#deadlines.cancel()
  }

  #checkRunning(): void {
    if (this.#isStopped) throw new MqError('CONNECTION_CLOSED', 'this client was stopped')
  }
}

function closedUnheard(address: string): MqError {
  return new MqError('CONNECTION_CLOSED', `${address} closed the connection without a word`)
}
