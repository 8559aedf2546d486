// How long to leave an address alone after it could not be reached.

import type { Random } from '../core/random.ts'

const BACKOFF_MS_MIN = 50
const BACKOFF_MS_MAX = 3_000
/** Far more addresses than a client has peers: routes that come and go must not add up for ever. */
const ADDRESS_COUNT_MAX = 1_024

interface Backoff {
  untilMs: number
  delayMs: number
  error: unknown
}

export class Backoffs {
  readonly #random: Random
  readonly #byAddress = new Map<string, Backoff>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Throws what the last attempt failed with, if that was too recent for another. */
  check(address: string, nowMs: number): void {
    const backoff = this.#byAddress.get(address)
    if (backoff !== undefined && nowMs < backoff.untilMs) throw backoff.error
  }

  /** The wait is random within its bound, so that clients do not come back in step. */
  noteFailure(address: string, nowMs: number, error: unknown): void {
    const previous = this.#byAddress.get(address)
    const delayMs = Math.min(BACKOFF_MS_MAX, 2 * (previous?.delayMs ?? BACKOFF_MS_MIN / 2))
    const waitMs = delayMs * (0.5 + this.#random.float() / 2)
    this.#byAddress.delete(address)
    this.#byAddress.set(address, { untilMs: nowMs + waitMs, delayMs, error })
    if (this.#byAddress.size <= ADDRESS_COUNT_MAX) return
    const [oldest] = this.#byAddress.keys()
    if (oldest !== undefined) this.#byAddress.delete(oldest)
  }

  noteSuccess(address: string): void {
    this.#byAddress.delete(address)
  }
}
