// Sends whose key decides the queue. What is promised: two messages with the same key, sent one after
// the other, are stored in that order, whatever fails in between. So a queue has one batch on its way
// at a time, a failed batch is repeated on the same queue, and nothing passes it.
//
// When the route's set of queues changes, keys may belong elsewhere. Then everything stops until what
// is on its way has an outcome, and goes on, oldest first, by the new set. Messages stored before the
// change stay where they are: consumers may see them after newer ones of another queue, unless whoever
// changes the queues has the brokers keep the order (docs/TOPICS.md). For that each request says which
// set it was computed with; while the set is being changed the route's is not followed, and a broker
// that has gone over refuses the old set, whereupon it is asked for its own.

import { sleep } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import type { MessageQueue } from './message.ts'
import { type PublishRoute, sameQueues } from './publish-route.ts'
import { layoutOf } from './queue-layout.ts'
import type { KeyPolicy } from './queue-policy.ts'
import { batchOf, type PendingSend, type SendBatch } from './send-batch.ts'
import type { SendLane } from './send-lane.ts'
import { isBlameableOnBatch, isRetriable } from './send-outcome.ts'
import { TopicSender, type TopicSenderOptions } from './topic-sender.ts'

/** Before a queue is tried again, doubling. Short, because a switch waits for it. */
const RETRY_WAIT_MS_MIN = 50
const RETRY_WAIT_MS_MAX = 200
/** Brokers refuse an old list for a minute after a change; by then every route tells the new one. */
const BROKER_LIST_MS = 60_000

export class KeyedSender extends TopicSender {
  readonly #policy: KeyPolicy
  readonly #isFixed: boolean
  #queues: readonly MessageQueue[] | null = null
  /** What brokers are told about `#queues`. */
  #layoutTag: string | null = null
  #lanes = new Map<MessageQueue, SendLane>()
  /** The set to go over to once nothing is on its way; null when there is no such change. */
  #nextQueues: readonly MessageQueue[] | null = null
  /** Waiting for the switch: came in meanwhile, or came back without an outcome. */
  #held: PendingSend[] = []
  #inFlightCount = 0
  /** What the route said when it was followed last, or when a broker told of something newer. */
  #routeQueues: readonly MessageQueue[] | null = null
  #asking: Promise<void> | null = null
  /** When a broker was asked for its list; null if the route is followed. */
  #askedMs: number | null = null

  constructor(options: TopicSenderOptions, policy: KeyPolicy, queueSet: 'follow' | 'fixed') {
    super(options)
    this.#policy = policy
    this.#isFixed = queueSet === 'fixed'
  }

  noteRoute(route: PublishRoute): void {
    if (this.#queues === null) {
      this.#use(route.queues)
      this.#routeQueues = route.queues
      return
    }
    if (this.#isFixed || route.isChanging) return
    if (route.queues === this.#routeQueues && !this.#isRouteDue()) return
    this.#routeQueues = route.queues
    this.#goOver(route.queues)
  }

  /** A broker's list holds for the change it was made for, not against the route for ever. */
  #isRouteDue(): boolean {
    if (this.#askedMs === null) return false
    if (this.options.clock.monoMs() - this.#askedMs < BROKER_LIST_MS) return false
    this.#askedMs = null
    return true
  }

  #goOver(queues: readonly MessageQueue[]): void {
    if (sameQueues(queues, this.#nextQueues ?? this.#queues ?? [])) return
    this.#nextQueues = queues
    for (const lane of this.#lanes.values()) this.#held.push(...lane.takeAll())
    this.#switchIfQuiet()
  }

  #use(queues: readonly MessageQueue[]): void {
    this.#queues = queues
    // A fixed set is nobody's but this producer's.
    this.#layoutTag = this.#isFixed ? null : layoutOf(queues).tag
  }

  protected dispatch(send: PendingSend, route: PublishRoute): void {
    this.noteRoute(route)
    if (this.#nextQueues === null) this.#assign(send)
    else this.#held.push(send)
  }

  #assign(send: PendingSend): void {
    const key = send.messages[0]?.key ?? ''
    const queue = this.#policy.pick(this.#queues ?? [], key)
    if (queue === null) {
      const { topic, onGivenUp } = this.options
      onGivenUp(send, new MqError('INTERNAL', `topic "${topic}" has no queue to send to`))
      return
    }
    let lane = this.#lanes.get(queue)
    if (lane === undefined) {
      lane = this.newLane(queue, 1, (batch, own) => this.#track(batch, own))
      this.#lanes.set(queue, lane)
    }
    lane.add(send)
  }

  async #track(batch: SendBatch, queue: MessageQueue): Promise<void> {
    this.#inFlightCount++
    await this.#run(batch, queue)
    this.#inFlightCount--
    this.#switchIfQuiet()
  }

  async #run(batch: SendBatch, queue: MessageQueue): Promise<void> {
    const { clock, retries, routes, topic, refreshesRoutes } = this.options
    let current: SendBatch | null = batch
    for (let waitMs = RETRY_WAIT_MS_MIN; ; waitMs = Math.min(2 * waitMs, RETRY_WAIT_MS_MAX)) {
      current = this.withoutExpired(current)
      if (current === null) return
      if (this.#nextQueues !== null) {
        this.#held.push(...current.sends)
        return
      }
      try {
        await this.attempt(current, queue, this.#layoutTag)
        return
      } catch (error) {
        if (isOutdated(error)) {
          this.#asking ??= this.#askBroker(queue)
          await this.#asking
          if (this.#nextQueues === null) await sleep(clock, waitMs)
          continue
        }
        if (isBlameableOnBatch(error) && current.sends.length > 1) {
          for (const send of current.sends) await this.#run(batchOf([send]), queue)
          return
        }
        if (refreshesRoutes && isRetriable(error)) routes.refreshAfterError(topic)
        if (!isRetriable(error) || retries === 0) {
          this.giveUp(current, error)
          return
        }
        await sleep(clock, waitMs)
      }
    }
  }

  /** The broker of `queue` refused the set in use: from now on its own holds. Never rejects. */
  async #askBroker(queue: MessageQueue): Promise<void> {
    const { transmitter, routes, topic } = this.options
    routes.refreshAfterError(topic)
    try {
      const queues = await transmitter.fetchQueues(queue)
      this.#askedMs = this.options.clock.monoMs()
      this.#routeQueues = routes.peek(topic)?.queues ?? null
      if (queues !== null && queues.length > 0) this.#goOver(queues)
    } catch {
      // The same batch is tried again in a moment, and refused again if need be.
    }
    this.#asking = null
  }

  #switchIfQuiet(): void {
    if (this.#nextQueues === null || this.#inFlightCount > 0) return
    this.#use(this.#nextQueues)
    this.#nextQueues = null
    this.#lanes = new Map()
    const held = this.#held.sort((a, b) => a.sequence - b.sequence)
    this.#held = []
    for (const send of held) this.#assign(send)
  }
}

function isOutdated(error: unknown): boolean {
  return error instanceof MqError && error.code === 'QUEUES_CHANGED'
}
