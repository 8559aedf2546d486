// What a person reads after a failure: the last things that happened in a world, one line each.

import type { Clock } from '../../core/clock.ts'

const KEPT_COUNT = 200

export class EventLog {
  readonly #clock: Clock
  readonly #onLine: ((line: string) => void) | null
  readonly #lines: string[] = []

  /** `onLine` gets every line, as it happens. */
  constructor(clock: Clock, onLine: ((line: string) => void) | null) {
    this.#clock = clock
    this.#onLine = onLine
  }

  add(who: string, what: string): void {
    const line = `${(this.#clock.monoMs() / 1000).toFixed(3).padStart(9)}s ${who.padEnd(12)} ${what}`
    this.#onLine?.(line)
    this.#lines.push(line)
    if (this.#lines.length > 2 * KEPT_COUNT) this.#lines.splice(0, KEPT_COUNT)
  }

  /** The last 200. */
  last(): string[] {
    return this.#lines.slice(-KEPT_COUNT)
  }
}
