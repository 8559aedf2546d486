// Writes to a file descriptor in order, in the background, and knows when everything has left the
// process. Bun's process.stdout does not: `writableLength` is 0 while its own buffer is not empty, and
// what is in there is lost when the process exits.

import { write } from 'node:fs'
import { systemClock } from '../core/clock.ts'

/** More waiting than this: whoever produces should pause. */
const PENDING_BYTES_MAX = 1024 * 1024
/** One write takes at most so much: a slow reader holds one thread, not all memory. */
const WRITE_BYTES_MAX = 256 * 1024
/** A pipe that somebody else made non-blocking says "not now": asked again this soon. */
const RETRY_DELAY_MS = 5

export class FdWriter {
  readonly #fd: number
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #isWriting = false
  #error: Error | null = null
  #waiting: { bytesMax: number; resolve: () => void }[] = []
  /** Called once when nothing can be written any more. */
  onError: (error: Error) => void = () => {}

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Why nothing can be written any more, or null. */
  get error(): Error | null {
    return this.#error
  }

  /** Takes the bytes; the caller must not change them afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#error !== null || bytes.length === 0) return
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#isWriting) return
    this.#isWriting = true
    // What is written in one go of the caller leaves in one write.
    queueMicrotask(() => this.#writeNext())
  }

  /** Resolves when there is room for more. */
  drained(): Promise<void> {
    return this.#below(PENDING_BYTES_MAX)
  }

  /** Resolves when everything has been handed to the system, or nothing can be any more. */
  flushed(): Promise<void> {
    return this.#below(0)
  }

  #below(bytesMax: number): Promise<void> {
    if (this.#pendingBytes <= bytesMax || this.#error !== null) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ bytesMax, resolve }))
  }

  #writeNext(): void {
    const batch = this.#takeBatch()
    write(this.#fd, batch, 0, batch.length, null, (error, written) => {
      if (error !== null && error.code !== 'EAGAIN') {
        this.#fail(error)
        return
      }
      const done = error === null ? written : 0
      this.#pendingBytes -= done
      if (done < batch.length) this.#pending.unshift(batch.subarray(done))
      this.#wake()
      if (this.#pending.length === 0) this.#isWriting = false
      else if (error === null) this.#writeNext()
      else systemClock.after(RETRY_DELAY_MS, () => this.#writeNext())
    })
  }

  #takeBatch(): Uint8Array {
    let count = 0
    let bytes = 0
    while (count < this.#pending.length && bytes < WRITE_BYTES_MAX) {
      bytes += (this.#pending[count] as Uint8Array).length
      count++
    }
    const pieces = this.#pending.splice(0, count)
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
  }

  #fail(error: Error): void {
    this.#error = error
    this.#pending = []
    this.#pendingBytes = 0
    this.#wake()
    this.onError(error)
  }

  #wake(): void {
    const ready = this.#waiting.filter(({ bytesMax }) => this.#pendingBytes <= bytesMax)
    this.#waiting = this.#waiting.filter(({ bytesMax }) => this.#pendingBytes > bytesMax)
    for (const { resolve } of ready) resolve()
  }
}
