// Bytes on their way to one peer. Frames are encoded in place, so that many small answers leave in
// one write; what the transport does not take stays here, and its size is what backpressure looks at.
// An empty one owns no memory: of thousands of connections few have something to say at a time.

import type { HeaderEncoding } from './command.ts'
import {
  binaryFrameBytesMax,
  type FrameParts,
  jsonFrameBytesMax,
  writeBinaryFrame,
  writeJsonFrame,
} from './frame.ts'
import { encodeJsonHeader } from './header-json.ts'

const BYTES_MIN = 16 * 1024
/** Larger buffers were needed for one burst; they are not kept for the next. */
const POOLED_BYTES_MAX = 256 * 1024
const POOLED_COUNT_MAX = 32

const NOTHING: Buffer = Buffer.alloc(0)
/** Empty buffers, for whichever connection writes next. */
const pool: Buffer[] = []

export class OutputBuffer {
  #buffer: Buffer = NOTHING
  #start = 0
  #end = 0

  /** Bytes not yet taken by the transport. */
  get bytes(): number {
    return this.#end - this.#start
  }

  /** Throws PROTOCOL if the frame would be too large for a peer; then nothing is added. */
  append(parts: FrameParts, encoding: HeaderEncoding): void {
    if (encoding === 'binary') {
      this.#reserve(binaryFrameBytesMax(parts))
      this.#end = writeBinaryFrame(parts, this.#buffer, this.#end)
      return
    }
    const header = encodeJsonHeader(parts)
    this.#reserve(jsonFrameBytesMax(header, parts.body))
    this.#end = writeJsonFrame(header, parts.body, this.#buffer, this.#end)
  }

  /** Offers everything to `write`, which returns how many bytes it took. */
  flush(write: (bytes: Uint8Array) => number): void {
    while (this.#start < this.#end) {
      const taken = write(this.#buffer.subarray(this.#start, this.#end))
      if (taken <= 0) return
      this.#start += taken
    }
    this.clear()
  }

  clear(): void {
    const buffer = this.#buffer
    this.#buffer = NOTHING
    this.#start = 0
    this.#end = 0
    if (buffer === NOTHING || buffer.length > POOLED_BYTES_MAX) return
    if (pool.length < POOLED_COUNT_MAX) pool.push(buffer)
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    const held = this.bytes
    // Moving within the buffer pays only if at least as much was sent as has to be moved.
    const isRoomy = this.#start >= held && held + bytes <= this.#buffer.length
    const target = isRoomy ? this.#buffer : bufferOf(Math.max(held + bytes, 2 * held))
    this.#buffer.copy(target, 0, this.#start, this.#end)
    this.#buffer = target
    this.#start = 0
    this.#end = held
  }
}

function bufferOf(bytes: number): Buffer {
  if (bytes <= (pool.at(-1)?.length ?? 0)) return pool.pop() as Buffer
  let capacity = BYTES_MIN
  while (capacity < bytes) capacity *= 2
  return Buffer.allocUnsafeSlow(capacity)
}
