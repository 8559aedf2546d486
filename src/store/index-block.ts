// One block of the queue index: where up to 512 consecutive messages of one queue are in the log.
// A pure byte format (big-endian, like the wire); native/mqcore.c reads and writes the same bytes and
// test/store/native-twin.test.ts holds the two against each other.
//
//   | crc32c | version | zero | count | topic id | queue id |
//   |   4    |    1    |  1   |   2   |    4     |    4     |
//
//   | first offset | base position | first store time | last store time |
//   |      8       |       8       |        8         |        8        |
//
//   then per message, in offset order:
//
//   | position - base position | payload bytes | tags hash |
//   |            4             |       4       |     4     |
//
// The checksum covers everything after itself: a flipped bit in a tags hash would otherwise make a
// filtered pull skip a message in silence. Times are wall milliseconds of the first and last message.

import { assert } from '../core/assert.ts'
import { readUint64, writeUint64 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { type QueueKey, queueKey } from './append-log.ts'
import { crc32c } from './crc32c.ts'

/** A pull looks at most at 800 entries: two blocks. Fewer per block would mean more rows to write. */
export const INDEX_BLOCK_COUNT_MAX = 512
export const INDEX_BLOCK_VERSION = 1
export const INDEX_BLOCK_HEADER_BYTES = 48
export const INDEX_BLOCK_MESSAGE_BYTES = 12

/** The messages of a block, one array element each; all three arrays have the same length. */
export interface IndexBlock {
  queue: QueueKey
  /** Queue offset of the first message; the others follow without a gap. */
  firstOffset: number
  firstStoreTimeMs: number
  lastStoreTimeMs: number
  /** Log positions, ascending. */
  positions: ArrayLike<number>
  payloadBytes: ArrayLike<number>
  /** Signed 32-bit, 0 for a message without a tag. */
  tagsHashes: ArrayLike<number>
}

export interface FilterRequest {
  fromOffset: number
  /** At most this many selected messages. */
  countMax: number
  /** Tags hashes to keep; null keeps all. */
  tags: ReadonlySet<number> | null
}

export interface FilterResult {
  /** Log positions of the selected messages, ascending. */
  positions: number[]
  /** One past the last queue offset looked at. */
  nextOffset: number
}

/** Whether a message at `position` can join the block that starts at `basePosition`. */
export function fitsIndexBlock(block: { basePosition: number; position: number }): boolean {
  const delta = block.position - block.basePosition
  return delta >= 0 && delta <= 0xffff_ffff
}

export function encodeIndexBlock(block: IndexBlock): Buffer {
  const count = block.positions.length
  assert(count >= 1 && count <= INDEX_BLOCK_COUNT_MAX, `index block of ${count} messages`)
  const basePosition = block.positions[0]!
  const bytes = Buffer.alloc(INDEX_BLOCK_HEADER_BYTES + count * INDEX_BLOCK_MESSAGE_BYTES)
  bytes[4] = INDEX_BLOCK_VERSION
  bytes.writeUInt16BE(count, 6)
  bytes.writeUInt32BE(Math.floor(block.queue / 0x1_0000_0000), 8)
  bytes.writeUInt32BE(block.queue % 0x1_0000_0000, 12)
  writeUint64(bytes, 16, block.firstOffset)
  writeUint64(bytes, 24, basePosition)
  writeUint64(bytes, 32, block.firstStoreTimeMs)
  writeUint64(bytes, 40, block.lastStoreTimeMs)
  let at = INDEX_BLOCK_HEADER_BYTES
  for (let i = 0; i < count; i++) {
    const position = block.positions[i]!
    assert(fitsIndexBlock({ basePosition, position }), `position ${position} in an index block`)
    bytes.writeUInt32BE(position - basePosition, at)
    bytes.writeUInt32BE(block.payloadBytes[i]!, at + 4)
    bytes.writeInt32BE(block.tagsHashes[i]!, at + 8)
    at += INDEX_BLOCK_MESSAGE_BYTES
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(4)), 0)
  return bytes
}

