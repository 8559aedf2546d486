// One peer: frames in and out, in both directions. Either side may send requests; answers are
// matched by their opaque number. The owner (server.ts or channels.ts) supplies what handles requests
// and calls `checkTimeouts` now and then; a connection owns no timer.
//
// Every request that is not one-way must be answered by its handler, sooner or later: the count of
// those that are not is bounded, and reading stops at the bound.

import type { Clock } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX, IN_FLIGHT_COUNT_MAX, OUTPUT_BYTES_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { formatAddress } from './address.ts'
import type { ByteBudget } from './byte-budget.ts'
import { RESPONSE } from './codes.ts'
import {
  type Command,
  type HeaderEncoding,
  isOneway,
  isResponse,
  type RequestOptions,
  type Response,
  requestParts,
  responseParts,
} from './command.ts'
import { decodeFrame, type FrameParts } from './frame.ts'
import { FrameSplitter } from './frame-splitter.ts'
import type { HostPort, Stream, StreamHandlers } from './network.ts'
import { OutputBuffer } from './output-buffer.ts'
import { PeerWatch } from './peer-watch.ts'
import { PendingRequests } from './pending-requests.ts'
import type { RemoteWarnings } from './remote-warnings.ts'

export type RequestListener = (request: Command, connection: Connection) => void

/** A connection that holds less than this is not what exhausts the budget of all. */
const BLAMED_BYTES_MIN = 64 * 1024

export interface ConnectionOptions {
  stream: Stream
  clock: Clock
  logger: Logger
  warnings: RemoteWarnings
  onRequest: RequestListener
  /** Whether the peer must speak first, and soon: true on a server. */
  expectsFirstFrame: boolean
  /** Shared by the connections of a server. */
  budget?: ByteBudget
}

export class Connection implements StreamHandlers {
  readonly remote: HostPort
  readonly local: HostPort
  readonly peer: string
  readonly #options: ConnectionOptions
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #splitter = new FrameSplitter()
  readonly #output = new OutputBuffer()
  readonly #pending: PendingRequests
  readonly #watch: PeerWatch
  readonly #closeListeners: (() => void)[] = []
  /** Requests that wait for the peer to read what was sent before. */
  #deferred: FrameParts[] = []
  #frameCount = 0
  #unansweredCount = 0
  #budgetedBytes = 0
  #isFlushPlanned = false
  #isReadPaused = false
  #isClosing = false
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#stream = options.stream
    this.#clock = options.clock
    this.remote = options.stream.remote
    this.local = options.stream.local
    this.peer = formatAddress(this.remote)
    this.#pending = new PendingRequests(this.peer)
    this.#watch = new PeerWatch({
      nowMs: options.clock.monoMs(),
      expectsFirstFrame: options.expectsFirstFrame,
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes the peer has not taken yet. Answers are sized by the room left below OUTPUT_BYTES_MAX. */
  get outputBytes(): number {
    return this.#output.bytes
  }

  /** Frames received so far. */
  get frameCount(): number {
    return this.#frameCount
  }

  /** None of our requests is overdue before this. */
  get nextDeadlineMs(): number {
    return this.#pending.nextDeadlineMs
  }

