// Sends spread over a topic's queues. Order is not promised, so several batches of a queue may be on
// their way at once, and one that failed tries its luck on another broker.

import { sleep } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import type { MessageQueue } from './message.ts'
import type { PublishRoute } from './publish-route.ts'
import type { SpreadPolicy } from './queue-policy.ts'
import { batchOf, type PendingSend, type SendBatch } from './send-batch.ts'
import type { SendLane } from './send-lane.ts'
import { isBlameableOnBatch, isRetriable } from './send-outcome.ts'
import { TopicSender, type TopicSenderOptions } from './topic-sender.ts'

/** Enough to keep a broker busy while it answers; more would only make smaller batches. */
const BATCHES_IN_FLIGHT_MAX = 8
/** Before the same broker is tried again; four times as long each time. */
const SAME_BROKER_WAIT_MS = 100

export class SpreadSender extends TopicSender {
  readonly #policy: SpreadPolicy
  #queues: readonly MessageQueue[] = []
  #lanes = new Map<MessageQueue, SendLane>()

  constructor(options: TopicSenderOptions, policy: SpreadPolicy) {
    super(options)
    this.#policy = policy
  }

  noteRoute(route: PublishRoute): void {
    if (route.queues === this.#queues) return
    this.#queues = route.queues
    // Lanes with something under way live on until it is done; what waits in them moves over.
    const lanes = this.#lanes
    this.#lanes = new Map()
    for (const lane of lanes.values()) {
      for (const send of lane.takeAll()) this.dispatch(send, route)
    }
  }

  /** A queue for one message that goes its own way. */
  async pickQueue(): Promise<MessageQueue> {
    return this.#pick((await this.options.routes.get(this.options.topic)).queues)
  }

  protected dispatch(send: PendingSend, route: PublishRoute): void {
    this.noteRoute(route)
    const queue = this.#pick(route.queues)
    let lane = this.#lanes.get(queue)
    if (lane === undefined) {
      lane = this.newLane(queue, BATCHES_IN_FLIGHT_MAX, (batch, own) => this.#run(batch, own))
      this.#lanes.set(queue, lane)
    }
    lane.add(send)
  }

  async #run(batch: SendBatch, laneQueue: MessageQueue): Promise<void> {
    const { retries, clock, routes, topic, refreshesRoutes } = this.options
    let current: SendBatch | null = batch
    let queue = this.#isOut(laneQueue) ? this.#pick(this.#queues) : laneQueue
    const triedNames = new Set<string>()
    for (let attempt = 1; ; attempt++) {
      current = this.withoutExpired(current)
      if (current === null) return
      try {
        await this.attempt(current, queue)
        return
      } catch (error) {
        if (isBlameableOnBatch(error) && current.sends.length > 1) {
          // Each alone, so that a bad message fails for itself only.
          await Promise.all(current.sends.map((send) => this.#run(batchOf([send]), queue)))
          return
        }
        if (!isRetriable(error) || attempt > retries) {
          this.giveUp(current, error)
          if (refreshesRoutes && isRetriable(error)) routes.refreshAfterError(topic)
          return
        }
        if (refreshesRoutes) routes.refreshAfterError(topic)
        triedNames.add(queue.brokerName)
        queue = this.#pickAnother(triedNames)
        if (triedNames.has(queue.brokerName)) {
          await sleep(clock, SAME_BROKER_WAIT_MS * 4 ** (attempt - 1))
        }
      }
    }
  }

  /** Its broker is to be left alone, or it is no longer in the route. */
  #isOut(queue: MessageQueue): boolean {
    return this.#isAvoided(queue.brokerName) || !this.#queues.includes(queue)
  }

  #isAvoided(brokerName: string): boolean {
    const { avoidsFaults, faults, clock } = this.options
    return avoidsFaults && faults.isAvoided(brokerName, clock.monoMs())
  }

  #pick(queues: readonly MessageQueue[]): MessageQueue {
    return (
      this.#policy.pick(queues, (name) => this.#isAvoided(name)) ?? this.#pickLeastBad(queues, null)
    )
  }

  /** On another broker than those tried; among them only if there is no other. */
  #pickAnother(triedNames: ReadonlySet<string>): MessageQueue {
    const isUnwanted = (name: string): boolean => triedNames.has(name) || this.#isAvoided(name)
    return (
      this.#policy.pick(this.#queues, isUnwanted) ?? this.#pickLeastBad(this.#queues, triedNames)
    )
  }

  #pickLeastBad(
    queues: readonly MessageQueue[],
    triedNames: ReadonlySet<string> | null,
  ): MessageQueue {
    const names = new Set(queues.map((queue) => queue.brokerName))
    const fresh = [...names].filter((name) => !triedNames?.has(name))
    const best = this.options.faults.leastBad(fresh.length > 0 ? fresh : names)
    const queue = this.#policy.pick(queues, (name) => name !== best)
    if (queue !== null) return queue
    throw new MqError('INTERNAL', `topic "${this.options.topic}" has no queue to send to`)
  }
}
