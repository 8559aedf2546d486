// A run of consecutive queue offsets of one queue, decoded: where each message is in the log, how
// long it is, its tag and, while it is in memory only, its store time. The unpersisted tail of a
// queue is a list of runs, and a persisted index block is decoded into one, so readers see one shape.
//
// Columns instead of objects: 24 bytes per message, and nothing for the garbage collector to walk.

import { writeUint32 } from '../core/big-endian.ts'
import { ENTRY_HEADER_BYTES, ENTRY_KIND, type QueueKey } from './append-log.ts'
import {
  decodeIndexBlock,
  encodeIndexBlock,
  INDEX_BLOCK_COUNT_MAX,
  INDEX_BLOCK_HEADER_BYTES,
  INDEX_BLOCK_MESSAGE_BYTES,
} from './index-block.ts'

/** Runs start small because a broker may have ten thousand queues that get one message a day. */
const CAPACITY_START = 16

export class IndexRun {
  readonly firstOffset: number
  count = 0
  /** How many of them a persisted block covers. */
  persistedCount = 0
  positions: Float64Array
  sizes: Uint32Array
  tags: Int32Array
  /** Store times; null in a decoded block, which keeps only the first. */
  times: Float64Array | null
  firstTimeMs = 0

  constructor(firstOffset: number) {
    this.firstOffset = firstOffset
    this.positions = new Float64Array(CAPACITY_START)
    this.sizes = new Uint32Array(CAPACITY_START)
    this.tags = new Int32Array(CAPACITY_START)
    this.times = new Float64Array(CAPACITY_START)
  }

  static decode(bytes: Uint8Array): IndexRun {
    const block = decodeIndexBlock(bytes)
    const run = new IndexRun(block.firstOffset)
    run.count = block.positions.length
    run.persistedCount = run.count
    run.positions = Float64Array.from(block.positions)
    run.sizes = Uint32Array.from(block.payloadBytes)
    run.tags = Int32Array.from(block.tagsHashes)
    run.times = null
    run.firstTimeMs = block.firstStoreTimeMs
    return run
  }

  /** One past the last offset of the run. */
  get nextOffset(): number {
    return this.firstOffset + this.count
  }

  get isFull(): boolean {
    return this.count === INDEX_BLOCK_COUNT_MAX
  }

  /** Bytes of the run as an entry of a packed batch. */
  get packedBytes(): number {
    return ENTRY_HEADER_BYTES + INDEX_BLOCK_HEADER_BYTES + this.count * INDEX_BLOCK_MESSAGE_BYTES
  }

  push(position: number, bytes: number, tagsHash: number, storeTimeMs: number): void {
    const at = this.count
    if (at === this.positions.length) this.#grow()
    if (at === 0) this.firstTimeMs = storeTimeMs
    this.positions[at] = position
    this.sizes[at] = bytes
    this.tags[at] = tagsHash
    this.times![at] = storeTimeMs
    this.count = at + 1
  }

  /** Writes the run as an entry of a packed batch. Returns where the next entry starts. */
  pack(target: Buffer, at: number, queue: QueueKey): number {
    const { count } = this
    const block = encodeIndexBlock({
      queue,
      firstOffset: this.firstOffset,
      firstStoreTimeMs: this.firstTimeMs,
      lastStoreTimeMs: this.times![count - 1]!,
      positions: this.positions.subarray(0, count),
      payloadBytes: this.sizes.subarray(0, count),
      tagsHashes: this.tags.subarray(0, count),
    })
    writeUint32(target, at, block.length)
    writeUint32(target, at + 4, ENTRY_KIND.indexBlock * 0x1_00_00_00)
    writeUint32(target, at + 8, Math.floor(queue / 0x1_0000_0000))
    writeUint32(target, at + 12, queue >>> 0)
    target.set(block, at + ENTRY_HEADER_BYTES)
    return at + ENTRY_HEADER_BYTES + block.length
  }

  #grow(): void {
    const capacity = this.positions.length * 2
    this.positions = copied(this.positions, new Float64Array(capacity))
    this.sizes = copied(this.sizes, new Uint32Array(capacity))
    this.tags = copied(this.tags, new Int32Array(capacity))
    this.times = copied(this.times!, new Float64Array(capacity))
  }
}

function copied<T extends Float64Array | Uint32Array | Int32Array>(source: T, target: T): T {
  target.set(source)
  return target
}