  onClosed(listener: () => void): void {
    if (this.#isClosed) listener()
    else this.#closeListeners.push(listener)
  }

  /** Answers `request`, unless it wants no answer or the peer is gone. */
  respond(request: Command, response: Response): void {
    if (isOneway(request)) return
    this.#unansweredCount--
    if (this.#isClosed) return
    try {
      this.#send(responseParts(request, response), request.encoding)
    } catch (error) {
      if (!(error instanceof MqError)) throw error
      this.#options.logger.error(`answer to request ${request.code} not sent: ${error.message}`)
      const answer = { code: RESPONSE.systemError, remark: describeError(error) }
      this.#send(responseParts(request, answer), request.encoding)
    }
  }

  /** Sends a request; resolves with whatever the peer answers, success or not. */
  invoke(code: number, options: RequestOptions, timeoutMs: number): Promise<Command> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || this.#isClosing) {
        throw new MqError('CONNECTION_CLOSED', `the connection to ${this.peer} is closed`)
      }
      if (this.#pending.isFull) {
        const count = `${IN_FLIGHT_COUNT_MAX} requests`
        throw new MqError('BROKER_BUSY', `${count} to ${this.peer} are under way`)
      }
      const opaque = this.#pending.takeOpaque()
      const parts = requestParts(code, options, opaque)
      if (this.#output.bytes > OUTPUT_BYTES_MAX) this.#deferred.push(parts)
      else this.#send(parts, 'json')
      this.#pending.add(opaque, { sentMs: this.#clock.monoMs(), timeoutMs, resolve, reject })
    })
  }

  sendOneway(code: number, options: RequestOptions): void {
    if (this.#isClosed) return
    this.#send(requestParts(code, options, this.#pending.takeOpaque(), true), 'json')
  }

  /** Ends the connection once what was sent is on its way. */
  close(): void {
    this.#unansweredCount = 0
    this.closeWhenAnswered()
  }

  /** Reads no more, and ends the connection once what was asked is answered. */
  closeWhenAnswered(): void {
    if (this.#isClosed) return
    this.#isClosing = true
    this.#splitter.stop()
    this.#flush()
  }

  destroy(): void {
    if (!this.#isClosed) this.#stream.destroy()
  }

  onData(chunk: Buffer): void {
    if (this.#isClosed || this.#isClosing) return
    const hadHeld = this.#splitter.heldBytes > 0
    const countBefore = this.#frameCount
    try {
      this.#splitter.push(chunk, this.#onFrame)
    } catch (error) {
      if (!(error instanceof MqError)) throw error
      this.#dismiss(error.message)
      return
    }
    const frameCount = this.#frameCount - countBefore
    this.#watch.noteReceived(this.#clock.monoMs(), { hadHeld, frameCount })
    this.#limitReading()
    this.#account()
  }

  onDrain(): void {
    this.#flush()
  }

  onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#splitter.stop()
    this.#output.clear()
    this.#deferred = []
    this.#account()
    this.#pending.failAll(new MqError('CONNECTION_CLOSED', `${this.peer} closed the connection`))
    for (const listener of this.#closeListeners) listener()
  }

  /** Fails overdue requests and closes a peer that holds resources without using them. */
  checkTimeouts(nowMs: number): void {
    if (this.#isClosed) return
    const overdueSentMs = this.#pending.expire(nowMs)
    const isReadPaused = this.#isReadPaused
    const isSilent = overdueSentMs !== null && this.#watch.receivedMs < overdueSentMs
    if (isSilent && !isReadPaused && !this.#options.expectsFirstFrame) {
      // Nothing at all came back since: perhaps the peer is gone and nobody told us. A new
      // connection finds out, this one would time out again and again. Only of those we connect to:
      // a client may not know what its server asks, and be silent because it waits for messages.
      this.#dismiss('it went silent')
      return
    }
    const complaint = this.#watch.complaint(nowMs, {
      heldBytes: this.#splitter.heldBytes,
      outputBytes: this.#output.bytes,
      isReadPaused,
    })
    if (complaint !== null) {
      this.#dismiss(complaint)
    } else if (this.#watch.isIdle(nowMs)) {
      this.#options.logger.debug(`closing ${this.peer}: idle`)
      this.destroy()
    }
  }

  readonly #onFrame = (bytes: Buffer, start: number, end: number): void => {
    this.#frameCount++
    const command = decodeFrame(bytes, start, end)
    if (isResponse(command)) {
      this.#pending.resolve(command)
      return
    }
    if (!isOneway(command)) this.#unansweredCount++
    this.#options.onRequest(command, this)
  }

  #dismiss(reason: string): void {
    this.#options.warnings.warn(`closing ${this.peer}: ${reason}`)
    this.destroy()
  }

  #send(parts: FrameParts, encoding: HeaderEncoding): void {
    this.#output.append(parts, encoding)
    if (this.#output.bytes > OUTPUT_BYTES_MAX + FRAME_BYTES_MAX) {
      this.#dismiss(`${this.#output.bytes} bytes unread`)
      return
    }
    // One write for all answers of this turn: a system call costs more than encoding them.
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    queueMicrotask(this.#flushPlanned)
  }

  readonly #flushPlanned = (): void => {
    this.#isFlushPlanned = false
    this.#flush()
  }

  #flush(): void {
    if (this.#isClosed) return
    const before = this.#output.bytes
    this.#output.flush(this.#write)
    const left = this.#output.bytes
    this.#watch.noteWritten(this.#clock.monoMs(), { before, left })
    if (left <= OUTPUT_BYTES_MAX / 2 && this.#deferred.length > 0) this.#sendDeferred()
    this.#limitReading()
    this.#account()
    if (this.#isClosing && this.#unansweredCount <= 0 && this.#output.bytes === 0) {
      this.#stream.end()
    }
  }

  readonly #write = (bytes: Uint8Array): number => this.#stream.write(bytes)

  #sendDeferred(): void {
    let count = 0
    for (const parts of this.#deferred) {
      if (this.#output.bytes > OUTPUT_BYTES_MAX) break
      count++
      // Whoever asked may have given up meanwhile.
      if (this.#pending.has(parts.opaque)) this.#send(parts, 'json')
    }
    this.#deferred = this.#deferred.slice(count)
  }

  /** A peer that does not read its answers, or outruns them, is not asked for more requests. */
  #limitReading(): void {
    const output = this.#output.bytes / OUTPUT_BYTES_MAX
    const load = Math.max(output, this.#unansweredCount / IN_FLIGHT_COUNT_MAX)
    if (!this.#isReadPaused && load > 1) {
      this.#isReadPaused = true
      this.#stream.pause()
    } else if (this.#isReadPaused && load <= 0.5) {
      this.#isReadPaused = false
      this.#watch.noteResumed(this.#clock.monoMs())
      this.#stream.resume()
    }
  }

  #account(): void {
    const { budget } = this.#options
    if (budget === undefined) return
    const bytes = this.#splitter.heldBytes + this.#output.bytes
    budget.add(bytes - this.#budgetedBytes)
    const isGrowing = bytes > this.#budgetedBytes
    this.#budgetedBytes = bytes
    if (isGrowing && bytes > BLAMED_BYTES_MIN && budget.isExceeded) {
      this.#dismiss(`${budget.bytes} bytes are held for all peers, ${bytes} of them for this one`)
    }
  }
}
