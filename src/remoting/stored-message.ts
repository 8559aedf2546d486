// One stored message, as pull answers carry it and as our log keeps it (all numbers big-endian):
//
//   |  0 total size 4 |  4 magic 4        |  8 body CRC 4     | 12 queue id 4   | 16 flag 4        |
//   | 20 queue offset 8                   | 28 position 8                       | 36 system flag 4 |
//   | 40 born time 8                      | 48 born host 4 + port 4             |
//   | 56 store time 8                     | 64 store host 4 + port 4            |
//   | 72 reconsume times 4                | 76 prepared transaction position 8  |
//   | 84 body length 4 | body … | topic length 1 | topic … | properties length 2 | properties … |
//
// Hosts are IPv4, topics at most 127 bytes: Go and ali-ons read nothing else. We write that, and
// read the other forms Apache has (16-byte hosts by system flag bits 4 and 5, two-byte topic length).

import { MqError } from '../core/errors.ts'
import { decodeProperties, type Properties } from './properties.ts'

export const MESSAGE_MAGIC = 0xdaa3_20a7
const MESSAGE_MAGIC_LONG_TOPIC = 0xdaa3_20ab
export const QUEUE_OFFSET_AT = 20
export const POSITION_AT = 28
export const STORE_TIME_AT = 56
export const MESSAGE_FIXED_BYTES = 91
const BODY_LENGTH_AT = 84

export const SYSTEM_FLAG = {
  compressed: 0x1,
  transactionMask: 0xc,
  transactionPrepared: 0x4,
  bornHostV6: 0x10,
  storeHostV6: 0x20,
  compressionMask: 0x700,
} as const

/** What a broker writes; lengths are in bytes and were checked before. */
export interface MessageRecord {
  queueId: number
  flag: number
  queueOffset: number
  position: number
  systemFlag: number
  bornTimeMs: number
  /** IPv4 address as one number, and port. */
  bornHost: number
  bornPort: number
  storeTimeMs: number
  storeHost: number
  storePort: number
  reconsumeTimes: number
  preparedPosition: number
  body: Uint8Array
  topic: Buffer
  properties: Buffer
}

export function messageBytes(parts: {
  body: Uint8Array
  topic: Buffer
  properties: Buffer
}): number {
  return MESSAGE_FIXED_BYTES + parts.body.length + parts.topic.length + parts.properties.length
}

/** CRC-32 (IEEE) with the top bit cleared, as every peer computes it. */
export function bodyCrc(body: Uint8Array): number {
  return Bun.hash.crc32(body) & 0x7fff_ffff
}

/** 64-bit write of a number below 2^53: two 32-bit writes are several times as fast as a BigInt. */
export function writeUint53(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  target.writeUInt32BE(value >>> 0, at + 4)
}

export function readUint53(source: Buffer, at: number): number {
  return source.readInt32BE(at) * 0x1_0000_0000 + source.readUInt32BE(at + 4)
}

/** Writes one message at `target[at…]`; returns the offset after it. */
export function writeMessage(record: MessageRecord, target: Buffer, at: number): number {
  const { body, topic, properties } = record
  target.writeUInt32BE(messageBytes(record), at)
  target.writeUInt32BE(MESSAGE_MAGIC, at + 4)
  target.writeUInt32BE(bodyCrc(body), at + 8)
  target.writeInt32BE(record.queueId, at + 12)
  target.writeInt32BE(record.flag, at + 16)
  writeUint53(target, record.queueOffset, at + QUEUE_OFFSET_AT)
  writeUint53(target, record.position, at + POSITION_AT)
  target.writeInt32BE(record.systemFlag, at + 36)
  writeUint53(target, record.bornTimeMs, at + 40)
  target.writeUInt32BE(record.bornHost, at + 48)
  target.writeUInt32BE(record.bornPort, at + 52)
  writeUint53(target, record.storeTimeMs, at + STORE_TIME_AT)
  target.writeUInt32BE(record.storeHost, at + 64)
  target.writeUInt32BE(record.storePort, at + 68)
  target.writeInt32BE(record.reconsumeTimes, at + 72)
  writeUint53(target, record.preparedPosition, at + 76)
  target.writeUInt32BE(body.length, at + BODY_LENGTH_AT)
  target.set(body, at + 88)
  let end = at + 88 + body.length
  target[end] = topic.length
  target.set(topic, end + 1)
  end += 1 + topic.length
  target.writeUInt16BE(properties.length, end)
  target.set(properties, end + 2)
  return end + 2 + properties.length
}

