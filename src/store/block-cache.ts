// Decoded index blocks that readers of old messages used lately, bounded by count. What is forgotten
// first is the oldest block of the queue that was read longest ago: consumers move forward, so the
// block a queue's reader left behind is the one nobody comes back to.

import type { QueueKey } from './append-log.ts'
import type { IndexRun } from './index-run.ts'

/** Several groups may read one queue at different places; beyond this many they share badly. */
const BLOCKS_PER_QUEUE_MAX = 8

export class BlockCache {
  readonly #blocksMax: number
  /** Insertion order of the map is the order of use: least recently read queue first. */
  readonly #queues = new Map<QueueKey, IndexRun[]>()
  #count = 0

  constructor(options: { blocksMax: number }) {
    this.#blocksMax = options.blocksMax
  }

  get count(): number {
    return this.#count
  }

  find(queue: QueueKey, offset: number): IndexRun | null {
    const runs = this.#queues.get(queue)
    if (runs === undefined) return null
    for (let i = runs.length - 1; i >= 0; i--) {
      const run = runs[i]!
      if (offset < run.firstOffset || offset >= run.nextOffset) continue
      this.#queues.delete(queue)
      this.#queues.set(queue, runs)
      return run
    }
    return null
  }

  add(queue: QueueKey, run: IndexRun): void {
    const runs = this.#queues.get(queue) ?? []
    this.#queues.delete(queue)
    this.#queues.set(queue, runs)
    runs.push(run)
    this.#count++
    if (runs.length > BLOCKS_PER_QUEUE_MAX) {
      runs.shift()
      this.#count--
    }
    while (this.#count > this.#blocksMax) this.#evict()
  }

  drop(queue: QueueKey): void {
    this.#count -= this.#queues.get(queue)?.length ?? 0
    this.#queues.delete(queue)
  }

  #evict(): void {
    const least = this.#queues.entries().next().value
    if (least === undefined) return
    const [queue, runs] = least
    runs.shift()
    this.#count--
    if (runs.length === 0) this.#queues.delete(queue)
  }
}
