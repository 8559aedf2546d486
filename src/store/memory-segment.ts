// One segment of a simulated disk: its entries, its index blocks, its newest snapshot.

import { MqError } from '../core/errors.ts'
import {
  ENTRY_HEADER_BYTES,
  ENTRY_KIND,
  type IndexedRange,
  type LogEntry,
  type QueueKey,
  queueKey,
  type SegmentInfo,
  type Snapshot,
} from './append-log.ts'
import { indexBlockHeader } from './index-block.ts'
import { unpackBatch } from './native-twin.ts'
import { storedTimeMs } from './stored-fields.ts'

export interface StoredBlock {
  firstOffset: number
  count: number
  firstStoreTimeMs: number
  bytes: Uint8Array
}

const NO_BLOCKS: readonly StoredBlock[] = []

export class MemorySegment {
  readonly basePosition: number
  readonly damaged: Set<number>
  snapshot: Snapshot | null
  bytes = 0
  readonly #entries: LogEntry[]
  readonly #blocks = new Map<QueueKey, StoredBlock[]>()
  #newestStoreTimeMs = 0

  constructor(basePosition: number, snapshot: Snapshot | null, from?: MemorySegment) {
    this.basePosition = basePosition
    this.snapshot = snapshot
    this.damaged = new Set(from?.damaged)
    this.#entries = from === undefined ? [] : [...from.#entries]
    if (from === undefined) return
    this.bytes = from.bytes
    this.#newestStoreTimeMs = from.#newestStoreTimeMs
    for (const [queue, blocks] of from.#blocks) this.#blocks.set(queue, [...blocks])
  }

  /** A copy that goes its own way from now on; what is stored is shared, since nothing changes it. */
  clone(): MemorySegment {
    return new MemorySegment(this.basePosition, this.snapshot, this)
  }

  get nextPosition(): number {
    return this.basePosition + this.#entries.length
  }

  append(batch: Uint8Array): void {
    for (const { kind, topicId, queueId, payload } of unpackBatch(batch)) {
      const queue = queueKey(topicId, queueId)
      this.bytes += ENTRY_HEADER_BYTES + payload.length
      if (kind === ENTRY_KIND.indexBlock) {
        this.#addBlock(queue, payload)
        continue
      }
      const isMessage = kind === ENTRY_KIND.message
      if (isMessage) this.#newestStoreTimeMs = storedTimeMs(payload)
      const position = this.nextPosition
      this.#entries.push({
        position,
        kind: isMessage ? ENTRY_KIND.message : ENTRY_KIND.state,
        queue,
        payload,
      })
    }
  }

  entry(position: number): LogEntry | null {
    if (!this.damaged.has(position)) return this.#entries[position - this.basePosition] ?? null
    throw new MqError('DATA_CORRUPT', `entry ${position}: checksum mismatch`)
  }

  /** Forgets the last entries, as no honest disk does. */
  loseTail(count: number): void {
    this.#entries.length = Math.max(0, this.#entries.length - count)
  }

  blocksOf(queue: QueueKey): readonly StoredBlock[] {
    return this.#blocks.get(queue) ?? NO_BLOCKS
  }

  addRanges(ranges: Map<QueueKey, IndexedRange>): void {
    for (const [queue, blocks] of this.#blocks) {
      const last = blocks[blocks.length - 1]!
      const nextOffset = last.firstOffset + last.count
      const minOffset = ranges.get(queue)?.minOffset ?? blocks[0]!.firstOffset
      ranges.set(queue, { queue, minOffset, nextOffset })
    }
  }

  info(): SegmentInfo {
    return {
      basePosition: this.basePosition,
      nextPosition: this.nextPosition,
      bytes: this.bytes,
      newestStoreTimeMs: this.#newestStoreTimeMs,
      path: `memory:${this.basePosition}`,
    }
  }

  /** A longer block replaces the one that a checkpoint left with the same first offset. */
  #addBlock(queue: QueueKey, bytes: Uint8Array): void {
    const { firstOffset, count, firstStoreTimeMs } = indexBlockHeader(bytes)
    const blocks = this.#blocks.get(queue) ?? []
    this.#blocks.set(queue, blocks)
    if (blocks[blocks.length - 1]?.firstOffset === firstOffset) blocks.pop()
    blocks.push({ firstOffset, count, firstStoreTimeMs, bytes })
  }
}
