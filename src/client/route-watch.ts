// Being told of route changes instead of finding them out up to 30 s later. One nameserver, the one in
// use, is asked to push the routes of all topics this client knows; nameservers that do not offer it
// (Apache's do not) are left alone, and nothing is lost: the pull every 30 s goes on whatever happens
// here, because a push may get lost with its connection.
//
// Every request for pushes has an id of its own, and a push carries it: what an earlier watch or
// another peer says is not taken for the present one.

import { describeError } from '../core/errors.ts'
import { WATCHED_TOPICS_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command } from '../remoting/command.ts'
import { decodeRoute, type TopicRoute } from '../remoting/route.ts'
import { encodeRouteVersions, NO_ROUTE } from '../remoting/route-watch.ts'
import type { Caller } from './nameserver-calls.ts'

const WATCH_ID_BYTES = 8

export interface RoutePush {
  topic: string
  /** Null: no registered broker has the topic any more. */
  route: TopicRoute | null
  version: string
  nameserver: string
}

export interface RouteWatchOptions {
  caller: Caller
  random: Random
  logger: Logger
  /** Topic → version of the route that is known. */
  known: () => ReadonlyMap<string, string>
  onPush: (push: RoutePush) => void
}

export class RouteWatch {
  readonly #options: RouteWatchOptions
  /** Nameservers that do not know the request. Asked again after a restart of theirs at the earliest. */
  readonly #without = new Set<string>()
  #nameserver: string | null = null
  #id = ''
  #topics = new Set<string>()
  #isAsking = false
  #isStopped = false

  constructor(options: RouteWatchOptions) {
    this.#options = options
  }

  /** Where changes are pushed from; null while they are only pulled. */
  get nameserver(): string | null {
    return this.#nameserver
  }

  /** Sees to it that `nameserver` pushes the routes of all topics, if it can. Never rejects. */
  async keep(nameserver: string): Promise<void> {
    if (this.#isAsking || this.#isStopped || this.#without.has(nameserver)) return
    const wanted = this.#wanted()
    const isWatched = [...wanted.keys()].every((topic) => this.#topics.has(topic))
    if (this.#nameserver === nameserver && isWatched) return
    await this.#ask(nameserver, wanted)
  }

  /** Whether that ends the pushes. */
  noteClosed(nameserver: string): boolean {
    this.#without.delete(nameserver)
    if (nameserver !== this.#nameserver) return false
    this.#forget()
    return true
  }

  /** A push arrived, from whomever. */
  receive({ fields, body }: Command): void {
    const { watchId, topic, version } = fields
    if (this.#nameserver === null || watchId !== this.#id) return
    if (topic === undefined || version === undefined) return
    const route = version === NO_ROUTE ? null : decodeRoute(body)
    this.#options.onPush({ topic, route, version, nameserver: this.#nameserver })
  }

  stop(): void {
    this.#isStopped = true
    this.#forget()
  }

  async #ask(nameserver: string, wanted: ReadonlyMap<string, string>): Promise<void> {
    const { caller, random, logger } = this.#options
    this.#isAsking = true
    this.#nameserver = nameserver
    this.#id = random.hex(WATCH_ID_BYTES)
    this.#topics = new Set(wanted.keys())
    try {
      const { code } = await caller.channels.invoke(nameserver, REQUEST.watchRoutes, {
        fields: { watchId: this.#id },
        body: encodeRouteVersions(wanted),
        timeoutMs: caller.timeoutMs,
      })
      if (code === RESPONSE.notSupported) this.#without.add(nameserver)
      // One that is too busy is asked again with the next pull.
      if (code !== RESPONSE.success && this.#nameserver === nameserver) this.#forget()
    } catch (error) {
      logger.debug(`${nameserver} does not push routes: ${describeError(error)}`)
      if (this.#nameserver === nameserver) this.#forget()
    }
    this.#isAsking = false
    // Topics that came up meanwhile.
    if (this.#nameserver === nameserver) await this.keep(nameserver)
  }

  #wanted(): ReadonlyMap<string, string> {
    const known = this.#options.known()
    if (known.size <= WATCHED_TOPICS_MAX) return known
    return new Map([...known].slice(0, WATCHED_TOPICS_MAX))
  }

  #forget(): void {
    this.#nameserver = null
    this.#topics.clear()
  }
}
