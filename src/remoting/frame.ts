// One frame on the wire (all numbers big-endian):
//
//   | total length | encoding | header length | header … | body … |
//   |      4       |    1     |       3       |          |        |
//
// Total length counts everything after itself. Encoding 0 is a JSON header, 1 a binary one.

import { readInt32, writeUint32 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX, HEADER_BYTES_MAX } from '../core/limits.ts'
import { type Command, NO_BODY } from './command.ts'
import {
  binaryHeaderBytesMax,
  decodeBinaryHeader,
  type HeaderParts,
  writeBinaryHeader,
} from './header-binary.ts'
import { decodeJsonHeader, encodeJsonHeader } from './header-json.ts'

const PREFIX_BYTES = 8
const HEADER_LENGTH_MASK = 0xff_ffff

/** What a frame is made of; a Command is one. */
export interface FrameParts extends HeaderParts {
  readonly body: Uint8Array
}

/** Upper bound of `writeBinaryFrame`'s size. */
export function binaryFrameBytesMax(parts: FrameParts): number {
  return PREFIX_BYTES + binaryHeaderBytesMax(parts) + parts.body.length
}

/**
 * Writes a frame with a binary header at `target[at…]`, which has room for it; returns the offset
 * after it. Throws PROTOCOL if it would be too large for a peer.
 */
export function writeBinaryFrame(parts: FrameParts, target: Buffer, at: number): number {
  const headerEnd = writeBinaryHeader(parts, target, at + PREFIX_BYTES)
  const end = headerEnd + parts.body.length
  checkFrameBytes(end - at)
  if (parts.body.length > 0) target.set(parts.body, headerEnd)
  writeUint32(target, at, end - at - 4)
  writeUint32(target, at + 4, 0x0100_0000 | (headerEnd - at - PREFIX_BYTES))
  return end
}

/** Upper bound of `writeJsonFrame`'s size, once the header is text. */
export function jsonFrameBytesMax(header: string, body: Uint8Array): number {
  return PREFIX_BYTES + 3 * header.length + body.length
}

/** As `writeBinaryFrame`, for a header from `encodeJsonHeader`. */
export function writeJsonFrame(
  header: string,
  body: Uint8Array,
  target: Buffer,
  at: number,
): number {
  const headerBytes = target.write(header, at + PREFIX_BYTES, 'utf8')
  const end = at + PREFIX_BYTES + headerBytes + body.length
  checkFrameBytes(end - at)
  if (body.length > 0) target.set(body, end - body.length)
  writeUint32(target, at, end - at - 4)
  writeUint32(target, at + 4, headerBytes)
  return end
}

/** The whole frame in a buffer of its own. Throws PROTOCOL if it would be too large for a peer. */
export function encodeFrame(command: Command): Buffer {
  if (command.encoding === 'json') {
    const header = encodeJsonHeader(command)
    const buffer = Buffer.allocUnsafe(jsonFrameBytesMax(header, command.body))
    return buffer.subarray(0, writeJsonFrame(header, command.body, buffer, 0))
  }
  const buffer = Buffer.allocUnsafe(binaryFrameBytesMax(command))
  return buffer.subarray(0, writeBinaryFrame(command, buffer, 0))
}

function checkFrameBytes(bytes: number): void {
  if (bytes <= FRAME_BYTES_MAX) return
  throw new MqError('PROTOCOL', `a frame of ${bytes} bytes exceeds ${FRAME_BYTES_MAX}`)
}

/** Decodes the frame at `bytes[start…end]`, without its total length. The body is a view. */
export function decodeFrame(bytes: Buffer, start = 0, end = bytes.length): Command {
  if (end - start < 4) {
    throw new MqError('PROTOCOL', `a frame of ${end - start} bytes is too short`)
  }
  const word = readInt32(bytes, start)
  const encoding = word >>> 24
  const headerBytes = word & HEADER_LENGTH_MASK
  const headerAt = start + 4
  const bodyAt = headerAt + headerBytes
  if (headerBytes > HEADER_BYTES_MAX || bodyAt > end) {
    throw new MqError(
      'PROTOCOL',
      `a frame of ${end - start} bytes claims a header of ${headerBytes}`,
    )
  }
  const body = bodyAt === end ? NO_BODY : bytes.subarray(bodyAt, end)
  if (encoding === 0) return decodeJsonHeader(bytes.toString('utf8', headerAt, bodyAt), body)
  if (encoding === 1) return decodeBinaryHeader(bytes, headerAt, bodyAt, body)
  throw new MqError('PROTOCOL', `unknown header encoding ${encoding}`)
}
