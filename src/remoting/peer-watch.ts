// What a peer owes while it is connected: to speak soon, to finish the frames it starts, to read its
// answers, and to show now and then that it is alive. Pure: the connection reports, this judges.

import {
  FIRST_FRAME_TIMEOUT_MS,
  FRAME_RATE_GRACE_MS,
  FRAME_RATE_MIN_BYTES_PER_SECOND,
  FRAME_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  OUTPUT_STALL_TIMEOUT_MS,
} from '../core/limits.ts'

export interface PeerState {
  heldBytes: number
  outputBytes: number
  /** We do not read from it at the moment, so it cannot finish its frame. */
  isReadPaused: boolean
}

export class PeerWatch {
  readonly #openedMs: number
  #awaitsFirstFrame: boolean
  #receivedMs: number
  #activeMs: number
  #frameStartedMs: number
  #stalledSinceMs: number | null = null

  constructor(options: { nowMs: number; expectsFirstFrame: boolean }) {
    this.#openedMs = options.nowMs
    this.#receivedMs = options.nowMs
    this.#activeMs = options.nowMs
    this.#frameStartedMs = options.nowMs
    this.#awaitsFirstFrame = options.expectsFirstFrame
  }

  /** When bytes last came from it, or else when it was connected. */
  get receivedMs(): number {
    return this.#receivedMs
  }

  /** Bytes came, and completed `frameCount` frames. */
  noteReceived(nowMs: number, received: { hadHeld: boolean; frameCount: number }): void {
    this.#receivedMs = nowMs
    this.#activeMs = nowMs
    if (received.frameCount > 0) this.#awaitsFirstFrame = false
    if (received.frameCount > 0 || !received.hadHeld) this.#frameStartedMs = nowMs
  }

  /** Reading goes on after a pause of ours, which was not the peer's fault. */
  noteResumed(nowMs: number): void {
    this.#frameStartedMs = nowMs
  }

  /** The transport was offered `before` bytes and left `left` of them. */
  noteWritten(nowMs: number, output: { before: number; left: number }): void {
    const hasProgress = output.left < output.before
    if (hasProgress) this.#activeMs = nowMs
    if (output.left === 0) this.#stalledSinceMs = null
    else if (this.#stalledSinceMs === null || hasProgress) this.#stalledSinceMs = nowMs
  }

  /** Why the peer must go, or null. */
  complaint(nowMs: number, state: PeerState): string | null {
    if (this.#awaitsFirstFrame && nowMs - this.#openedMs > FIRST_FRAME_TIMEOUT_MS) {
      return `no request within ${FIRST_FRAME_TIMEOUT_MS} ms of connecting`
    }
    if (state.heldBytes > 0 && !state.isReadPaused) {
      const tookMs = nowMs - this.#frameStartedMs
      if (tookMs > FRAME_TIMEOUT_MS) return `a frame is incomplete after ${FRAME_TIMEOUT_MS} ms`
      const owedBytes = (FRAME_RATE_MIN_BYTES_PER_SECOND * tookMs) / 1_000
      if (tookMs > FRAME_RATE_GRACE_MS && state.heldBytes < owedBytes) {
        return `${state.heldBytes} bytes of a frame in ${Math.round(tookMs)} ms are too slow`
      }
    }
    if (this.#stalledSinceMs !== null && nowMs - this.#stalledSinceMs > OUTPUT_STALL_TIMEOUT_MS) {
      return `${state.outputBytes} bytes unread for ${OUTPUT_STALL_TIMEOUT_MS} ms`
    }
    return null
  }

  /** Nothing went either way for so long that the peer is taken for gone. */
  isIdle(nowMs: number): boolean {
    return nowMs - this.#activeMs > IDLE_TIMEOUT_MS
  }
}
