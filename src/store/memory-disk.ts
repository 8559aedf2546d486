// What survives a simulated crash: the segments of a MemoryLog and the identity of its folder.

import { assert } from '../core/assert.ts'
import { MqError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
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

interface StoredBlock {
  firstOffset: number
  count: number
  firstStoreTimeMs: number
  bytes: Uint8Array
}

const NO_BLOCKS: readonly StoredBlock[] = []

export class MemoryDisk {
  readonly identity: string
  readonly segments: MemorySegment[] = [new MemorySegment(0, null)]
  #owner: object | null = null

  constructor(options: { random: Random }) {
    this.identity = options.random.hex(16)
  }

  get active(): MemorySegment {
    return this.segments[this.segments.length - 1]!
  }

  get minPosition(): number {
    return this.segments[0]!.basePosition
  }

  get nextPosition(): number {
    return this.active.nextPosition
  }

  /** The newest snapshot. Only the active segment is asked: each begins with one. */
  get snapshot(): Snapshot | null {
    return this.active.snapshot
  }

  lock(owner: object): void {
    if (this.#owner !== null) {
      throw new MqError('DATA_FOLDER_LOCKED', 'the simulated disk is used by another broker')
    }
    this.#owner = owner
  }

  release(owner: object): void {
    if (this.#owner === owner) this.#owner = null
  }

  roll(state: Uint8Array): void {
    const position = this.nextPosition
    this.segments.push(new MemorySegment(position, { position, state }))
  }

  entry(position: number): LogEntry | null {
    const segment = this.segments.findLast((each) => each.basePosition <= position)
    return segment?.entry(position) ?? null
  }

  *entriesFrom(from: number): Generator<LogEntry> {
    const end = this.nextPosition
    for (let position = from; position < end; position++) {
      const entry = this.entry(position)
      assert(entry !== null, `entry ${position} of the simulated disk is missing`)
      yield entry
    }
  }

  /** Flips a bit of a stored entry: from now on reading it is DATA_CORRUPT. */
  damage(position: number): void {
    const segment = this.segments.findLast((each) => each.basePosition <= position)
    assert(segment !== undefined, `no segment holds entry ${position}`)
    segment.damaged.add(position)
  }
}

export class MemorySegment {
  readonly basePosition: number
  readonly damaged = new Set<number>()
  snapshot: Snapshot | null
  bytes = 0
  readonly #entries: LogEntry[] = []
  readonly #blocks = new Map<QueueKey, StoredBlock[]>()
  #newestStoreTimeMs = 0

  constructor(basePosition: number, snapshot: Snapshot | null) {
    this.basePosition = basePosition
    this.snapshot = snapshot
  }

  get nextPosition(): number {
    return this.basePosition + this.#entries.length
  }

  append(batch: Uint8Array): void {
    // A copy, as a disk makes one: whoever gave the batch may reuse the buffer.
    const entries = unpackBatch(new Uint8Array(batch))
    for (const { kind, topicId, queueId, payload } of entries) {
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
