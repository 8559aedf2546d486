// What the store itself must remember at a checkpoint, wrapped around the broker's state: the next
// offset of every queue (a queue whose messages were all retired must not start at 0 again) and the
// newest store time (time never goes back within one store).
//
//   | version 4 | newest store time 8 | queue count 4 |
//   | topic id 4 | queue id 4 | next offset 8 | … per queue | the broker's state … |

import { readUint32, readUint64, writeUint32, writeUint64 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { type QueueKey, queueKey } from './append-log.ts'

const VERSION = 1
const HEADER_BYTES = 16
const QUEUE_BYTES = 16

export interface QueueEnd {
  queue: QueueKey
  nextOffset: number
}

export interface StoreSnapshot {
  newestStoreTimeMs: number
  queues: QueueEnd[]
  state: Uint8Array
}

export function encodeSnapshot(snapshot: StoreSnapshot): Uint8Array {
  const { newestStoreTimeMs, queues, state } = snapshot
  const bytes = new Uint8Array(HEADER_BYTES + queues.length * QUEUE_BYTES + state.length)
  writeUint32(bytes, 0, VERSION)
  writeUint64(bytes, 4, newestStoreTimeMs)
  writeUint32(bytes, 12, queues.length)
  let at = HEADER_BYTES
  for (const { queue, nextOffset } of queues) {
    writeUint64(bytes, at, queue)
    writeUint64(bytes, at + 8, nextOffset)
    at += QUEUE_BYTES
  }
  bytes.set(state, at)
  return bytes
}

export function decodeSnapshot(bytes: Uint8Array): StoreSnapshot {
  const version = bytes.length < HEADER_BYTES ? 0 : readUint32(bytes, 0)
  const stateAt = HEADER_BYTES + (version === VERSION ? readUint32(bytes, 12) * QUEUE_BYTES : 0)
  if (version !== VERSION || stateAt > bytes.length) {
    throw new MqError('DATA_CORRUPT', `unknown snapshot: version ${version}, ${bytes.length} bytes`)
  }
  const queues: QueueEnd[] = []
  for (let at = HEADER_BYTES; at < stateAt; at += QUEUE_BYTES) {
    queues.push({
      queue: queueKey(readUint32(bytes, at), readUint32(bytes, at + 4)),
      nextOffset: readUint64(bytes, at + 8),
    })
  }
  return { newestStoreTimeMs: readUint64(bytes, 4), queues, state: bytes.subarray(stateAt) }
}
