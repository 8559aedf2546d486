// Where sends go: per topic, what each message of it needs, worked out once and kept until the topic
// changes.

import { queueKey } from '../store/append-log.ts'
import type { BrokerState, Topic } from './state.ts'

export class SendTarget {
  readonly topic: Topic
  readonly nameBytes: Buffer
  /**
   * A client may address readable queues too: a shrinking topic's last ones are only that, and stay
   * open to producers that have not heard of it until they are closed.
   */
  readonly queueCount: number
  readonly firstQueue: number
  #nextQueueId = 0

  constructor(topic: Topic) {
    this.topic = topic
    this.nameBytes = Buffer.from(topic.name)
    this.queueCount =
      topic.change?.isClosed === true
        ? topic.writeQueueCount
        : Math.max(topic.readQueueCount, topic.writeQueueCount)
    this.firstQueue = queueKey(topic.id, 0)
  }

  /** For clients that leave the choice to the broker. */
  pickQueueId(): number {
    const queueId = this.#nextQueueId
    this.#nextQueueId = (queueId + 1) % this.topic.writeQueueCount
    return queueId
  }
}

export class SendTargets {
  readonly #state: BrokerState
  readonly #targets = new Map<string, SendTarget>()

  constructor(state: BrokerState) {
    this.#state = state
  }

  find(name: string): SendTarget | null {
    const known = this.#targets.get(name)
    if (known !== undefined) return known
    const topic = this.#state.topics.get(name)
    if (topic === undefined) return null
    const target = new SendTarget(topic)
    this.#targets.set(name, target)
    return target
  }

  /** The topic was made, altered or deleted. */
  forget(name: string): void {
    this.#targets.delete(name)
  }
}
