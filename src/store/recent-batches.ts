// The last committed batches, in memory: what consumers that keep up read. A pull of 32 messages from
// here costs a ninth of the same pull through SQLite (bench/store.ts, "read"), which checks every
// entry again and finds it in the tree first. Bounded in bytes; what is older is in the page cache.

import { readUint32 } from '../core/big-endian.ts'
import { RECENT_BATCHES_BYTES_MAX } from '../core/limits.ts'
import { ENTRY_HEADER_BYTES } from './append-log.ts'
import type { BatchBuffer } from './batch-buffer.ts'

interface RecentBatch {
  firstPosition: number
  /** One past the last position. */
  endPosition: number
  /** Where each entry's payload starts in `bytes`. */
  starts: Uint32Array
  bytes: Buffer
}

export class RecentBatches {
  /** Oldest first, without gaps between them. */
  readonly #batches: RecentBatch[] = []
  #bytes = 0

  /** First position that is here. */
  get firstPosition(): number {
    return this.#batches[0]?.firstPosition ?? Number.POSITIVE_INFINITY
  }

  /** Keeps a copy of a batch whose buffer is about to be given away. It must follow the last one. */
  keep(batch: BatchBuffer): void {
    const { firstPosition, entryCount, sizes } = batch
    if (entryCount === 0) return
    const bytes = Buffer.allocUnsafeSlow(batch.entryBytes)
    batch.packed().copy(bytes, 0, 0, batch.entryBytes)
    const starts = new Uint32Array(entryCount)
    let at = ENTRY_HEADER_BYTES
    for (let i = 0; i < entryCount; i++) {
      starts[i] = at
      at += ENTRY_HEADER_BYTES + sizes[i]!
    }
    this.#batches.push({ firstPosition, endPosition: firstPosition + entryCount, starts, bytes })
    this.#bytes += bytes.length
    while (this.#bytes > RECENT_BATCHES_BYTES_MAX)
      this.#bytes -= this.#batches.shift()!.bytes.length
  }

  /** The last batch did not make it. */
  forgetFrom(position: number): void {
    while ((this.#batches[this.#batches.length - 1]?.endPosition ?? 0) > position) {
      this.#bytes -= this.#batches.pop()!.bytes.length
    }
  }

  /** The payloads at ascending positions, none before `firstPosition`, back to back. */
  read(positions: readonly number[], bytes: number): Uint8Array {
    const body = Buffer.allocUnsafe(bytes)
    let batchAt = this.#find(positions[0]!)
    let at = 0
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i]!
      while (position >= this.#batches[batchAt]!.endPosition) batchAt++
      const batch = this.#batches[batchAt]!
      const start = batch.starts[position - batch.firstPosition]!
      const end = start + readUint32(batch.bytes, start - ENTRY_HEADER_BYTES)
      batch.bytes.copy(body, at, start, end)
      at += end - start
    }
    return body
  }

  /** Index of the batch that holds `position`. */
  #find(position: number): number {
    let low = 0
    let high = this.#batches.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#batches[middle]!.firstPosition <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
