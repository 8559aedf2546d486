// Tells watchers what watchers.ts decides: a few milliseconds after a change, so that a burst of them
// becomes one push, and in pieces, so that ten thousand watchers of a large route do not keep the
// heartbeats waiting. A watcher that does not read is left out until it does; remoting closes it after
// a while. Owns one timer.

import { type Clock, endOfTurn, type Timer } from '../core/clock.ts'
import { FRAME_BYTES_MAX, HEADER_BYTES_MAX, WATCHER_UNREAD_BYTES_MAX } from '../core/limits.ts'
import type { Metrics } from '../core/metrics.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import { NO_ROUTE } from '../remoting/route-watch.ts'
import { COUNTER } from './counters.ts'
import type { EncodedRoutes } from './encoded-routes.ts'
import { type Push, Watchers, type WatchView } from './watchers.ts'

/** One registration changes many topics, and a start of many brokers each topic many times. */
const PUSH_DELAY_MS = 3
/** Watchers without room are looked at again this often. */
const RETRY_DELAY_MS = 50
const PUSH_BYTES_MAX = FRAME_BYTES_MAX - HEADER_BYTES_MAX
/** Handed to the connections, or spent on encoding, before other events get their turn. */
const BYTES_PER_TURN = 4 * 1024 * 1024
const MS_PER_TURN = 5

export type WatchedConnection = Pick<Connection, 'outputBytes' | 'sendOneway'>

export interface RoutePusherOptions {
  routes: Pick<EncodedRoutes, 'get'>
  clock: Clock
  metrics: Metrics
}

export class RoutePusher {
  readonly #options: RoutePusherOptions
  readonly #watchers = new Watchers<WatchedConnection>()
  /** What each watcher calls its watch, so that it can tell an old push from a new one. */
  readonly #watchIds = new Map<WatchedConnection, string>()
  readonly #view: WatchView<WatchedConnection>
  #timer: Timer | null = null
  #dueMs = Number.POSITIVE_INFINITY
  #isRunning = false
  #isStopped = false

  constructor(options: RoutePusherOptions) {
    const { routes } = options
    this.#options = options
    this.#view = {
      versionOf: (topic) => routes.get(topic)?.version ?? NO_ROUTE,
      hasRoom: (watcher) => watcher.outputBytes < WATCHER_UNREAD_BYTES_MAX,
    }
  }

  get watcherCount(): number {
    return this.#watchers.watcherCount
  }

  /** Replaces what the connection watches, and returns the version of each topic now. */
  watch(
    watcher: WatchedConnection,
    watch: { id: string; known: ReadonlyMap<string, string> },
  ): Map<string, string> {
    this.#watchers.watch(watcher, watch.known)
    if (watch.known.size === 0) this.#watchIds.delete(watcher)
    else this.#watchIds.set(watcher, watch.id)
    this.#plan(PUSH_DELAY_MS)
    return new Map([...watch.known.keys()].map((topic) => [topic, this.#view.versionOf(topic)]))
  }

  forget(watcher: WatchedConnection): void {
    this.#watchers.forget(watcher)
    this.#watchIds.delete(watcher)
  }

  noteChanged(topic: string): void {
    this.#watchers.noteChanged(topic)
    this.#plan(PUSH_DELAY_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #plan(delayMs: number): void {
    if (this.#isRunning || this.#isStopped || !this.#watchers.hasWork) return
    const { clock } = this.#options
    const dueMs = clock.monoMs() + delayMs
    // A change does not wait until those that read slowly are looked at again.
    if (dueMs >= this.#dueMs) return
    this.#timer?.cancel()
    this.#dueMs = dueMs
    this.#timer = clock.after(delayMs, () => {
      this.#dueMs = Number.POSITIVE_INFINITY
      this.#isRunning = true
      this.#pushSome()
    })
  }

  #pushSome(): void {
    if (this.#isStopped) return
    const { clock } = this.#options
    const endMs = clock.monoMs() + MS_PER_TURN
    let bytes = 0
    for (const push of this.#watchers.pushes(this.#view)) {
      if (push !== null) bytes += this.#send(push)
      if (bytes < BYTES_PER_TURN && clock.monoMs() < endMs) continue
      endOfTurn(() => this.#pushSome())
      return
    }
    this.#isRunning = false
    this.#plan(RETRY_DELAY_MS)
  }

  /** Returns how many bytes the push carries. */
  #send({ watcher, topic, version }: Push<WatchedConnection>): number {
    const body = this.#options.routes.get(topic)?.body
    // Nobody could be answered with it either; whoever asks is told so.
    if (body !== undefined && body.length > PUSH_BYTES_MAX) return 0
    watcher.sendOneway(REQUEST.routeChanged, {
      fields: { watchId: this.#watchIds.get(watcher), topic, version },
      ...(body === undefined ? {} : { body }),
    })
    this.#options.metrics.counter(COUNTER.pushes).add()
    return body?.length ?? 0
  }
}
