// A node's outgoing connections, one per address, opened on first use and again after a loss. A peer
// that refused is left alone for a while that doubles with every refusal, so that a thousand waiting
// requests do not become a thousand connection attempts.

import type { Clock, Timer } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { parseAddress } from './address.ts'
import { RESPONSE } from './codes.ts'
import type { Command, RequestOptions } from './command.ts'
import { Connection } from './connection.ts'
import { dispatch, type Handlers } from './dispatch.ts'
import type { Network } from './network.ts'
import { errorFromResponse } from './wire-errors.ts'

const CONNECT_TIMEOUT_MS = 3_000
const BACKOFF_MS_MIN = 50
const BACKOFF_MS_MAX = 3_000
const SWEEP_INTERVAL_MS = 100

export interface ChannelsOptions {
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  /** Requests that the other side sends us, such as "the group's members changed". */
  handlers?: Handlers
  onClosed?: (address: string) => void
}

interface Backoff {
  untilMs: number
  delayMs: number
  error: unknown
}

export class Channels {
  readonly #options: ChannelsOptions
  readonly #open = new Map<string, Connection>()
  readonly #opening = new Map<string, Promise<Connection>>()
  readonly #backoffs = new Map<string, Backoff>()
  #sweep: Timer | null = null
  #isStopped = false

  constructor(options: ChannelsOptions) {
    this.#options = options
  }

  /** Resolves with the answer, whatever its code. Rejects if there is none. */
  async invoke(
    address: string,
    code: number,
    options: RequestOptions & { timeoutMs: number },
  ): Promise<Command> {
    const startedMs = this.#options.clock.monoMs()
    const connection = this.#open.get(address) ?? (await this.#connect(address, options.timeoutMs))
    const leftMs = options.timeoutMs - (this.#options.clock.monoMs() - startedMs)
    if (leftMs <= 0) {
      throw new MqError('TIMED_OUT', `no connection to ${address} within ${options.timeoutMs} ms`)
    }
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

  /** Drops the connection to one peer, e.g. after a request that timed out. */
  drop(address: string): void {
    this.#open.get(address)?.destroy()
  }

  stop(): void {
    this.#isStopped = true
    this.#sweep?.cancel()
    for (const connection of this.#open.values()) connection.close()
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
    const { network, clock, logger, handlers } = this.#options
    if (this.#isStopped) throw new MqError('CONNECTION_CLOSED', 'this client was stopped')
    const backoff = this.#backoffs.get(address)
    if (backoff !== undefined && clock.monoMs() < backoff.untilMs) throw backoff.error
    let connection: Connection | null = null
    try {
      await network.connect(parseAddress(address), { timeoutMs }, (stream) => {
        connection = new Connection({
          stream,
          clock,
          logger,
          expectsFirstFrame: false,
          onRequest: (request, peer) => dispatch(handlers ?? new Map(), logger, request, peer),
        })
        return connection
      })
    } catch (error) {
      this.#noteFailure(address, error)
      throw error
    }
    if (connection === null) throw new MqError('UNREACHABLE', `no connection to ${address}`)
    this.#backoffs.delete(address)
    this.#adopt(address, connection)
    return connection
  }

  #adopt(address: string, connection: Connection): void {
    const { clock, onClosed } = this.#options
    this.#open.set(address, connection)
    connection.onClosed(() => {
      if (this.#open.get(address) === connection) this.#open.delete(address)
      onClosed?.(address)
    })
    if (this.#isStopped) connection.close()
    this.#sweep ??= clock.every(SWEEP_INTERVAL_MS, () => {
      const nowMs = clock.monoMs()
      for (const open of this.#open.values()) open.checkTimeouts(nowMs)
    })
  }

  /** The wait is random within its bound, so that clients do not come back in step. */
  #noteFailure(address: string, error: unknown): void {
    const { clock, random } = this.#options
    const previous = this.#backoffs.get(address)
    const delayMs = Math.min(BACKOFF_MS_MAX, (previous?.delayMs ?? BACKOFF_MS_MIN / 2) * 2)
    const waitMs = delayMs * (0.5 + random.float() / 2)
    this.#backoffs.set(address, { untilMs: clock.monoMs() + waitMs, delayMs, error })
  }
}
