// Packed batches for tests of the log: entries whose content says which position they must get.

import { writeUint32 } from '../../src/core/big-endian.ts'
import { ENTRY_HEADER_BYTES, ENTRY_KIND, type QueueKey } from '../../src/store/append-log.ts'
import { encodeIndexBlock } from '../../src/store/index-block.ts'
import { draftOf } from './stored-draft.ts'

export interface PackedMessage {
  queue: QueueKey
  position: number
  queueOffset: number
  body?: string
  storeTimeMs?: number
}

export function packEntry(kind: number, queue: QueueKey, payload: Uint8Array): Buffer {
  const entry = Buffer.alloc(ENTRY_HEADER_BYTES + payload.length)
  writeUint32(entry, 0, payload.length)
  entry[4] = kind
  writeUint32(entry, 8, Math.floor(queue / 0x1_0000_0000))
  writeUint32(entry, 12, queue >>> 0)
  entry.set(payload, ENTRY_HEADER_BYTES)
  return entry
}

export function packMessage(message: PackedMessage): Buffer {
  const { queue, position, queueOffset } = message
  const draft = draftOf({ queue, body: message.body ?? `message ${position}` })
  const payload = Buffer.alloc(draft.bytes)
  draft.write(payload, 0, { position, queueOffset, storeTimeMs: message.storeTimeMs ?? position })
  return packEntry(ENTRY_KIND.message, queue, payload)
}

export function packState(change: string): Buffer {
  return packEntry(ENTRY_KIND.state, 0, Buffer.from(change))
}

/** A block of consecutive messages that stand one behind the other in the log. */
export function packBlock(block: {
  queue: QueueKey
  firstOffset: number
  firstPosition: number
  count: number
  firstTimeMs: number
}): Buffer {
  const { queue, firstOffset, firstPosition, count, firstTimeMs } = block
  const bytes = encodeIndexBlock({
    queue,
    firstOffset,
    firstStoreTimeMs: firstTimeMs,
    lastStoreTimeMs: firstTimeMs + count - 1,
    positions: Array.from({ length: count }, (_, i) => firstPosition + i),
    payloadBytes: Array.from({ length: count }, () => 100),
    tagsHashes: Array.from({ length: count }, () => 0),
  })
  return packEntry(ENTRY_KIND.indexBlock, queue, bytes)
}
