// The segments of a log in order, for readers: which one holds a position, which ones hold a queue.
// The last one is active; what the others hold never changes.

import { assert } from '../core/assert.ts'
import { MqError } from '../core/errors.ts'
import { OPEN_SEGMENTS_MAX } from '../core/limits.ts'
import type { IndexedRange, LogEntry, QueueKey, SegmentInfo } from './append-log.ts'
import { OpenSegments } from './open-segments.ts'
import type { SegmentStatus } from './segment.ts'
import type { SegmentReader } from './segment-reader.ts'

interface CatalogEntry {
  info: SegmentInfo
  /** What its index blocks cover, by queue; asked for once it cannot change any more. */
  ranges: Map<QueueKey, IndexedRange> | null
}

export class SegmentCatalog {
  readonly #readers = new OpenSegments({ countMax: OPEN_SEGMENTS_MAX })
  readonly #entries: CatalogEntry[] = []

  get active(): SegmentInfo {
    return this.#entries[this.#entries.length - 1]!.info
  }

  get minPosition(): number {
    return this.#entries[0]!.info.basePosition
  }

  get nextPosition(): number {
    return this.active.nextPosition
  }

  infos(): readonly SegmentInfo[] {
    return this.#entries.map(({ info }) => info)
  }

  reader(info: SegmentInfo): SegmentReader {
    return this.#readers.get(info.path)
  }

  /** Adds the next segment. It must begin where the one before ends. */
  add(info: SegmentInfo): void {
    const previous = this.#entries[this.#entries.length - 1]?.info
    if (previous !== undefined && previous.nextPosition !== info.basePosition) {
      throw new MqError(
        'DATA_CORRUPT',
        `${previous.path} ends at position ${previous.nextPosition}, but the next segment is ` +
          info.path,
        { hint: 'a segment file is missing: put it back, or start on an empty folder' },
      )
    }
    this.#entries.push({ info, ranges: null })
  }

  /** What the writer says about the active segment after a write. */
  update(status: SegmentStatus): void {
    const { info } = this.#entries[this.#entries.length - 1]!
    assert(status.basePosition === info.basePosition, 'the writer is in another segment')
    info.nextPosition = status.nextPosition
    info.newestStoreTimeMs = status.newestStoreTimeMs
    info.bytes = status.bytes
  }

  dropOldest(): void {
    assert(this.#entries.length > 1, 'the active segment is never dropped')
    this.#readers.drop(this.#entries.shift()!.info.path)
  }

  /** The payloads at ascending positions, back to back. */
  read(positions: ArrayLike<number>): Uint8Array {
    if (positions.length === 0) return new Uint8Array(0)
    const first = this.#holding(positions[0]!)
    if (positions[positions.length - 1]! < first.nextPosition) {
      return this.reader(first).read(positions)
    }
    const parts: Uint8Array[] = []
    let run: number[] = []
    let info = first
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i]!
      if (position >= info.nextPosition) {
        parts.push(this.reader(info).read(run))
        run = []
        info = this.#holding(position)
      }
      run.push(position)
    }
    parts.push(this.reader(info).read(run))
    return Buffer.concat(parts)
  }

  entry(position: number): LogEntry | null {
    const info = this.#find(position)
    return info === null ? null : this.reader(info).entry(position)
  }

  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      if (!this.#mayHold(i, queue, offset)) continue
      const block = this.reader(this.#entries[i]!.info).findIndexBlock(queue, offset)
      if (block !== null) return block
    }
    return null
  }

  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      if (this.#sealedRanges(i)?.has(queue) === false) continue
      const block = this.reader(this.#entries[i]!.info).findIndexBlockByTime(queue, timeMs)
      if (block !== null) return block
    }
    return null
  }

  /** What the index blocks of each queue cover, over all segments. */
  indexed(): IndexedRange[] {
    const merged = new Map<QueueKey, IndexedRange>()
    for (const [i, { info }] of this.#entries.entries()) {
      const ranges = this.#sealedRanges(i)?.values() ?? this.reader(info).indexed()
      for (const { queue, minOffset, nextOffset } of ranges) {
        const earlier = merged.get(queue)
        merged.set(queue, { queue, minOffset: earlier?.minOffset ?? minOffset, nextOffset })
      }
    }
    return [...merged.values()]
  }

  close(): void {
    this.#readers.close()
  }

  /** False if segment `i` certainly has no block for `offset`. The active one is always asked. */
  #mayHold(i: number, queue: QueueKey, offset: number): boolean {
    const ranges = this.#sealedRanges(i)
    if (ranges === null) return true
    const range = ranges.get(queue)
    return range !== undefined && offset >= range.minOffset && offset < range.nextOffset
  }

  #sealedRanges(i: number): Map<QueueKey, IndexedRange> | null {
    if (i === this.#entries.length - 1) return null
    const entry = this.#entries[i]!
    entry.ranges ??= new Map(
      this.reader(entry.info)
        .indexed()
        .map((each) => [each.queue, each]),
    )
    return entry.ranges
  }

  #holding(position: number): SegmentInfo {
    const info = this.#find(position)
    if (info !== null) return info
    throw new MqError('DATA_CORRUPT', `entry ${position}: no segment holds it`)
  }

  #find(position: number): SegmentInfo | null {
    if (position >= this.nextPosition) return null
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const { info } = this.#entries[i]!
      if (position >= info.basePosition) return info
    }
    return null
  }
}
