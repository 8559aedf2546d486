// One frame on the wire (all numbers big-endian):
//
//   | total length | encoding | header length | header … | body … |
//   |      4       |    1     |       3       |          |        |
//
// Total length counts everything after itself. Encoding 0 is a JSON header, 1 a binary one.

import { MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX, HEADER_BYTES_MAX } from '../core/limits.ts'
import type { Command } from './command.ts'
import { binaryHeaderBytesMax, decodeBinaryHeader, writeBinaryHeader } from './header-binary.ts'
import { decodeJsonHeader, encodeJsonHeader } from './header-json.ts'

const PREFIX_BYTES = 8

/** Upper bound of `writeFrame`'s size for a command with a binary header. */
export function binaryFrameBytesMax(command: Command): number {
  return PREFIX_BYTES + binaryHeaderBytesMax(command) + command.body.length
}

/** Writes a command with a binary header at `target[at…]`; returns the offset after it. */
export function writeBinaryFrame(command: Command, target: Buffer, at: number): number {
  const headerEnd = writeBinaryHeader(command, target, at + PREFIX_BYTES)
  target.set(command.body, headerEnd)
  const end = headerEnd + command.body.length
  target.writeUInt32BE(end - at - 4, at)
  target.writeUInt32BE(0x0100_0000 | (headerEnd - at - PREFIX_BYTES), at + 4)
  return end
}

/** The whole frame in a buffer of its own. Throws PROTOCOL if it would be too large for a peer. */
export function encodeFrame(command: Command): Buffer {
  const frame = command.encoding === 'json' ? encodeJsonFrame(command) : encodeBinaryFrame(command)
  if (frame.length > FRAME_BYTES_MAX) {
    throw new MqError('PROTOCOL', `a frame of ${frame.length} bytes exceeds ${FRAME_BYTES_MAX}`)
  }
  return frame
}

function encodeJsonFrame(command: Command): Buffer {
  const header = encodeJsonHeader(command)
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + header.length + command.body.length)
  frame.writeUInt32BE(frame.length - 4, 0)
  frame.writeUInt32BE(header.length, 4)
  frame.set(header, PREFIX_BYTES)
  frame.set(command.body, PREFIX_BYTES + header.length)
  return frame
}

function encodeBinaryFrame(command: Command): Buffer {
  const buffer = Buffer.allocUnsafe(binaryFrameBytesMax(command))
  return buffer.subarray(0, writeBinaryFrame(command, buffer, 0))
}

/** Decodes one frame without its total length. The body is a view into `frame`. */
export function decodeFrame(frame: Buffer): Command {
  if (frame.length < 4)
    throw new MqError('PROTOCOL', `a frame of ${frame.length} bytes is too short`)
  const word = frame.readUInt32BE(0)
  const encoding = word >>> 24
  const headerBytes = word & 0xff_ffff
  if (headerBytes > HEADER_BYTES_MAX || headerBytes > frame.length - 4) {
    throw new MqError(
      'PROTOCOL',
      `a frame of ${frame.length} bytes claims a header of ${headerBytes}`,
    )
  }
  const header = frame.subarray(4, 4 + headerBytes)
  const body = frame.subarray(4 + headerBytes)
  if (encoding === 0) return decodeJsonHeader(header, body)
  if (encoding === 1) return decodeBinaryHeader(header, body)
  throw new MqError('PROTOCOL', `unknown header encoding ${encoding}`)
}

/** Cuts a byte stream into frames. Memory follows what arrived, never what a length claims. */
export class FrameSplitter {
  #chunks: Buffer[] = []
  #bytes = 0
  /** Bytes of the frame under way including its length word; 0 while the length is unknown. */
  #wanted = 0

  /** Bytes held of a frame that is not complete yet. */
  get heldBytes(): number {
    return this.#bytes
  }

  /** Calls `onFrame` with each complete frame (without its length word), a view into the input. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let input = chunk
    if (this.#bytes > 0) {
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
      if (this.#bytes < this.#wanted) return
      input = Buffer.concat(this.#chunks, this.#bytes)
      this.#chunks = []
      this.#bytes = 0
    }
    let at = 0
    this.#wanted = 0
    while (input.length - at >= 4) {
      const length = input.readUInt32BE(at)
      if (length < 4 || length > FRAME_BYTES_MAX - 4) {
        throw new MqError('PROTOCOL', `a frame claims ${length} bytes`)
      }
      if (input.length - at < 4 + length) {
        this.#wanted = 4 + length
        break
      }
      onFrame(input.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    if (at < input.length) {
      this.#chunks = [input.subarray(at)]
      this.#bytes = input.length - at
    }
  }
}
