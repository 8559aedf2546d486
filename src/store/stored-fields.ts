// The few fields of a stored message that the queue index needs, read when the tail of the log is
// replayed. The whole layout is in remoting/stored-message.ts, which the store does not import.
//
//   | size 4 | magic 4 | crc 4 | queue id 4 | flag 4 | queue offset 8 | position 8 | sys flag 4 |
//   | born time 8 | born host 8 or 20 | store time 8 | store host 8 or 20 | reconsumed 4 |
//   | prepared 8 | body 4+n | topic 1+n or 2+n | properties 2+n |

import { readUint32, readUint64 } from '../core/big-endian.ts'

const QUEUE_OFFSET_AT = 20
const SYS_FLAG_AT = 36
const BORN_HOST_AT = 48
const BORN_HOST_IS_V6 = 1 << 4
const STORE_HOST_IS_V6 = 1 << 5
/** The second layout differs in one thing only: two bytes for the topic's length. */
const MAGIC_LONG_TOPIC = 0xdaa320ab
const PROPERTY_NAME_END = 1
const PROPERTY_VALUE_END = 2
const TAGS_NAME = Buffer.from('TAGS')

export function storedQueueOffset(message: Uint8Array): number {
  return readUint64(message, QUEUE_OFFSET_AT)
}

export function storedTimeMs(message: Uint8Array): number {
  return readUint64(message, storeTimeAt(message))
}

/** The Java hash of the message's tag, 0 if it has none. */
export function storedTagsHash(message: Uint8Array): number {
  let at = storeTimeAt(message) + 8
  at += hostBytes(message, STORE_HOST_IS_V6) + 12
  at += 4 + readUint32(message, at)
  at +=
    readUint32(message, 4) === MAGIC_LONG_TOPIC
      ? 2 + message[at]! * 256 + message[at + 1]!
      : 1 + message[at]!
  const end = at + 2 + message[at]! * 256 + message[at + 1]!
  return tagsHashOf(message, at + 2, Math.min(end, message.length))
}

/** Java's String.hashCode, which is what the wire's tag codes are. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}

function storeTimeAt(message: Uint8Array): number {
  return BORN_HOST_AT + hostBytes(message, BORN_HOST_IS_V6)
}

function hostBytes(message: Uint8Array, v6Flag: number): number {
  return (readUint32(message, SYS_FLAG_AT) & v6Flag) === 0 ? 8 : 20
}

/** Properties are `name 0x01 value 0x02 …`; some writers leave out the last separator. */
function tagsHashOf(message: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const pairEnd = indexOfByte(message, PROPERTY_VALUE_END, at, end)
    const nameEnd = indexOfByte(message, PROPERTY_NAME_END, at, pairEnd)
    if (nameEnd - at === TAGS_NAME.length && startsWith(message, at, TAGS_NAME)) {
      return javaHash(Buffer.from(message.subarray(nameEnd + 1, pairEnd)).toString('utf8'))
    }
    at = pairEnd + 1
  }
  return 0
}

function indexOfByte(source: Uint8Array, byte: number, start: number, end: number): number {
  let at = start
  while (at < end && source[at] !== byte) at++
  return at
}

function startsWith(source: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (source[at + i] !== prefix[i]) return false
  return true
}
