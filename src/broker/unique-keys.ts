// Unique ids for messages whose client made none (ali-ons): 32 hex digits, as clients expect, which
// are the broker's address, 48 random bits of this start and a count.

import type { Random } from '../core/random.ts'

const COUNT_DIGITS = 12

export class UniqueKeys {
  readonly #prefix: string
  #count = 0

  constructor(options: { storeHost: number; random: Random }) {
    const host = options.storeHost.toString(16).padStart(8, '0')
    this.#prefix = (host + options.random.hex(6)).toUpperCase()
  }

  next(): string {
    this.#count++
    return this.#prefix + this.#count.toString(16).toUpperCase().padStart(COUNT_DIGITS, '0')
  }
}
