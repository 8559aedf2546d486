// The queue index: from (queue, offset) to the place of a message in the log. New messages are
// indexed in memory; runs of them become persisted blocks (when full, or at a checkpoint), which are
// read back through a bounded cache. Promises that a persisted block covers messages of the segment
// it is stored in and of no other, so that dropping a segment drops its index with it.

import { MqError } from '../core/errors.ts'
import { INDEX_CACHE_BLOCKS_MAX } from '../core/limits.ts'
import type { AppendLog, IndexedRange, QueueKey } from './append-log.ts'
import { BlockCache } from './block-cache.ts'
import { IndexRun } from './index-run.ts'
import { QueueTail } from './queue-tail.ts'
import { storedTimeMs } from './stored-fields.ts'

/** A run on its way into a persisted block. */
export interface OutgoingRun {
  tail: QueueTail
  run: IndexRun
}

const NO_RUNS: readonly OutgoingRun[] = []

export class QueueIndex {
  readonly #log: AppendLog
  readonly #tails = new Map<QueueKey, QueueTail>()
  readonly #cache = new BlockCache({ blocksMax: INDEX_CACHE_BLOCKS_MAX })
  #full: OutgoingRun[] = []

  constructor(log: AppendLog) {
    this.#log = log
  }

  /** The queue's tail, made on first use. */
  tail(queue: QueueKey): QueueTail {
    return this.#tails.get(queue) ?? this.restore(queue, { minOffset: 0, nextOffset: 0 })
  }

  find(queue: QueueKey): QueueTail | null {
    return this.#tails.get(queue) ?? null
  }

  tails(): IterableIterator<QueueTail> {
    return this.#tails.values()
  }

  restore(queue: QueueKey, bounds: { minOffset: number; nextOffset: number }): QueueTail {
    const tail = new QueueTail(queue, bounds)
    this.#tails.set(queue, tail)
    return tail
  }

  /** Indexes one committed message. Called for each, so it takes numbers and makes no object. */
  push(
    tail: QueueTail,
    position: number,
    bytes: number,
    tagsHash: number,
    storeTimeMs: number,
  ): void {
    const full = tail.push(position, bytes, tagsHash, storeTimeMs)
    if (full !== null) this.#full.push({ tail, run: full })
  }

  /** The run that covers a committed `offset`, or null if it is not stored (any more). */
  runAt(tail: QueueTail, offset: number): IndexRun | null {
    if (offset >= tail.firstRunOffset) return tail.runAt(offset)
    const cached = this.#cache.find(tail.queue, offset)
    if (cached !== null) return cached
    const block = this.#log.findIndexBlock(tail.queue, offset)
    if (block === null) return null
    const run = IndexRun.decode(block)
    this.#cache.add(tail.queue, run)
    return run
  }

  /** The last run whose first message was stored at or before `timeMs`, or null. */
  runAtTime(tail: QueueTail, timeMs: number): IndexRun | null {
    for (let i = tail.runs.length - 1; i >= 0; i--) {
      if (tail.runs[i]!.firstTimeMs <= timeMs) return tail.runs[i]!
    }
    const block = this.#log.findIndexBlockByTime(tail.queue, timeMs)
    return block === null ? null : IndexRun.decode(block)
  }

  /** Store time of the `at`-th message of a run. Old ones are read from the message itself. */
  timeAt(run: IndexRun, at: number): number {
    if (run.times !== null) return run.times[at]!
    const position = run.positions[at]!
    const entry = this.#log.readEntry(position)
    if (entry !== null) return storedTimeMs(entry.payload)
    throw new MqError('DATA_CORRUPT', `the queue index names entry ${position}, which is not there`)
  }

  /** Index of the first message of a run stored at or after `timeMs`; its count if there is none. */
  lowerBound(run: IndexRun, timeMs: number): number {
    let low = 0
    let high = run.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(run, middle) < timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Takes the full runs that no block covers yet, to ride in the next batch. */
  takeFullRuns(): readonly OutgoingRun[] {
    if (this.#full.length === 0) return NO_RUNS
    const taken = this.#full.filter(({ tail }) => !tail.isDropped)
    this.#full = []
    return taken
  }

  /** They could not be persisted: the full ones wait for the next batch, the others go on growing. */
  putBackRuns(runs: readonly OutgoingRun[]): void {
    this.#full = [...runs.filter(({ run }) => run.isFull), ...this.#full]
  }

  /** The runs are persisted: they move from the tail to the cache, where readers still find them. */
  releaseRuns(runs: readonly OutgoingRun[]): void {
    for (const { tail, run } of runs) {
      tail.release(run)
      if (!tail.isDropped) this.#cache.add(tail.queue, run)
    }
  }

  /** Every run that has grown since it was last persisted, for a checkpoint. */
  takeGrownRuns(): OutgoingRun[] {
    const grown: OutgoingRun[] = []
    for (const tail of this.#tails.values()) {
      for (const run of tail.runs) if (run.count > run.persistedCount) grown.push({ tail, run })
    }
    this.#full = []
    return grown
  }

  /**
   * A checkpoint holds these runs. The last one of a queue goes on growing in memory, and its longer
   * block will replace this one: else a quiet queue would leave a tiny block per checkpoint.
   */
  keepPersisted(runs: readonly OutgoingRun[]): void {
    for (const { run } of runs) run.persistedCount = run.count
    this.releaseRuns(runs.filter(({ run }) => run.isFull))
  }

  /** A new segment begins: no run may go on from the one that ended. */
  releaseAllRuns(): void {
    for (const tail of this.#tails.values()) {
      this.releaseRuns(tail.runs.map((run) => ({ tail, run })))
    }
  }

  drop(queue: QueueKey): void {
    const tail = this.#tails.get(queue)
    if (tail === undefined) return
    tail.isDropped = true
    this.#tails.delete(queue)
    this.#cache.drop(queue)
  }

  /** Adjusts the lower bounds to what is left after the oldest segment went. */
  retire(indexed: readonly IndexedRange[]): void {
    const minOffsets = new Map(indexed.map((range) => [range.queue, range.minOffset]))
    for (const tail of this.#tails.values()) {
      tail.minOffset = minOffsets.get(tail.queue) ?? tail.firstRunOffset
    }
  }
}

/** Packs runs as entries, ready to be handed to a checkpoint. */
export function packRuns(runs: readonly OutgoingRun[]): Uint8Array {
  let bytes = 0
  for (const { run } of runs) bytes += run.packedBytes
  const packed = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const { tail, run } of runs) at = run.pack(packed, at, tail.queue)
  return packed
}
