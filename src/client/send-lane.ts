// The way to one queue: sends wait here until a batch of them may leave. Whoever owns the lane decides
// what leaving means; a lane only bounds how many batches are on their way at once.

import type { Clock, Timer } from '../core/clock.ts'
import type { MessageQueue } from './message.ts'
import { type BatchLimits, type PendingSend, type SendBatch, takeBatch } from './send-batch.ts'
import type { TurnEnd } from './turn-end.ts'

export interface SendLaneOptions {
  queue: MessageQueue
  clock: Clock
  /** Shared by the lanes of a producer. */
  turnEnd: TurnEnd
  limits: BatchLimits
  lingerMs: number
  /** 1 keeps the order of the queue. */
  batchesInFlightMax: number
  /** Settles every send of the batch, or keeps it elsewhere. Never rejects. */
  run: (batch: SendBatch, queue: MessageQueue) => Promise<void>
}

export class SendLane {
  readonly queue: MessageQueue
  readonly #options: SendLaneOptions
  #pending: PendingSend[] = []
  #pendingBytes = 0
  #inFlightCount = 0
  #isPlanned = false
  #linger: Timer | null = null

  constructor(options: SendLaneOptions) {
    this.queue = options.queue
    this.#options = options
  }

  get isInFlight(): boolean {
    return this.#inFlightCount > 0
  }

  add(send: PendingSend): void {
    this.#pending.push(send)
    this.#pendingBytes += send.bytes
    this.#plan()
  }

  /** Takes out what has not left yet. */
  takeAll(): PendingSend[] {
    const sends = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    this.#linger?.cancel()
    this.#linger = null
    return sends
  }

  #plan(): void {
    // A lane that is busy goes on by itself when a batch returns: what waits travels together then.
    if (this.#inFlightCount >= this.#options.batchesInFlightMax) return
    const { lingerMs, limits, clock } = this.#options
    const isFull =
      this.#pending.length >= limits.messagesMax || this.#pendingBytes >= limits.bytesMax
    if (lingerMs > 0 && !isFull) this.#linger ??= clock.after(lingerMs, () => this.#pump())
    else this.#planPump()
  }

  #planPump(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#options.turnEnd.plan(() => {
      this.#isPlanned = false
      this.#pump()
    })
  }

  #pump(): void {
    this.#linger?.cancel()
    this.#linger = null
    while (this.#inFlightCount < this.#options.batchesInFlightMax) {
      const batch = takeBatch(this.#pending, this.#options.limits)
      if (batch === null) break
      for (const send of batch.sends) this.#pendingBytes -= send.bytes
      this.#inFlightCount++
      void this.#options.run(batch, this.queue).then(() => {
        this.#inFlightCount--
        if (this.#pending.length > 0) this.#planPump()
      })
    }
  }
}
