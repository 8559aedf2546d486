// The compact form of a command header (serialize type 1, "ROCKETMQ"). All numbers big-endian:
//
//   | code | language | version | opaque | flag | remark length | remark … | fields length | fields … |
//   |  2   |    1     |    2    |   4    |  4   |       4       |          |       4       |          |
//
// and each field is
//
//   | name length | name … | value length | value … |
//   |      2      |        |      4       |         |
//
// The code has 16 bits only: the 200,050… range of POP requests does not fit, here as in Apache.

import { readInt16, readInt32, readUint16, writeUint16, writeUint32 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { FIELD_COUNT_MAX } from '../core/limits.ts'
import type { Command, Fields, FieldValues, HeaderEncoding } from './command.ts'

const FIXED_BYTES = 21
/** The longest number is a double such as -1.2345678901234567e-100. */
const NUMBER_BYTES_MAX = 24

/** What a header says; values may be numbers and booleans, which are text on the wire. */
export interface HeaderParts {
  readonly code: number
  readonly language: number
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | null
  readonly fields: FieldValues
}

/** Upper bound of the encoded size: text may take three bytes per UTF-16 unit. */
export function binaryHeaderBytesMax(parts: HeaderParts): number {
  let bytes = FIXED_BYTES + 3 * (parts.remark?.length ?? 0)
  for (const name in parts.fields) {
    const value = parts.fields[name]
    bytes += 6 + 3 * name.length
    bytes += typeof value === 'string' ? 3 * value.length : NUMBER_BYTES_MAX
  }
  return bytes
}

/** Writes the header at `target[at…]`, which has room for it; returns the offset after it. */
export function writeBinaryHeader(parts: HeaderParts, target: Buffer, at: number): number {
  writeUint16(target, at, parts.code)
  target[at + 2] = parts.language
  writeUint16(target, at + 3, parts.version)
  writeUint32(target, at + 5, parts.opaque)
  writeUint32(target, at + 9, parts.flag)
  const remarkBytes = parts.remark === null ? 0 : writeText(target, at + 17, parts.remark)
  writeUint32(target, at + 13, remarkBytes)
  const lengthAt = at + 17 + remarkBytes
  let end = lengthAt + 4
  for (const name in parts.fields) {
    const value = parts.fields[name]
    if (value === undefined) continue
    const nameBytes = writeText(target, end + 2, name)
    writeUint16(target, end, nameBytes)
    end += 2 + nameBytes
    const valueBytes =
      typeof value === 'number'
        ? writeNumber(target, end + 4, value)
        : writeText(target, end + 4, typeof value === 'string' ? value : String(value))
    writeUint32(target, end, valueBytes)
    end += 4 + valueBytes
  }
  writeUint32(target, lengthAt, end - lengthAt - 4)
  return end
}

/** Field values are nearly always short ASCII, where a loop beats the call into the encoder. */
function writeText(target: Buffer, at: number, text: string): number {
  const length = text.length
  if (length > 64) return target.write(text, at, 'utf8')
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return target.write(text, at, 'utf8')
    target[at + i] = unit
  }
  return length
}

/** Digits straight into the buffer, without making a string of them first. */
function writeNumber(target: Buffer, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) return writeText(target, at, String(value))
  let length = 1
  for (let limit = 10; value >= limit; limit *= 10) length++
  let left = value
  for (let i = at + length - 1; i >= at; i--) {
    const rest = Math.floor(left / 10)
    target[i] = 48 + (left - rest * 10)
    left = rest
  }
  return length
}

/** Decodes at once what routing needs and the fields on first use. */
class BinaryCommand implements Command {
  readonly code: number
  readonly language: number
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | null
  readonly body: Buffer
  readonly encoding: HeaderEncoding = 'binary'
  readonly #frame: Buffer
  readonly #fieldsAt: number
  readonly #fieldsEnd: number
  #fields: Fields | null = null

  constructor(frame: Buffer, at: number, end: number, body: Buffer) {
    this.code = readInt16(frame, at)
    this.language = frame[at + 2] as number
    this.version = readInt16(frame, at + 3)
    this.opaque = readInt32(frame, at + 5)
    this.flag = readInt32(frame, at + 9)
    const remarkBytes = readInt32(frame, at + 13)
    if (remarkBytes < 0 || at + FIXED_BYTES + remarkBytes > end) {
      throw new MqError('PROTOCOL', `the header claims a remark of ${remarkBytes} bytes`)
    }
    const fieldsAt = at + FIXED_BYTES + remarkBytes
    this.remark = remarkBytes === 0 ? null : frame.toString('utf8', at + 17, fieldsAt - 4)
    const fieldsBytes = readInt32(frame, fieldsAt - 4)
    if (fieldsBytes < 0 || fieldsAt + fieldsBytes > end) {
      throw new MqError('PROTOCOL', `the header claims ${fieldsBytes} bytes of fields`)
    }
    this.#frame = frame
    this.#fieldsAt = fieldsAt
    this.#fieldsEnd = fieldsAt + fieldsBytes
    this.body = body
  }

  get fields(): Fields {
    this.#fields ??= decodeFields(this.#frame, this.#fieldsAt, this.#fieldsEnd)
    return this.#fields
  }

  readFields<T>(read: (bytes: Buffer, at: number, end: number) => T): T {
    return read(this.#frame, this.#fieldsAt, this.#fieldsEnd)
  }
}

/** The header is `frame[at…end]`. */
export function decodeBinaryHeader(frame: Buffer, at: number, end: number, body: Buffer): Command {
  if (end - at < FIXED_BYTES) {
    throw new MqError('PROTOCOL', `a binary header has at least ${FIXED_BYTES} bytes`)
  }
  return new BinaryCommand(frame, at, end, body)
}

function decodeFields(bytes: Buffer, start: number, end: number): Fields {
  const fields: Record<string, string> = Object.create(null)
  let at = start
  let count = 0
  while (at < end) {
    if (++count > FIELD_COUNT_MAX) {
      throw new MqError('PROTOCOL', `the header has more than ${FIELD_COUNT_MAX} fields`)
    }
    const nameAt = at + 2
    const nameEnd = nameAt <= end ? nameAt + readUint16(bytes, at) : end + 1
    const valueAt = nameEnd + 4
    const valueBytes = valueAt <= end ? readInt32(bytes, nameEnd) : -1
    if (valueBytes < 0 || valueAt + valueBytes > end) {
      throw new MqError('PROTOCOL', 'the header fields run past their end')
    }
    // Zero-length values decode to "absent" in Apache; so they do here.
    if (nameEnd > nameAt && valueBytes > 0) {
      const name = bytes.toString('utf8', nameAt, nameEnd)
      fields[name] = bytes.toString('utf8', valueAt, valueAt + valueBytes)
    }
    at = valueAt + valueBytes
  }
  return fields
}
