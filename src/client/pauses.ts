// Waiting that can be cut short: for a while, or until there is something to do, but never beyond the
// owner's end.

import type { Clock } from '../core/clock.ts'

export class Pauses {
  readonly #clock: Clock
  readonly #wakers = new Set<() => void>()
  #isEnded = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves after `delayMs`, or sooner when all are woken. */
  sleep(delayMs: number): Promise<void> {
    return this.#wait(delayMs)
  }

  /** Resolves when all are woken. */
  untilWoken(): Promise<void> {
    return this.#wait(null)
  }

  wakeAll(): void {
    for (const wake of [...this.#wakers]) wake()
  }

  /** Wakes all, and nobody sleeps any more. */
  end(): void {
    this.#isEnded = true
    this.wakeAll()
  }

  #wait(delayMs: number | null): Promise<void> {
    if (this.#isEnded) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        timer?.cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      const timer = delayMs === null ? null : this.#clock.after(delayMs, wake)
      this.#wakers.add(wake)
    })
  }
}
