// One peer: frames in and out, in both directions. Either side may send requests; answers are
// matched by their opaque number. The owner (server.ts or channels.ts) supplies what handles requests and calls
// `checkTimeouts` now and then; a connection owns no timer.

import type { Clock } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import {
  FIRST_FRAME_TIMEOUT_MS,
  FRAME_BYTES_MAX,
  FRAME_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  IN_FLIGHT_COUNT_MAX,
  OUTPUT_BYTES_MAX,
  OUTPUT_STALL_TIMEOUT_MS,
} from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { formatAddress } from './address.ts'
import {
  type Command,
  isOneway,
  isResponse,
  type RequestOptions,
  type Response,
  requestCommand,
  responseCommand,
} from './command.ts'
import { decodeFrame, FrameSplitter } from './frame.ts'
import type { HostPort, Stream, StreamHandlers } from './network.ts'
import { OutputBuffer } from './output-buffer.ts'

export type RequestListener = (request: Command, connection: Connection) => void

interface PendingRequest {
  deadlineMs: number
  timeoutMs: number
  resolve: (response: Command) => void
  reject: (error: MqError) => void
}

export interface ConnectionOptions {
  stream: Stream
  clock: Clock
  logger: Logger
  onRequest: RequestListener
  /** Whether the peer must speak first, and soon: true on a server. */
  expectsFirstFrame: boolean
}

export class Connection implements StreamHandlers {
  readonly remote: HostPort
  readonly local: HostPort
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onRequest: RequestListener
  readonly #splitter = new FrameSplitter()
  readonly #output = new OutputBuffer()
  readonly #pending = new Map<number, PendingRequest>()
  readonly #closeListeners: (() => void)[] = []
  #nextOpaque = 0
  #isFlushPlanned = false
  #isReadPaused = false
  #isClosed = false
  #awaitsFirstFrame: boolean
  readonly #openedMs: number
  #lastActiveMs: number
  #frameStartedMs = 0
  #stalledSinceMs: number | null = null

