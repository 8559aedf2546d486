// When a measurement ends, and how far it is.

import { systemClock } from '../core/clock.ts'
import type { Invocation } from './command.ts'
import { formatCount, formatDuration } from './units.ts'

const DURATION_MS = 10_000

/** When to stop: a number of messages, a time, or a signal. */
export class BenchLimit {
  readonly #invocation: Invocation
  readonly #countMax: number
  readonly #endMs: number
  readonly startMs = systemClock.monoMs()

  constructor(invocation: Invocation) {
    const { flags } = invocation
    const count = flags.integer('count', { min: 1, max: Number.MAX_SAFE_INTEGER })
    this.#invocation = invocation
    this.#countMax = count ?? Number.POSITIVE_INFINITY
    const durationMs = flags.durationMs('duration') ?? (count === undefined ? DURATION_MS : null)
    this.#endMs = durationMs === null ? Number.POSITIVE_INFINITY : this.startMs + durationMs
  }

  isReached(count: number): boolean {
    if (count >= this.#countMax || this.#invocation.interruption.received !== null) return true
    return systemClock.monoMs() >= this.#endMs
  }

  /** Milliseconds that are left; infinite without a --duration. */
  leftMs(): number {
    return Math.max(0, this.#endMs - systemClock.monoMs())
  }
}

export function benchProgress(messages: number, limit: BenchLimit): string {
  const elapsedMs = Math.max(1, systemClock.monoMs() - limit.startMs)
  const rate = formatCount(Math.round((messages * 1_000) / elapsedMs))
  const left = limit.leftMs()
  const leftText = Number.isFinite(left) ? `, ${formatDuration(left)} left` : ''
  return `${formatCount(messages)} messages, ${rate}/s${leftText}`
}
