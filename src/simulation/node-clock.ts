// One simulated process's view of the virtual clock. A frozen process (SIGSTOP) runs no timer until
// it is thawed, then those that came due; a dead one never again. Time itself goes on for both.

import type { Clock, Timer } from '../core/clock.ts'

export class NodeClock implements Clock {
  readonly #base: Clock
  #state: 'running' | 'frozen' | 'dead' = 'running'
  #missed: (() => void)[] = []

  constructor(base: Clock) {
    this.#base = base
  }

  wallMs(): number {
    return this.#base.wallMs()
  }

  monoMs(): number {
    return this.#base.monoMs()
  }

  after(delayMs: number, action: () => void): Timer {
    return this.#guarded(action, (run) => this.#base.after(delayMs, run))
  }

  every(intervalMs: number, action: () => void): Timer {
    return this.#guarded(action, (run) => this.#base.every(intervalMs, run))
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const missed = this.#missed
    this.#missed = []
    for (const run of missed) this.#base.after(0, run)
  }

  kill(): void {
    this.#state = 'dead'
    this.#missed = []
  }

  #guarded(action: () => void, plan: (run: () => void) => Timer): Timer {
    let isCancelled = false
    let isMissed = false
    const run = (): void => {
      if (isCancelled || this.#state === 'dead') return
      if (this.#state === 'running') {
        isMissed = false
        action()
        return
      }
      // As the kernel does: an interval that came due many times in between fires once.
      if (!isMissed) this.#missed.push(run)
      isMissed = true
    }
    const timer = plan(run)
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }
}