  constructor(options: ConnectionOptions) {
    this.#stream = options.stream
    this.remote = options.stream.remote
    this.local = options.stream.local
    this.#clock = options.clock
    this.#logger = options.logger
    this.#onRequest = options.onRequest
    this.#awaitsFirstFrame = options.expectsFirstFrame
    this.#openedMs = options.clock.monoMs()
    this.#lastActiveMs = this.#openedMs
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes the peer has not taken yet. Answers are sized by the room left below OUTPUT_BYTES_MAX. */
  get outputBytes(): number {
    return this.#output.bytes
  }

  get peer(): string {
    return formatAddress(this.remote)
  }

  onClosed(listener: () => void): void {
    if (this.#isClosed) listener()
    else this.#closeListeners.push(listener)
  }

  /** Answers `request`, unless it wants no answer or the peer is gone. */
  respond(request: Command, response: Response): void {
    if (!isOneway(request)) this.#send(responseCommand(request, response))
  }

  /** Sends a request; resolves with whatever the peer answers, success or not. */
  invoke(code: number, options: RequestOptions, timeoutMs: number): Promise<Command> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new MqError('CONNECTION_CLOSED', `the connection to ${this.peer} is closed`))
        return
      }
      if (this.#pending.size >= IN_FLIGHT_COUNT_MAX) {
        reject(
          new MqError(
            'BROKER_BUSY',
            `${IN_FLIGHT_COUNT_MAX} requests to ${this.peer} are under way`,
          ),
        )
        return
      }
      const opaque = this.#takeOpaque()
      const deadlineMs = this.#clock.monoMs() + timeoutMs
      this.#pending.set(opaque, { deadlineMs, timeoutMs, resolve, reject })
      this.#send(requestCommand(code, { ...options, opaque }))
    })
  }

  sendOneway(code: number, options: RequestOptions): void {
    this.#send(requestCommand(code, { ...options, opaque: this.#takeOpaque(), isOneway: true }))
  }

  /** Ends the connection once what was sent is on its way. */
  close(): void {
    if (this.#isClosed) return
    this.#flush()
    this.#stream.end()
  }

  destroy(): void {
    if (!this.#isClosed) this.#stream.destroy()
  }

  onData(chunk: Buffer): void {
    if (this.#isClosed) return
    const nowMs = this.#clock.monoMs()
    this.#lastActiveMs = nowMs
    if (this.#splitter.heldBytes === 0) this.#frameStartedMs = nowMs
    try {
      this.#splitter.push(chunk, (frame) => {
        this.#awaitsFirstFrame = false
        this.#frameStartedMs = nowMs
        this.#receive(decodeFrame(frame))
      })
    } catch (error) {
      if (!(error instanceof MqError)) throw error
      this.#logger.warn(`closing ${this.peer}: ${error.message}`)
      this.destroy()
    }
  }

  onDrain(): void {
    this.#flush()
  }

  onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#output.clear()
    for (const request of this.#pending.values()) {
      request.reject(new MqError('CONNECTION_CLOSED', `${this.peer} closed the connection`))
    }
    this.#pending.clear()
    for (const listener of this.#closeListeners) listener()
  }

  /** Fails overdue requests and closes a peer that holds resources without using them. */
  checkTimeouts(nowMs: number): void {
    if (this.#isClosed) return
    for (const [opaque, request] of this.#pending) {
      if (nowMs < request.deadlineMs) continue
      this.#pending.delete(opaque)
      request.reject(
        new MqError('TIMED_OUT', `no answer from ${this.peer} within ${request.timeoutMs} ms`),
      )
    }
    const reason = this.#timeoutReason(nowMs)
    if (reason === null) return
    this.#logger.warn(`closing ${this.peer}: ${reason}`)
    this.destroy()
  }

  #timeoutReason(nowMs: number): string | null {
    if (this.#awaitsFirstFrame && nowMs - this.#openedMs > FIRST_FRAME_TIMEOUT_MS) {
      return `no request within ${FIRST_FRAME_TIMEOUT_MS} ms of connecting`
    }
    if (this.#splitter.heldBytes > 0 && nowMs - this.#frameStartedMs > FRAME_TIMEOUT_MS) {
      return `a frame is incomplete after ${FRAME_TIMEOUT_MS} ms`
    }
    if (this.#stalledSinceMs !== null && nowMs - this.#stalledSinceMs > OUTPUT_STALL_TIMEOUT_MS) {
      return `${this.#output.bytes} bytes unread for ${OUTPUT_STALL_TIMEOUT_MS} ms`
    }
    if (nowMs - this.#lastActiveMs > IDLE_TIMEOUT_MS) return `idle for ${IDLE_TIMEOUT_MS} ms`
    return null
  }

  #receive(command: Command): void {
    if (!isResponse(command)) {
      this.#onRequest(command, this)
      return
    }
    const request = this.#pending.get(command.opaque)
    // An answer that came after its deadline has nobody waiting for it.
    if (request === undefined) return
    this.#pending.delete(command.opaque)
    request.resolve(command)
  }

  #send(command: Command): void {
    if (this.#isClosed) return
    try {
      this.#output.append(command)
    } catch (error) {
      this.#logger.error(`dropping an answer to ${this.peer}: ${describeError(error)}`)
      return
    }
    if (this.#output.bytes > OUTPUT_BYTES_MAX + FRAME_BYTES_MAX) {
      this.#logger.warn(`closing ${this.peer}: ${this.#output.bytes} bytes unread`)
      this.destroy()
      return
    }
    // One write for all answers of this turn: a system call costs more than encoding them.
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    queueMicrotask(() => {
      this.#isFlushPlanned = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#isClosed) return
    const nowMs = this.#clock.monoMs()
    const before = this.#output.bytes
    this.#output.flush((bytes) => this.#stream.write(bytes))
    const left = this.#output.bytes
    if (left < before) this.#lastActiveMs = nowMs
    if (left === 0) this.#stalledSinceMs = null
    else if (this.#stalledSinceMs === null || left < before) this.#stalledSinceMs = nowMs
    this.#limitReading(left)
  }

  /** A peer that does not read its answers is not asked for more requests. */
  #limitReading(outputBytes: number): void {
    if (!this.#isReadPaused && outputBytes > OUTPUT_BYTES_MAX) {
      this.#isReadPaused = true
      this.#stream.pause()
    } else if (this.#isReadPaused && outputBytes <= OUTPUT_BYTES_MAX / 2) {
      this.#isReadPaused = false
      this.#stream.resume()
    }
  }

  #takeOpaque(): number {
    const opaque = this.#nextOpaque
    this.#nextOpaque = (opaque + 1) & 0x7fff_ffff
    return opaque
  }
}