/** A message as clients and tools see it. `body` is as stored, perhaps compressed. */
export interface StoredMessage {
  topic: string
  queueId: number
  queueOffset: number
  position: number
  flag: number
  systemFlag: number
  bodyCrc: number
  bornTimeMs: number
  bornHost: string
  storeTimeMs: number
  storeHost: string
  reconsumeTimes: number
  preparedPosition: number
  properties: Properties
  body: Buffer
}

/** Decodes messages laid back to back. Throws PROTOCOL on a record that does not hold together. */
export function decodeMessages(bytes: Buffer): StoredMessage[] {
  const messages: StoredMessage[] = []
  let at = 0
  while (at < bytes.length) {
    const size = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0
    if (size < MESSAGE_FIXED_BYTES || at + size > bytes.length) {
      throw new MqError(
        'PROTOCOL',
        `a stored message claims ${size} bytes at ${at} of ${bytes.length}`,
      )
    }
    messages.push(decodeMessage(bytes.subarray(at, at + size)))
    at += size
  }
  return messages
}

export function decodeMessage(record: Buffer): StoredMessage {
  try {
    return readMessage(record)
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new MqError('PROTOCOL', 'a stored message is cut short', { cause })
    throw cause
  }
}

function readMessage(record: Buffer): StoredMessage {
  const magic = record.readUInt32BE(4)
  if (magic !== MESSAGE_MAGIC && magic !== MESSAGE_MAGIC_LONG_TOPIC) {
    throw new MqError('PROTOCOL', `a stored message has the unknown magic ${magic.toString(16)}`)
  }
  const systemFlag = record.readInt32BE(36)
  const bornHostBytes = (systemFlag & SYSTEM_FLAG.bornHostV6) === 0 ? 4 : 16
  const storeHostBytes = (systemFlag & SYSTEM_FLAG.storeHostV6) === 0 ? 4 : 16
  let at = 48 + bornHostBytes + 4
  const storeTimeMs = readUint53(record, at)
  const storeHostAt = at + 8
  at = storeHostAt + storeHostBytes + 4
  const reconsumeTimes = record.readInt32BE(at)
  const preparedPosition = readUint53(record, at + 4)
  const body = takeBytes(record, at + 16, record.readUInt32BE(at + 12))
  at += 16 + body.length
  const topicLengthBytes = magic === MESSAGE_MAGIC ? 1 : 2
  const topic = takeBytes(record, at + topicLengthBytes, record.readUIntBE(at, topicLengthBytes))
  at += topicLengthBytes + topic.length
  const properties = takeBytes(record, at + 2, record.readUInt16BE(at))
  return {
    topic: topic.toString('utf8'),
    queueId: record.readInt32BE(12),
    queueOffset: readUint53(record, QUEUE_OFFSET_AT),
    position: readUint53(record, POSITION_AT),
    flag: record.readInt32BE(16),
    systemFlag,
    bodyCrc: record.readUInt32BE(8),
    bornTimeMs: readUint53(record, 40),
    bornHost: readHost(record, 48, bornHostBytes),
    storeTimeMs,
    storeHost: readHost(record, storeHostAt, storeHostBytes),
    reconsumeTimes,
    preparedPosition,
    properties: decodeProperties(properties.toString('utf8')),
    body,
  }
}

function takeBytes(record: Buffer, at: number, length: number): Buffer {
  if (at + length > record.length) throw new MqError('PROTOCOL', 'a stored message is cut short')
  return record.subarray(at, at + length)
}

function readHost(record: Buffer, at: number, bytes: number): string {
  const port = record.readUInt32BE(at + bytes)
  if (bytes === 4) return `${record.subarray(at, at + 4).join('.')}:${port}`
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(record.readUInt16BE(at + i).toString(16))
  return `[${groups.join(':')}]:${port}`
}

/** The id a send is answered with: store host, port and position in hex; clients connect back to it. */
export function offsetMessageId(host: number, port: number, position: number): string {
  return hex8(host) + hex8(port) + hex8(Math.floor(position / 0x1_0000_0000)) + hex8(position)
}

function hex8(value: number): string {
  return (value >>> 0).toString(16).toUpperCase().padStart(8, '0')
}

export function parseOffsetMessageId(
  id: string,
): { host: string; port: number; position: number } | null {
  if (!/^[0-9A-Fa-f]{32}$/.test(id)) return null
  const bytes = Buffer.from(id, 'hex')
  return {
    host: bytes.subarray(0, 4).join('.'),
    port: bytes.readUInt32BE(4),
    position: readUint53(bytes, 8),
  }
}
