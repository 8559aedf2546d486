// Cuts a byte stream into frames. Memory follows what arrived, never what a length claims.

import { readInt32 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { NO_BODY } from './command.ts'

const LENGTH_BYTES = 4
/** Most frames fit, so that one that comes in two chunks is copied once. */
const HELD_BYTES_MIN = 1024

/** Told where a frame lies, without its length word; the bytes are its own from then on. */
export type FrameListener = (bytes: Buffer, start: number, end: number) => void

export class FrameSplitter {
  /** The beginning of a frame under way is `#held[0…#heldBytes]`; the rest is room. */
  #held: Buffer = NO_BODY
  #heldBytes = 0
  #isStopped = false

  /** Bytes held of a frame that is not complete yet. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Gives up what is held and passes on no further frame, not even of the chunk under way. */
  stop(): void {
    this.#isStopped = true
    this.#held = NO_BODY
    this.#heldBytes = 0
  }

  /** Calls `onFrame` with each frame that is now complete. Throws PROTOCOL on a senseless length. */
  push(chunk: Buffer, onFrame: FrameListener): void {
    let at = 0
    if (this.#heldBytes > 0) {
      at = this.#completeHeld(chunk, onFrame)
      if (this.#heldBytes > 0) return
    }
    while (chunk.length - at >= LENGTH_BYTES && !this.#isStopped) {
      const end = at + LENGTH_BYTES + frameLength(chunk, at)
      if (end > chunk.length) break
      onFrame(chunk, at + LENGTH_BYTES, end)
      at = end
    }
    if (at < chunk.length && !this.#isStopped) this.#hold(chunk, at, chunk.length)
  }

  /** Adds to the held frame what it lacks; returns how far into `chunk` that went. */
  #completeHeld(chunk: Buffer, onFrame: FrameListener): number {
    let at = Math.min(chunk.length, Math.max(0, LENGTH_BYTES - this.#heldBytes))
    if (at > 0) this.#hold(chunk, 0, at)
    if (this.#heldBytes < LENGTH_BYTES) return at
    const wanted = LENGTH_BYTES + frameLength(this.#held, 0)
    const end = Math.min(chunk.length, at + wanted - this.#heldBytes)
    this.#hold(chunk, at, end, wanted)
    at = end
    if (this.#heldBytes < wanted) return at
    const frame = this.#held
    this.#held = NO_BODY
    this.#heldBytes = 0
    onFrame(frame, LENGTH_BYTES, wanted)
    return at
  }

  /** Copies: a view would keep a whole received chunk alive for the sake of its last bytes. */
  #hold(chunk: Buffer, start: number, end: number, wanted = FRAME_BYTES_MAX): void {
    const needed = this.#heldBytes + end - start
    if (needed > this.#held.length) {
      const room = Math.min(wanted, Math.max(HELD_BYTES_MIN, 2 * this.#held.length))
      const held = Buffer.allocUnsafe(Math.max(needed, room))
      this.#held.copy(held, 0, 0, this.#heldBytes)
      this.#held = held
    }
    chunk.copy(this.#held, this.#heldBytes, start, end)
    this.#heldBytes = needed
  }
}

function frameLength(bytes: Buffer, at: number): number {
  const length = readInt32(bytes, at)
  if (length >= 4 && length <= FRAME_BYTES_MAX - LENGTH_BYTES) return length
  throw new MqError('PROTOCOL', `a frame claims ${length >>> 0} bytes`)
}
