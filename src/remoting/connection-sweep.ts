// The timers that a set of connections shares.

import type { Clock, Timer } from '../core/clock.ts'
import type { Connection } from './connection.ts'

/** Peers are given whole seconds, so they are looked at once a second. */
const SWEEP_INTERVAL_MS = 1_000
/** A timer this late means that this process did not run: stopped, swapped out, or asleep. */
const PROCESS_PAUSE_MS = 3_000

/** Looks after the limits on peers. */
export function sweepConnections(clock: Clock, connections: () => Iterable<Connection>): Timer {
  let lastMs = clock.monoMs()
  return clock.every(SWEEP_INTERVAL_MS, () => {
    const nowMs = clock.monoMs()
    const wasPaused = nowMs - lastMs > PROCESS_PAUSE_MS
    lastMs = nowMs
    // What the peers sent in that time is still unread; by the next sweep it has been read.
    if (wasPaused) return
    for (const connection of connections()) connection.checkTimeouts(nowMs)
  })
}

/** Fails our own requests at their deadlines, to the millisecond, with one timer for all. */
export class DeadlineTimer {
  readonly #clock: Clock
  readonly #connections: () => Iterable<Connection>
  #dueMs = Number.POSITIVE_INFINITY
  #timer: Timer | null = null

  constructor(clock: Clock, connections: () => Iterable<Connection>) {
    this.#clock = clock
    this.#connections = connections
  }

  /** A request was sent that is overdue at `deadlineMs`. */
  note(deadlineMs: number): void {
    // Requests of one timeout fall due in the order they were sent, so this is rare.
    if (deadlineMs >= this.#dueMs) return
    this.cancel()
    this.#dueMs = deadlineMs
    const delayMs = Math.max(0, Math.ceil(deadlineMs - this.#clock.monoMs()))
    this.#timer = this.#clock.after(delayMs, () => this.#fire())
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    const nowMs = this.#clock.monoMs()
    const wasPaused = nowMs - this.#dueMs > PROCESS_PAUSE_MS
    this.#dueMs = Number.POSITIVE_INFINITY
    if (wasPaused) {
      this.note(nowMs + SWEEP_INTERVAL_MS)
      return
    }
    let nextMs = Number.POSITIVE_INFINITY
    for (const connection of this.#connections()) {
      connection.checkTimeouts(nowMs)
      nextMs = Math.min(nextMs, connection.nextDeadlineMs)
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.note(nextMs)
  }
}

/** Resolves once all are closed; those that are not within `graceMs` are cut off. */
export function allClosed(
  clock: Clock,
  connections: ReadonlySet<Connection>,
  graceMs: number,
): Promise<void> {
  if (connections.size === 0) return Promise.resolve()
  return new Promise((resolve) => {
    let openCount = connections.size
    const timer = clock.after(graceMs, () => {
      for (const connection of connections) connection.destroy()
    })
    for (const connection of [...connections]) {
      connection.onClosed(() => {
        if (--openCount > 0) return
        timer.cancel()
        resolve()
      })
    }
  })
}
