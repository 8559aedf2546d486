// The one timer that a set of connections shares.

import type { Clock, Timer } from '../core/clock.ts'
import type { Connection } from './connection.ts'

/** A sweep this late means that this process did not run: stopped, swapped out, or asleep. */
const PROCESS_PAUSE_MS = 3_000

export function sweepConnections(
  clock: Clock,
  intervalMs: number,
  connections: () => Iterable<Connection>,
): Timer {
  let lastMs = clock.monoMs()
  return clock.every(intervalMs, () => {
    const nowMs = clock.monoMs()
    const wasPaused = nowMs - lastMs > PROCESS_PAUSE_MS
    lastMs = nowMs
    // What the peers sent in that time is still unread; by the next sweep it has been read.
    if (wasPaused) return
    for (const connection of connections()) connection.checkTimeouts(nowMs)
  })
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
