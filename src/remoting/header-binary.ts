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

import { MqError } from '../core/errors.ts'
import { FIELD_COUNT_MAX } from '../core/limits.ts'
import { type Command, type Fields, type HeaderEncoding, NO_BODY } from './command.ts'

const FIXED_BYTES = 21

/** Upper bound of the encoded size: text may take three bytes per UTF-16 unit. */
export function binaryHeaderBytesMax(command: Command): number {
  let bytes = FIXED_BYTES + 3 * (command.remark?.length ?? 0)
  for (const name in command.fields) {
    bytes += 6 + 3 * (name.length + (command.fields[name]?.length ?? 0))
  }
  return bytes
}

/** Writes the header at `target[at…]`, which has room for it; returns the offset after it. */
export function writeBinaryHeader(command: Command, target: Buffer, at: number): number {
  target.writeUInt16BE(command.code & 0xffff, at)
  target[at + 2] = command.language
  target.writeUInt16BE(command.version & 0xffff, at + 3)
  target.writeInt32BE(command.opaque, at + 5)
  target.writeInt32BE(command.flag, at + 9)
  const remarkBytes = command.remark === null ? 0 : writeText(target, at + 17, command.remark)
  target.writeInt32BE(remarkBytes, at + 13)
  const lengthAt = at + 17 + remarkBytes
  let end = lengthAt + 4
  for (const name in command.fields) {
    const value = command.fields[name]
    if (value === undefined) continue
    const nameBytes = writeText(target, end + 2, name)
    target.writeUInt16BE(nameBytes, end)
    end += 2 + nameBytes
    const valueBytes = writeText(target, end + 4, value)
    target.writeInt32BE(valueBytes, end)
    end += 4 + valueBytes
  }
  target.writeInt32BE(end - lengthAt - 4, lengthAt)
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

/** Decodes eagerly what routing needs and the fields on first use. */
class BinaryCommand implements Command {
  readonly code: number
  readonly language: number
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | null
  readonly body: Buffer
  readonly encoding: HeaderEncoding = 'binary'
  readonly fieldBytes: Buffer
  #fields: Fields | null = null

  constructor(header: Buffer, body: Buffer) {
    this.code = header.readInt16BE(0)
    this.language = header[2] as number
    this.version = header.readInt16BE(3)
    this.opaque = header.readInt32BE(5)
    this.flag = header.readInt32BE(9)
    const remarkBytes = header.readInt32BE(13)
    if (remarkBytes < 0 || FIXED_BYTES + remarkBytes > header.length) {
      throw new MqError('PROTOCOL', `the header claims a remark of ${remarkBytes} bytes`)
    }
    this.remark = remarkBytes === 0 ? null : header.toString('utf8', 17, 17 + remarkBytes)
    const fieldsAt = FIXED_BYTES + remarkBytes
    const fieldsBytes = header.readInt32BE(fieldsAt - 4)
    if (fieldsBytes < 0 || fieldsAt + fieldsBytes > header.length) {
      throw new MqError('PROTOCOL', `the header claims ${fieldsBytes} bytes of fields`)
    }
    this.fieldBytes = header.subarray(fieldsAt, fieldsAt + fieldsBytes)
    this.body = body.length === 0 ? NO_BODY : body
  }

  get fields(): Fields {
    this.#fields ??= decodeFields(this.fieldBytes)
    return this.#fields
  }
}

export function decodeBinaryHeader(header: Buffer, body: Buffer): Command {
  if (header.length < FIXED_BYTES) {
    throw new MqError('PROTOCOL', `a binary header has at least ${FIXED_BYTES} bytes`)
  }
  return new BinaryCommand(header, body)
}

export function decodeFields(bytes: Buffer): Fields {
  const fields: Record<string, string> = Object.create(null)
  let at = 0
  let count = 0
  while (at < bytes.length) {
    if (++count > FIELD_COUNT_MAX) {
      throw new MqError('PROTOCOL', `the header has more than ${FIELD_COUNT_MAX} fields`)
    }
    const nameAt = at + 2
    const nameEnd = nameAt + (at + 2 <= bytes.length ? bytes.readUInt16BE(at) : bytes.length)
    const valueAt = nameEnd + 4
    const valueEnd = valueAt + (valueAt <= bytes.length ? bytes.readInt32BE(nameEnd) : bytes.length)
    if (valueEnd > bytes.length || valueEnd < valueAt) {
      throw new MqError('PROTOCOL', 'the header fields run past their end')
    }
    // Zero-length values decode to "absent" in Apache; so they do here.
    if (nameEnd > nameAt && valueEnd > valueAt) {
      fields[bytes.toString('utf8', nameAt, nameEnd)] = bytes.toString('utf8', valueAt, valueEnd)
    }
    at = valueEnd
  }
  return fields
}