export function decodeIndexBlock(block: Uint8Array): IndexBlock {
  const bytes = checkedBlock(block)
  const count = bytes.readUInt16BE(6)
  const basePosition = readUint64(bytes, 24)
  const positions = new Float64Array(count)
  const payloadBytes = new Uint32Array(count)
  const tagsHashes = new Int32Array(count)
  let at = INDEX_BLOCK_HEADER_BYTES
  for (let i = 0; i < count; i++) {
    positions[i] = basePosition + bytes.readUInt32BE(at)
    payloadBytes[i] = bytes.readUInt32BE(at + 4)
    tagsHashes[i] = bytes.readInt32BE(at + 8)
    at += INDEX_BLOCK_MESSAGE_BYTES
  }
  return {
    queue: queueKey(bytes.readUInt32BE(8), bytes.readUInt32BE(12)),
    firstOffset: readUint64(bytes, 16),
    firstStoreTimeMs: readUint64(bytes, 32),
    lastStoreTimeMs: readUint64(bytes, 40),
    positions,
    payloadBytes,
    tagsHashes,
  }
}

/** The messages of a block from an offset on whose tags hash is wanted. */
export function filterIndexBlock(block: Uint8Array, request: FilterRequest): FilterResult {
  const bytes = checkedBlock(block)
  const firstOffset = readUint64(bytes, 16)
  const basePosition = readUint64(bytes, 24)
  const endOffset = firstOffset + bytes.readUInt16BE(6)
  const positions: number[] = []
  let offset = Math.max(request.fromOffset, firstOffset)
  while (offset < endOffset && positions.length < request.countMax) {
    const at = INDEX_BLOCK_HEADER_BYTES + (offset - firstOffset) * INDEX_BLOCK_MESSAGE_BYTES
    if (request.tags === null || request.tags.has(bytes.readInt32BE(at + 8))) {
      positions.push(basePosition + bytes.readUInt32BE(at))
    }
    offset++
  }
  return { positions, nextOffset: offset }
}

/** What the columns of table index_blocks repeat from a block, so that SQL can search by them. */
export interface IndexBlockHeader {
  topicId: number
  queueId: number
  firstOffset: number
  count: number
  firstStoreTimeMs: number
  lastStoreTimeMs: number
}

export function indexBlockHeader(block: Uint8Array): IndexBlockHeader {
  const bytes = checkedBlock(block)
  return {
    topicId: bytes.readUInt32BE(8),
    queueId: bytes.readUInt32BE(12),
    firstOffset: readUint64(bytes, 16),
    count: bytes.readUInt16BE(6),
    firstStoreTimeMs: readUint64(bytes, 32),
    lastStoreTimeMs: readUint64(bytes, 40),
  }
}

/** What is wrong with a block, or null. The same words as native/mqcore.c. */
export function indexBlockFault(block: Uint8Array): string | null {
  const bytes = asBuffer(block)
  if (bytes.length < INDEX_BLOCK_HEADER_BYTES) return 'index block: too short'
  if (crc32c(bytes.subarray(4)) !== bytes.readUInt32BE(0)) return 'index block: checksum mismatch'
  if (bytes[4] !== INDEX_BLOCK_VERSION || bytes[5] !== 0) return 'index block: unknown version'
  const count = bytes.readUInt16BE(6)
  const size = INDEX_BLOCK_HEADER_BYTES + count * INDEX_BLOCK_MESSAGE_BYTES
  if (count < 1 || count > INDEX_BLOCK_COUNT_MAX || bytes.length !== size) {
    return 'index block: wrong length'
  }
  // 2^53: what a JavaScript number holds exactly.
  if (bytes.readUInt32BE(16) >= 0x20_0000 || bytes.readUInt32BE(24) >= 0x20_0000) {
    return 'index block: offset out of range'
  }
  return null
}

function checkedBlock(block: Uint8Array): Buffer {
  const fault = indexBlockFault(block)
  if (fault !== null) throw new MqError('DATA_CORRUPT', fault)
  return asBuffer(block)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
