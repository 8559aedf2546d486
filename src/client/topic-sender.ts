// What the two ways of sending a topic's messages, spread out and by key, have in common: waiting for
// the route, settling, and the time an attempt may take.

import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import type { FaultLadder } from './fault-ladder.ts'
import type { MessageQueue, SendReceipt } from './message.ts'
import type { PublishRoute, PublishRoutes } from './publish-route.ts'
import {
  type BatchLimits,
  batchOf,
  deadlineOf,
  type PendingSend,
  type SendBatch,
} from './send-batch.ts'
import { SendLane } from './send-lane.ts'
import type { Transmitter } from './transmitter.ts'
import type { TurnEnd } from './turn-end.ts'

export interface TopicSenderOptions {
  topic: string
  clock: Clock
  routes: PublishRoutes
  transmitter: Transmitter
  faults: FaultLadder
  turnEnd: TurnEnd
  avoidsFaults: boolean
  refreshesRoutes: boolean
  retries: number
  timeoutMs: number
  limits: BatchLimits
  lingerMs: number
  onDone: (send: PendingSend, receipts: SendReceipt[]) => void
  onGivenUp: (send: PendingSend, error: unknown) => void
}

export abstract class TopicSender {
  protected readonly options: TopicSenderOptions
  /** Came before the route did. */
  #waiting: PendingSend[] = []

  constructor(options: TopicSenderOptions) {
    this.options = options
  }

  /** Takes the send; it will be settled through `onDone` or `onGivenUp`. */
  add(send: PendingSend): void {
    const route = this.options.routes.peek(this.options.topic)
    // Nobody passes those who wait, even if the route has come meanwhile.
    if (route !== null && this.#waiting.length === 0) {
      this.dispatch(send, route)
      return
    }
    this.#waiting.push(send)
    if (this.#waiting.length === 1) void this.#load()
  }

  /** The topic's queues, or their addresses, changed. */
  abstract noteRoute(route: PublishRoute): void

  protected abstract dispatch(send: PendingSend, route: PublishRoute): void

  protected newLane(
    queue: MessageQueue,
    batchesInFlightMax: number,
    run: (batch: SendBatch, queue: MessageQueue) => Promise<void>,
  ): SendLane {
    const { clock, turnEnd, limits, lingerMs } = this.options
    return new SendLane({ queue, clock, turnEnd, limits, lingerMs, batchesInFlightMax, run })
  }

  /** One attempt within the time left: each gets an equal part, so that one slow broker leaves time. */
  protected async attempt(
    batch: SendBatch,
    queue: MessageQueue,
    layoutTag: string | null = null,
  ): Promise<void> {
    const { clock, retries, timeoutMs, transmitter } = this.options
    const leftMs = deadlineOf(batch) - clock.monoMs()
    const partMs = Math.ceil(timeoutMs / (retries + 1))
    const receipts = await transmitter.attempt({
      batch,
      queue,
      timeoutMs: Math.max(1, Math.min(leftMs, partMs)),
      layoutTag,
    })
    let at = 0
    for (const send of batch.sends) {
      this.options.onDone(send, receipts.slice(at, at + send.messages.length))
      at += send.messages.length
    }
  }

  /** Gives up what is out of time; null if nobody is left. */
  protected withoutExpired(batch: SendBatch): SendBatch | null {
    const { clock, timeoutMs } = this.options
    const nowMs = clock.monoMs()
    const alive = batch.sends.filter((send) => nowMs < send.deadlineMs)
    if (alive.length === batch.sends.length) return batch
    for (const send of batch.sends) {
      if (nowMs < send.deadlineMs) continue
      const late = new MqError('TIMED_OUT', `it could not be sent within ${timeoutMs} ms`)
      this.options.onGivenUp(send, send.lastError ?? late)
    }
    return alive.length === 0 ? null : batchOf(alive)
  }

  protected giveUp(batch: SendBatch, error: unknown): void {
    for (const send of batch.sends) this.options.onGivenUp(send, error)
  }

  async #load(): Promise<void> {
    const { routes, topic, onGivenUp } = this.options
    try {
      const route = await routes.get(topic)
      for (const send of this.#takeWaiting()) this.dispatch(send, route)
    } catch (error) {
      for (const send of this.#takeWaiting()) onGivenUp(send, error)
    }
  }

  #takeWaiting(): PendingSend[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}
