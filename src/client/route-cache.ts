// Where the queues of each topic are, as one nameserver says. Pulled on first use, every 30 s from
// then on, and after errors. One nameserver is used until it fails, then the next. What two of them
// say is never merged: they may differ for a while, and a mixture would be nobody's view.
//
// A route once known stays until a better one comes. A nameserver that forgot the topic (it was just
// restarted, or lost touch with the brokers) must not stop a client that still reaches them.

import { assert } from '../core/assert.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import type { Command } from '../remoting/command.ts'
import { encodeRoute, type TopicRoute } from '../remoting/route.ts'
import { compareText } from './message.ts'
import { askRoute, type Caller, fetchClusterInfo } from './nameserver-calls.ts'
import { type NameserverAnswer, noRouteError } from './route-errors.ts'
import { type RoutePush, RouteWatch } from './route-watch.ts'

/** After errors a topic's route is asked for at most this often: they come in bursts. */
const ERROR_REFRESH_INTERVAL_MS = 1_000
/**
 * After the connection that pushed was lost, routes are pulled after a time between one and two of
 * these: not all of ten thousand clients at once.
 */
const REWATCH_DELAY_MS = 1_000

export interface RouteEntry {
  topic: string
  route: TopicRoute
  /** Counts up with every change of this topic's route, from 1. */
  version: number
  /** Who said so. */
  nameserver: string
}

export type RouteListener = (entry: RouteEntry) => void

export interface RouteCacheOptions {
  caller: Caller
  nameservers: readonly string[]
  clock: Clock
  random: Random
  logger: Logger
  pullIntervalMs: number
  /** Asks the nameserver to push changes, where it can. */
  watches: boolean
}

export class RouteCache {
  readonly #options: RouteCacheOptions
  readonly #entries = new Map<string, RouteEntry>()
  /** Of each entry, as its nameserver calls it. */
  readonly #routeVersions = new Map<string, string>()
  readonly #fingerprints = new Map<string, string>()
  readonly #pulls = new Map<string, Promise<RouteEntry>>()
  readonly #errorPulledMs = new Map<string, number>()
  readonly #listeners = new Set<RouteListener>()
  #nameservers: readonly string[]
  readonly #watch: RouteWatch
  #current: number
  #timer: Timer | null = null
  #rewatchTimer: Timer | null = null
  #isStopped = false

