// What one nameserver says of a few topics, followed for people and tools: told of each change with how
// it was learned. Pushed where the nameserver offers it, asked for every second where not; pushed ones
// are asked for every 30 s as well, as every client does. Owns its connection and one timer.

import type { Clock, Timer } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { Channels } from '../remoting/channels.ts'
import { REQUEST } from '../remoting/codes.ts'
import { SUCCESS } from '../remoting/dispatch.ts'
import type { Network } from '../remoting/network.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { NOTHING_KNOWN } from '../remoting/route-watch.ts'
import { askRoute, type Caller } from './nameserver-calls.ts'
import { RouteWatch } from './route-watch.ts'

const POLL_INTERVAL_MS = 1_000
const SAFETY_INTERVAL_MS = 30_000

/** How changes are learned; "nothing": the nameserver does not answer. */
export type FollowMode = 'push' | 'poll' | 'nothing'

export interface FollowedRoute {
  topic: string
  /** Null: the nameserver knows no broker that has the topic. */
  route: TopicRoute | null
  learnedBy: 'push' | 'poll'
}

export interface RouteFollowerOptions {
  nameserver: string
  topics: readonly string[]
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  timeoutMs: number
  /** Told of what is known first, and of every change. */
  onRoute: (followed: FollowedRoute) => void
  onMode: (mode: FollowMode, reason: string | null) => void
}

export class RouteFollower {
  readonly #options: RouteFollowerOptions
  readonly #channels: Channels
  readonly #caller: Caller
  readonly #watch: RouteWatch
  /** Topic → version of the route that was told last. */
  readonly #versions = new Map<string, string>()
  #mode: FollowMode | null = null
  #askedMs = Number.NEGATIVE_INFINITY
  #isAsking = false
  #isStopped = false
  #timer: Timer | null = null

  constructor(options: RouteFollowerOptions) {
    this.#options = options
    for (const topic of options.topics) this.#versions.set(topic, NOTHING_KNOWN)
    this.#channels = new Channels({
      ...options,
      handlers: new Map([
        [
          REQUEST.routeChanged,
          (request) => {
            this.#watch.receive(request)
            return SUCCESS
          },
        ],
      ]),
      onClosed: (address) => void this.#watch.noteClosed(address),
    })
    this.#caller = { channels: this.#channels, timeoutMs: options.timeoutMs }
    this.#watch = new RouteWatch({
      ...options,
      caller: this.#caller,
      known: () => this.#versions,
      onPush: ({ topic, route, version }) => this.#take({ topic, route, version }, 'push'),
    })
  }

  /** Resolves when the nameserver has answered once, or failed to. */
  async start(): Promise<void> {
    this.#timer = this.#options.clock.every(POLL_INTERVAL_MS, () => void this.#askIfDue())
    await this.#askIfDue()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#watch.stop()
    await this.#channels.stop()
  }

  async #askIfDue(): Promise<void> {
    const { clock, nameserver, topics } = this.#options
    const sinceMs = clock.monoMs() - this.#askedMs
    if (this.#isAsking || (this.#watch.nameserver !== null && sinceMs < SAFETY_INTERVAL_MS)) return
    this.#isAsking = true
    this.#askedMs = clock.monoMs()
    try {
      let isApache = false
      for (const topic of topics) {
        const answer = await askRoute(this.#caller, nameserver, topic)
        isApache = answer.isApache
        this.#take({ topic, ...answer }, 'poll')
      }
      if (!isApache) await this.#watch.keep(nameserver)
      this.#setMode(this.#watch.nameserver === null ? 'poll' : 'push', null)
    } catch (error) {
      this.#setMode('nothing', describeError(error))
    }
    this.#isAsking = false
  }

  #take(
    { topic, route, version }: { topic: string; route: TopicRoute | null; version: string },
    learnedBy: 'push' | 'poll',
  ): void {
    if (this.#isStopped || this.#versions.get(topic) === version) return
    this.#versions.set(topic, version)
    this.#options.onRoute({ topic, route, learnedBy })
  }

  #setMode(mode: FollowMode, reason: string | null): void {
    if (this.#mode === mode || this.#isStopped) return
    this.#mode = mode
    this.#options.onMode(mode, reason)
  }
}
