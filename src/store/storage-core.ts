// The hot loops of the store, as seen by sqlite-log.ts: one call per batch, whoever does the work.
// native.ts gives the C implementation where it can be loaded, native-twin.ts the same in TypeScript.
// Both work on the tables of schema.ts through the connection they were attached to.

import type { FilterRequest, FilterResult } from './index-block.ts'

export interface AppendPoint {
  /** Position of the first message or state change of the batch. */
  firstPosition: number
  /** The crc of the entry before it; 0 for the very first entry of a broker's life. */
  chain: number
  epoch: number
}

export interface StorageCore {
  readonly name: 'native' | 'twin'
  crc32c(bytes: Uint8Array): number
  /**
   * Inserts a packed batch (append-log.ts) in the transaction that is open, and returns the crc of its
   * last entry, or `chain` if there was none. A malformed batch, or one that does not follow the last
   * entry of the table, is an AssertionError and changes nothing. Any other error is SQLite's; the
   * caller rolls back.
   */
  append(batch: Uint8Array, at: AppendPoint): number
  /**
   * The payloads at these positions back to back, each checked; stops before the one that would
   * exceed `bytesMax`, never before the first. A missing or damaged entry is DATA_CORRUPT and names
   * its position.
   */
  read(positions: ArrayLike<number>, bytesMax: number): Uint8Array
  /** Checks `from` up to `to` (exclusive): all there, checksums hold, chain unbroken. Returns how many. */
  verify(range: { from: number; to: number }): number
  /** As filterIndexBlock. A damaged block is DATA_CORRUPT. */
  filter(block: Uint8Array, request: FilterRequest): FilterResult
}
