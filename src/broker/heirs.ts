// Groups that had read a topic which was deleted and made again. Their running consumers know nothing of
// that and go on at their old offsets, where in the new topic there is nothing yet, or something they
// would skip to. So each of them is sent to the start of the new queues once, and until then what it
// commits does not count. A group that has committed in a new queue knows it; that survives a restart,
// and so does the list of groups (state.ts).

import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { OffsetResets } from './offset-resets.ts'
import type { BrokerState, Topic } from './state.ts'

export interface HeirsOptions {
  state: BrokerState
  resets: OffsetResets
  committed: (group: string, queue: QueueKey) => number | null
}

export class Heirs {
  readonly #options: HeirsOptions
  /** Topic ids whose heirs were told; never more than there are topics. */
  readonly #told = new Set<number>()

  constructor(options: HeirsOptions) {
    this.#options = options
  }

  start(): void {
    for (const topic of this.#options.state.topics.values()) this.#look(topic)
  }

  topicChanged(name: string): void {
    const topic = this.#options.state.topics.get(name)
    if (topic !== undefined) this.#look(topic)
  }

  topicDeleted({ id, queueIdEnd }: Topic): void {
    this.#told.delete(id)
    for (let queueId = 0; queueId < queueIdEnd; queueId++) {
      this.#options.resets.forgetQueue(queueKey(id, queueId))
    }
  }

  #look({ id, heirs = [], queueIdEnd }: Topic): void {
    if (heirs.length === 0 || this.#told.has(id)) return
    this.#told.add(id)
    const { resets, committed } = this.#options
    for (const group of heirs) {
      for (let queueId = 0; queueId < queueIdEnd; queueId++) {
        const queue = queueKey(id, queueId)
        if (committed(group, queue) === null) resets.set(group, queue, 0)
      }
    }
  }
}
