// A consumer group under test: who owned which queue when, and how often each message was delivered,
// to whom, and whether every key's messages came in the order they were sent.

import type { Client } from '../client/client.ts'
import { Consumer } from '../client/consumer.ts'
import type { ConsumerOptions } from '../client/consumer-options.ts'
import { type MessageQueue, queueName, type ReceivedMessage } from '../client/message.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { PROPERTY } from '../remoting/properties.ts'
import { ID_PROPERTY } from './load-producer.ts'

export interface GroupPlan extends Pick<ConsumerOptions, 'isOrdered' | 'rebalanceIntervalMs'> {
  group: string
  topic: string
  /** Messages of queues with this id are handled that long after they were sent. */
  lag?: { queueId: number; lagMs: number }
}

export interface Delivery {
  member: string
  queue: string
  queueOffset: number
  atMs: number
}

/** From `fromMs` on, `member` owned exactly `queues`. */
export interface Assignment {
  member: string
  fromMs: number
  queues: readonly string[]
}

interface Member {
  name: string
  consumer: Consumer
}

export class LoadGroup {
  readonly group: string
  /** Message id → its deliveries. */
  readonly deliveries = new Map<string, Delivery[]>()
  readonly assignments: Assignment[] = []
  /** First deliveries that came before one of an earlier message with the same key. */
  outOfOrder = 0
  /** First deliveries that came before one with a smaller offset of the same queue. */
  queueOrderBreaks = 0
  readonly #plan: GroupPlan
  readonly #clock: Clock
  readonly #members: Member[] = []
  readonly #newestOfKey = new Map<string, number>()
  readonly #newestOfQueue = new Map<string, number>()

  constructor(clock: Clock, plan: GroupPlan) {
    this.group = plan.group
    this.#clock = clock
    this.#plan = plan
  }

  async join(name: string, client: Client): Promise<void> {
    const { group, topic, lag, ...options } = this.#plan
    const consumer = new Consumer(client, {
      ...options,
      group,
      topics: [{ topic }],
      from: { kind: 'start' },
      onMessages: async (messages, queue) => {
        for (const message of messages) {
          if (queue.queueId === lag?.queueId) {
            const dueMs = Number(message.bornTimeMs) + lag.lagMs
            await sleep(this.#clock, Math.max(0, dueMs - this.#clock.wallMs()))
          }
          this.#note(name, message, queue)
        }
      },
      onAssigned: (queues) => this.#noteAssignment(name, queues),
    })
    this.#members.push({ name, consumer })
    await consumer.start()
  }

  /** Queue → the members that think it is theirs. */
  owners(): Map<string, string[]> {
    const owners = new Map<string, string[]>()
    for (const { name, consumer } of this.#members) {
      for (const queue of consumer.assignment().map(shortName)) {
        owners.set(queue, [...(owners.get(queue) ?? []), name])
      }
    }
    return owners
  }

  queuesOf(member: string): string[] {
    const found = this.#members.find(({ name }) => name === member)
    return found === undefined ? [] : found.consumer.assignment().map(shortName)
  }

  /** Whether `count` queues have exactly one owner each, and no other queue has any. */
  ownsEachOnce(count: number): boolean {
    const owners = this.owners()
    return owners.size === count && [...owners.values()].every((names) => names.length === 1)
  }

  missing(ids: Iterable<string>): string[] {
    return [...ids].filter((id) => !this.deliveries.has(id))
  }

  /** Deliveries beyond the first of each message that `counts` says are of interest. */
  duplicates(counts: (id: string) => boolean = () => true): number {
    let count = 0
    for (const [id, all] of this.deliveries) if (counts(id)) count += all.length - 1
    return count
  }

  /** Queue → messages that two members got from the same place in it. */
  takenTwice(counts: (first: Delivery) => boolean = () => true): Map<string, number> {
    const twice = new Map<string, number>()
    for (const all of this.deliveries.values()) {
      const [first] = all
      if (first === undefined || !counts(first)) continue
      if (all.every(({ member }) => member === first.member)) continue
      twice.set(first.queue, (twice.get(first.queue) ?? 0) + 1)
    }
    return twice
  }

  #note(member: string, message: ReceivedMessage, queue: MessageQueue): void {
    const id = message.properties[ID_PROPERTY] ?? ''
    const all = this.deliveries.get(id) ?? []
    const delivery = {
      member,
      queue: shortName(queue),
      queueOffset: Number(message.queueOffset),
      atMs: this.#clock.monoMs(),
    }
    if (all.length === 0) {
      this.#noteOrder(id, message)
      const newest = this.#newestOfQueue.get(delivery.queue) ?? -1
      if (delivery.queueOffset < newest) this.queueOrderBreaks++
      else this.#newestOfQueue.set(delivery.queue, delivery.queueOffset)
    }
    all.push(delivery)
    this.deliveries.set(id, all)
  }

  #noteOrder(id: string, { properties }: ReceivedMessage): void {
    const key = properties[PROPERTY.keys]
    if (key === undefined) return
    const sequence = Number(id.slice(id.lastIndexOf('-') + 1))
    const newest = this.#newestOfKey.get(key) ?? -1
    if (sequence < newest) this.outOfOrder++
    else this.#newestOfKey.set(key, sequence)
  }

  #noteAssignment(member: string, queues: readonly MessageQueue[]): void {
    this.assignments.push({ member, fromMs: this.#clock.monoMs(), queues: queues.map(shortName) })
  }
}

/** "broker-a:0": the topic is known. */
function shortName(queue: MessageQueue): string {
  return queueName(queue).slice(queue.topic.length + 1)
}
