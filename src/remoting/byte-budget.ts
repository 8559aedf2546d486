// One bound on the memory that all peers of a server make it hold together: started frames and
// unread answers. Each connection's own bounds would still add up to many times a machine.

import { IN_FLIGHT_BYTES_MAX } from '../core/limits.ts'

/** Above this share new work is refused, so that work already taken can finish. */
const BUSY_SHARE = 0.6
/** Above this share nobody new is let in. */
const FULL_SHARE = 0.8

export class ByteBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax = IN_FLIGHT_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get isBusy(): boolean {
    return this.#bytes > BUSY_SHARE * this.#bytesMax
  }

  get isFull(): boolean {
    return this.#bytes > FULL_SHARE * this.#bytesMax
  }

  get isExceeded(): boolean {
    return this.#bytes > this.#bytesMax
  }

  /** `difference` may be negative: bytes given back. */
  add(difference: number): void {
    this.#bytes += difference
  }
}
