// Runs rebalances one at a time. Requests that come while one runs are one more after it.

import type { Clock, Timer } from '../core/clock.ts'

export class RebalanceLoop {
  readonly #clock: Clock
  readonly #rebalance: () => Promise<void>
  #running: Promise<void> | null = null
  #isRequested = false
  #isStopped = false
  #timer: Timer | null = null

  constructor(clock: Clock, rebalance: () => Promise<void>) {
    this.#clock = clock
    this.#rebalance = rebalance
  }

  request(): void {
    void this.run()
  }

  /** Resolves when a rebalance that began after the call is over. */
  run(): Promise<void> {
    this.#isRequested = true
    this.#running ??= this.#runAll()
    return this.#running
  }

  requestAfter(delayMs: number): void {
    if (this.#timer !== null || this.#isStopped) return
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null
      this.request()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  async #runAll(): Promise<void> {
    try {
      while (this.#isRequested && !this.#isStopped) {
        this.#isRequested = false
        await this.#rebalance()
      }
    } finally {
      this.#running = null
    }
  }
}