  constructor(options: RouteCacheOptions) {
    if (options.nameservers.length === 0) {
      throw new MqError('USAGE', 'no nameserver was given', {
        hint: 'name at least one, for example --nameservers 127.0.0.1:9876',
      })
    }
    this.#options = options
    this.#nameservers = options.nameservers
    // Random, so that many clients share the load; each then stays where it is.
    this.#current = options.random.below(options.nameservers.length)
    this.#watch = new RouteWatch({
      ...options,
      known: () => this.#routeVersions,
      onPush: (push) => this.#takePush(push),
    })
  }

  /** The nameserver in use. */
  get nameserver(): string {
    return this.#nameservers[this.#current] as string
  }

  get nameservers(): readonly string[] {
    return this.#nameservers
  }

  /** Replaces the list while running. The one in use stays in use if it is still there. */
  setNameservers(nameservers: readonly string[]): void {
    assert(nameservers.length > 0, 'a client needs a nameserver')
    const inUse = nameservers.indexOf(this.nameserver)
    for (const gone of this.#nameservers) {
      if (!nameservers.includes(gone)) this.#options.caller.channels.drop(gone)
    }
    this.#nameservers = nameservers
    this.#current = inUse >= 0 ? inUse : this.#options.random.below(nameservers.length)
  }

  /** The nameserver that pushes changes; null while they are only pulled. */
  get watchedNameserver(): string | null {
    return this.#watch.nameserver
  }

  /** What is known now, without asking. */
  peek(topic: string): RouteEntry | null {
    return this.#entries.get(topic) ?? null
  }

  /** Rejects with TOPIC_NOT_FOUND, or UNREACHABLE if no nameserver answers. */
  get(topic: string): Promise<RouteEntry> {
    const entry = this.#entries.get(topic)
    return entry === undefined ? this.refresh(topic) : Promise.resolve(entry)
  }

  /** As `get`, but null for a topic nobody knows, and for any other failure. */
  async find(topic: string): Promise<RouteEntry | null> {
    try {
      return await this.get(topic)
    } catch {
      return null
    }
  }

  /** Asks now; questions about the same topic at the same time are one. */
  refresh(topic: string): Promise<RouteEntry> {
    const running = this.#pulls.get(topic)
    if (running !== undefined) return running
    const pull = this.#pull(topic)
    this.#pulls.set(topic, pull)
    const done = (): boolean => this.#pulls.delete(topic)
    pull.then(done, done)
    return pull
  }

  /** After an error that a stale route may explain. Never rejects, and does not ask too often. */
  async refreshAfterError(topic: string): Promise<void> {
    const nowMs = this.#options.clock.monoMs()
    const lastMs = this.#errorPulledMs.get(topic) ?? Number.NEGATIVE_INFINITY
    if (nowMs - lastMs < ERROR_REFRESH_INTERVAL_MS && !this.#pulls.has(topic)) return
    this.#errorPulledMs.set(topic, nowMs)
    await this.refresh(topic).catch(() => {})
  }

  /** Tells `listener` of every change from now on; returns how to stop that. */
  onChange(listener: RouteListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A request of a nameserver: a route changed. */
  receivePush(request: Command): void {
    this.#watch.receive(request)
  }

  /** A connection was lost. If changes were pushed over it, somebody else has to, soon. */
  noteClosed(address: string): void {
    const { clock, random } = this.#options
    if (!this.#watch.noteClosed(address) || this.#isStopped) return
    const delayMs = REWATCH_DELAY_MS + random.below(REWATCH_DELAY_MS)
    this.#rewatchTimer ??= clock.after(delayMs, () => {
      this.#rewatchTimer = null
      this.#pullAll()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#rewatchTimer?.cancel()
    this.#watch.stop()
    this.#listeners.clear()
  }

  async #pull(topic: string): Promise<RouteEntry> {
    const { caller, clock, pullIntervalMs, logger } = this.#options
    const nameservers = this.#nameservers
    if (this.#isStopped) throw new MqError('CONNECTION_CLOSED', 'this client was closed')
    this.#timer ??= clock.every(pullIntervalMs, () => this.#pullAll())
    const answers: NameserverAnswer[] = []
    const first = this.#current
    for (let step = 0; step < nameservers.length; step++) {
      const at = (first + step) % nameservers.length
      const nameserver = nameservers[at] as string
      try {
        const { route, version, isApache } = await askRoute(caller, nameserver, topic)
        if (route !== null) {
          const entry = this.#adopt({ topic, route, version, nameserver })
          this.#watchAfterPull(nameserver, isApache)
          return entry
        }
        answers.push({ nameserver, error: null, brokerCount: null })
      } catch (error) {
        answers.push({ nameserver, error, brokerCount: null })
        this.#leave(nameserver, describeError(error))
      }
    }
    const known = this.#entries.get(topic)
    if (known !== undefined) {
      logger.debug(`keeping the route of ${topic}: no nameserver has a newer one`)
      return known
    }
    await this.#countBrokers(answers)
    throw noRouteError(topic, answers)
  }

  /** Only the nameserver in use pushes: a mixture of two would be nobody's view. */
  #watchAfterPull(nameserver: string, isApache: boolean): void {
    if (!this.#options.watches || isApache || nameserver !== this.nameserver) return
    void this.#watch.keep(nameserver)
  }

  /** As if it had been pulled: a topic that is gone is looked for elsewhere, and otherwise kept. */
  #takePush({ topic, route, version, nameserver }: RoutePush): void {
    if (!this.#entries.has(topic)) return
    const running = this.#pulls.get(topic)
    const refresh = (): void => void this.refresh(topic).catch(() => {})
    if (running !== undefined) {
      // Its answer may be older or newer than this push: nobody can tell, so one more will.
      running.then(refresh, refresh)
    } else if (route === null) {
      refresh()
    } else {
      this.#adopt({ topic, route, version, nameserver })
    }
  }

  #adopt(answer: RoutePush & { route: TopicRoute }): RouteEntry {
    const { topic, route, version: routeVersion, nameserver } = answer
    this.#routeVersions.set(topic, routeVersion)
    const before = this.#entries.get(topic)
    const fingerprint = fingerprintOf(route)
    if (before !== undefined && this.#fingerprints.get(topic) === fingerprint) {
      const entry = { ...before, nameserver }
      this.#entries.set(topic, entry)
      return entry
    }
    const entry = { topic, route, version: (before?.version ?? 0) + 1, nameserver }
    this.#entries.set(topic, entry)
    this.#fingerprints.set(topic, fingerprint)
    for (const listener of this.#listeners) listener(entry)
    return entry
  }

  /** `left` failed: use the next from now on, unless somebody already does. */
  #leave(left: string, reason: string): void {
    const { caller, logger } = this.#options
    // A connection that does not answer may be half open; a new one finds out.
    caller.channels.drop(left)
    if (left !== this.nameserver || this.#nameservers.length === 1) return
    this.#current = (this.#current + 1) % this.#nameservers.length
    logger.warn(`nameserver ${left} failed (${reason}), turning to ${this.nameserver}`)
  }

  #pullAll(): void {
    for (const topic of this.#entries.keys()) this.refresh(topic).catch(() => {})
  }

  /** Only for the error message: a topic is missing for another reason where no broker is known. */
  async #countBrokers(answers: NameserverAnswer[]): Promise<void> {
    const { caller } = this.#options
    await Promise.all(
      answers
        .filter((answer) => answer.error === null)
        .map(async (answer) => {
          const info = await fetchClusterInfo(caller, answer.nameserver).catch(() => null)
          answer.brokerCount = info?.brokers.length ?? null
        }),
    )
  }
}

/** Equal for routes that say the same, in whatever order the nameserver lists it. */
function fingerprintOf(route: TopicRoute): string {
  const byName = (a: { brokerName: string }, b: { brokerName: string }): number =>
    compareText(a.brokerName, b.brokerName)
  return encodeRoute({
    brokers: [...route.brokers].sort(byName),
    queues: [...route.queues].sort(byName),
    orderConfig: route.orderConfig,
  }).toString()
}
