// Bytes on their way to one peer. Frames are encoded in place, so that many small answers leave in
// one write; what the transport does not take stays here, and its size is what backpressure looks at.

import type { Command } from './command.ts'
import { binaryFrameBytesMax, encodeFrame, writeBinaryFrame } from './frame.ts'

const BYTES_MIN = 4 * 1024
/** A buffer that grew past this for one burst is given back once it is empty. */
const BYTES_KEPT_MAX = 256 * 1024

export class OutputBuffer {
  #buffer = Buffer.allocUnsafe(BYTES_MIN)
  #start = 0
  #end = 0

  /** Bytes not yet taken by the transport. */
  get bytes(): number {
    return this.#end - this.#start
  }

  append(command: Command): void {
    if (command.encoding === 'binary') {
      this.#reserve(binaryFrameBytesMax(command))
      this.#end = writeBinaryFrame(command, this.#buffer, this.#end)
      return
    }
    const frame = encodeFrame(command)
    this.#reserve(frame.length)
    this.#buffer.set(frame, this.#end)
    this.#end += frame.length
  }

  /** Offers everything to `write`, which returns how many bytes it took. True when none is left. */
  flush(write: (bytes: Uint8Array) => number): boolean {
    while (this.#start < this.#end) {
      const taken = write(this.#buffer.subarray(this.#start, this.#end))
      if (taken <= 0) return false
      this.#start += taken
    }
    this.clear()
    return true
  }

  clear(): void {
    this.#start = 0
    this.#end = 0
    if (this.#buffer.length > BYTES_KEPT_MAX) this.#buffer = Buffer.allocUnsafe(BYTES_MIN)
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    const held = this.bytes
    let capacity = this.#buffer.length
    while (capacity < held + bytes) capacity *= 2
    const target = capacity === this.#buffer.length ? this.#buffer : Buffer.allocUnsafe(capacity)
    this.#buffer.copy(target, 0, this.#start, this.#end)
    this.#buffer = target
    this.#start = 0
    this.#end = held
  }
}
