// Evenly spaced steps at a given rate. A step that comes late does not make later ones late.

import { type Clock, sleep } from '../core/clock.ts'

export class Pace {
  readonly #clock: Clock
  readonly #intervalMs: number
  #nextMs: number

  /** `perSecond` 0 means as fast as possible. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#intervalMs = perSecond === 0 ? 0 : 1_000 / perSecond
    this.#nextMs = clock.monoMs()
  }

  /** Resolves when the next step is due. Timers are no finer than 1 ms, so shorter waits are skipped. */
  async step(): Promise<void> {
    if (this.#intervalMs === 0) return
    const aheadMs = this.#nextMs - this.#clock.monoMs()
    this.#nextMs += this.#intervalMs
    if (aheadMs >= 1) await sleep(this.#clock, aheadMs)
  }
}
