// Which queue a message goes to. Spread policies share load out and step around brokers in trouble;
// key policies send equal keys to the same queue and step around nothing. Pure: no time, no chance.

import { HashRing } from './consistent-hash.ts'
import { keyHash } from './key-hash.ts'
import { type MessageQueue, queueName } from './message.ts'
import type { PolicyChoice, QueueWeights } from './producer-options.ts'
import { SmoothWeighted } from './smooth-weighted.ts'

export interface SpreadPolicy {
  /** One of `queues` whose broker is not avoided; null if there is none. */
  pick(
    queues: readonly MessageQueue[],
    isAvoided: (brokerName: string) => boolean,
  ): MessageQueue | null
}

export interface KeyPolicy {
  /** Depends on nothing but the arguments. Null only for an empty list. */
  pick(queues: readonly MessageQueue[], key: string): MessageQueue | null
}

/** `seed` staggers where producers that start together begin. */
export function spreadPolicy(choice: PolicyChoice, seed: number): SpreadPolicy {
  return choice.kind === 'weighted' ? new Weighted(choice.weights) : new RoundRobin(seed)
}

/** Null for the policies that pay no heed to keys. */
export function keyPolicy(choice: PolicyChoice): KeyPolicy | null {
  if (choice.kind === 'key-hash') return new KeyHash()
  if (choice.kind === 'consistent-hash') return new ConsistentHash()
  return null
}

class RoundRobin implements SpreadPolicy {
  #next: number

  constructor(seed: number) {
    this.#next = seed
  }

  pick(
    queues: readonly MessageQueue[],
    isAvoided: (brokerName: string) => boolean,
  ): MessageQueue | null {
    for (let step = 0; step < queues.length; step++) {
      const at = (this.#next + step) % queues.length
      const queue = queues[at] as MessageQueue
      if (isAvoided(queue.brokerName)) continue
      // Going on after the queue picked, not after the one skipped: else every queue skipped would
      // send its share to the same neighbour.
      this.#next = at + 1
      return queue
    }
    return null
  }
}

/** Brokers by their weights, then the queues of the broker by theirs. */
class Weighted implements SpreadPolicy {
  readonly #weights: QueueWeights
  readonly #hasQueueWeights: boolean
  readonly #brokers = new SmoothWeighted()
  readonly #queues = new Map<string, SmoothWeighted>()

  constructor(weights: QueueWeights) {
    this.#weights = weights
    this.#hasQueueWeights = Object.keys(weights).some((name) => name.includes(':'))
  }

  pick(
    queues: readonly MessageQueue[],
    isAvoided: (brokerName: string) => boolean,
  ): MessageQueue | null {
    const byBroker = Map.groupBy(queues, (queue) => queue.brokerName)
    const brokers = [...byBroker]
      .filter(([name]) => !isAvoided(name))
      .map(([name, own]) => ({ name, weight: this.#brokerWeight(name, own) }))
    const brokerName = this.#brokers.pick(brokers)
    const own = brokerName === null ? undefined : byBroker.get(brokerName)
    if (brokerName === null || own === undefined) return null
    const turns = this.#queues.get(brokerName) ?? new SmoothWeighted()
    this.#queues.set(brokerName, turns)
    const name = turns.pick(
      own.map((queue) => ({ name: queueName(queue), weight: this.#queueWeight(queue) })),
    )
    return own.find((queue) => queueName(queue) === name) ?? null
  }

  #queueWeight(queue: MessageQueue): number {
    return this.#weights[`${queue.brokerName}:${queue.queueId}`] ?? 1
  }

  /** Where only queues were given weights, a broker weighs what its queues weigh together. */
  #brokerWeight(brokerName: string, queues: readonly MessageQueue[]): number {
    const given = this.#weights[brokerName]
    if (given !== undefined || !this.#hasQueueWeights) return given ?? 1
    return queues.reduce((sum, queue) => sum + this.#queueWeight(queue), 0)
  }
}

class KeyHash implements KeyPolicy {
  pick(queues: readonly MessageQueue[], key: string): MessageQueue | null {
    return queues[keyHash(key) % queues.length] ?? null
  }
}

class ConsistentHash implements KeyPolicy {
  /** Rings are costly to build, and queue lists are replaced as a whole when they change. */
  readonly #rings = new WeakMap<readonly MessageQueue[], HashRing>()

  pick(queues: readonly MessageQueue[], key: string): MessageQueue | null {
    let ring = this.#rings.get(queues)
    if (ring === undefined) {
      ring = new HashRing(queues.map(queueName))
      this.#rings.set(queues, ring)
    }
    return queues[ring.find(keyHash(key))] ?? null
  }
}
