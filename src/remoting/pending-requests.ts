// Requests of one connection that wait for their answer, by opaque number.

import { MqError } from '../core/errors.ts'
import { IN_FLIGHT_COUNT_MAX } from '../core/limits.ts'
import type { Command } from './command.ts'

interface PendingRequest {
  sentMs: number
  timeoutMs: number
  resolve: (response: Command) => void
  reject: (error: MqError) => void
}

export class PendingRequests {
  readonly #peer: string
  readonly #requests = new Map<number, PendingRequest>()
  #nextOpaque = 0
  /** A lower bound, so that most sweeps look at nothing. */
  #nextDeadlineMs = Number.POSITIVE_INFINITY

  constructor(peer: string) {
    this.#peer = peer
  }

  get isFull(): boolean {
    return this.#requests.size >= IN_FLIGHT_COUNT_MAX
  }

  /** No request is due before this; infinity if there is none. */
  get nextDeadlineMs(): number {
    return this.#requests.size === 0 ? Number.POSITIVE_INFINITY : this.#nextDeadlineMs
  }

  has(opaque: number): boolean {
    return this.#requests.has(opaque)
  }

  takeOpaque(): number {
    const opaque = this.#nextOpaque
    this.#nextOpaque = (opaque + 1) & 0x7fff_ffff
    return opaque
  }

  add(opaque: number, request: PendingRequest): void {
    this.#requests.set(opaque, request)
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, request.sentMs + request.timeoutMs)
  }

  /** An answer that came after its deadline has nobody waiting for it and is dropped. */
  resolve(response: Command): void {
    const request = this.#requests.get(response.opaque)
    if (request === undefined) return
    this.#requests.delete(response.opaque)
    request.resolve(response)
  }

  /** Fails what is overdue; returns when the latest of those was sent, or null if none was. */
  expire(nowMs: number): number | null {
    if (nowMs < this.#nextDeadlineMs) return null
    let sentMs: number | null = null
    let error: MqError | null = null
    let errorTimeoutMs = 0
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY
    for (const [opaque, request] of this.#requests) {
      const deadlineMs = request.sentMs + request.timeoutMs
      if (nowMs < deadlineMs) {
        this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs)
        continue
      }
      this.#requests.delete(opaque)
      sentMs = Math.max(sentMs ?? 0, request.sentMs)
      // Thousands fail together when a peer does; an error of their own would cost each a stack.
      if (error === null || errorTimeoutMs !== request.timeoutMs) {
        error = this.#timeoutError(request.timeoutMs)
        errorTimeoutMs = request.timeoutMs
      }
      request.reject(error)
    }
    return sentMs
  }

  failAll(error: MqError): void {
    for (const request of this.#requests.values()) request.reject(error)
    this.#requests.clear()
  }

  #timeoutError(timeoutMs: number): MqError {
    return new MqError('TIMED_OUT', `no answer from ${this.#peer} within ${timeoutMs} ms`)
  }
}
