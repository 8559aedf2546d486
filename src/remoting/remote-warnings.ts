// Log lines that a peer causes. Whoever misbehaves often must not be able to fill a disk, or hide
// something in the noise: after a burst only one line a second is written, and the rest are counted.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'

const BURST_COUNT_MAX = 20
const REFILL_INTERVAL_MS = 1_000

export class RemoteWarnings {
  readonly #clock: Clock
  readonly #logger: Logger
  #tokens = BURST_COUNT_MAX
  #refilledMs: number
  #hiddenCount = 0

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    this.#refilledMs = clock.monoMs()
  }

  warn(message: string): void {
    this.#write('warn', message)
  }

  info(message: string): void {
    this.#write('info', message)
  }

  #write(level: 'warn' | 'info', message: string): void {
    const nowMs = this.#clock.monoMs()
    const refill = Math.floor((nowMs - this.#refilledMs) / REFILL_INTERVAL_MS)
    this.#tokens = Math.min(BURST_COUNT_MAX, this.#tokens + refill)
    this.#refilledMs += refill * REFILL_INTERVAL_MS
    if (this.#tokens === 0) {
      this.#hiddenCount++
      return
    }
    this.#tokens--
    const hidden = this.#hiddenCount
    this.#hiddenCount = 0
    this.#logger[level](
      hidden === 0 ? message : `${message} (and ${hidden} more like this, not shown)`,
    )
  }
}
