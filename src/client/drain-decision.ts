// When a draining broker can be stopped. Pure: it is given what the broker said and how long this has
// been going on.
//
// Producers are gone when no send came for as long as one of them may go without asking for the route,
// since the order and since the last send: one that still believes the old route asks within that
// time. Consumers are done when no group with offsets on the broker has anything left to read there.

import type { DrainView } from '../remoting/drain-view.ts'

/** What asking for a route, and a send that is under way then, may take on top of the interval. */
const ROUTE_SLACK_MS = 1_000

export type DrainStep =
  /** Sends may still come. */
  | 'producers'
  /** None may, but something is left to be read. */
  | 'consumers'
  | 'drained'
  /** The limit is over with something left. */
  | 'over'

export interface DrainLimits {
  /** How often producers ask for routes. */
  routeIntervalMs: number
  limitMs: number
}

/** `view` is null while the broker does not answer: nothing is known, so nothing is done. */
export function drainStep(
  view: DrainView | null,
  limits: DrainLimits & { elapsedMs: number },
): DrainStep {
  const { elapsedMs, limitMs } = limits
  const hasQuiet = isQuiet(view, limits.routeIntervalMs)
  if (hasQuiet && view?.unreadQueueCount === 0) return 'drained'
  if (elapsedMs >= limitMs) return 'over'
  return hasQuiet ? 'consumers' : 'producers'
}

/** Whether producers are gone. */
export function isQuiet(view: DrainView | null, routeIntervalMs: number): boolean {
  return view !== null && quietMs(view) >= routeIntervalMs + ROUTE_SLACK_MS
}

/** For how long the broker has been draining without a send. */
export function quietMs(view: DrainView): number {
  if (!view.isDraining) return 0
  return Math.min(view.drainingMs, view.lastSendAgeMs ?? Number.POSITIVE_INFINITY)
}
