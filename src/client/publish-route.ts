// The queues a producer may send a topic's messages to, kept in step with the routes. A topic nobody
// knows yet can be sent to where brokers make topics by themselves: they register a template topic,
// and its queues stand in until the first message has made the real one.

import { MqError } from '../core/errors.ts'
import { AUTO_CREATE_TOPIC, PERMISSION, TOPIC_FLAG } from '../remoting/codes.ts'
import type { TopicQueues, TopicRoute } from '../remoting/route.ts'
import type { MessageQueue } from './message.ts'
import { masterAddress, publishQueues, TEMPLATE_QUEUES_MAX } from './publish-queues.ts'
import type { RouteCache, RouteEntry } from './route-cache.ts'

export interface PublishRoute {
  route: TopicRoute
  /** The same array as long as the queues are the same. Never empty. */
  queues: readonly MessageQueue[]
  /** Somebody is changing them: who goes by keys keeps to its list until a broker tells the next. */
  isChanging: boolean
}

export class PublishRoutes {
  readonly #routes: RouteCache
  readonly #known = new Map<string, PublishRoute>()
  readonly #templates = new Map<string, PublishRoute>()
  readonly #listeners = new Set<(topic: string, route: PublishRoute) => void>()
  readonly #stopListening: () => void

  constructor(routes: RouteCache) {
    this.#routes = routes
    this.#stopListening = routes.onChange((entry) => this.#noteChange(entry))
  }

  peek(topic: string): PublishRoute | null {
    return this.#known.get(topic) ?? this.#templates.get(topic) ?? null
  }

  /** Rejects if the topic has no route, or none of its queues takes messages. */
  async get(topic: string): Promise<PublishRoute> {
    const known = this.peek(topic)
    if (known !== null) return known
    try {
      const route = this.#adopt(await this.#routes.get(topic))
      if (route !== null) return route
    } catch (error) {
      if (!(error instanceof MqError) || error.code !== 'TOPIC_NOT_FOUND') throw error
      const entry = await this.#routes.find(AUTO_CREATE_TOPIC)
      const template = entry === null ? null : templateRoute(topic, entry)
      if (template === null) throw error
      this.#templates.set(topic, template)
      return template
    }
    throw notWritableError(topic, this.#routes.peek(topic)?.route ?? null)
  }

  /** Where the master of a broker is; null while it has none. */
  addressOf(topic: string, brokerName: string): string | null {
    const route = this.peek(topic)?.route
    return route === undefined ? null : masterAddress(route, brokerName)
  }

  /** The first message may just have made the topic: ask for its real route, now and then. */
  noteSent(topic: string): void {
    if (this.#templates.has(topic)) this.refreshAfterError(topic)
  }

  refreshAfterError(topic: string): void {
    void this.#routes.refreshAfterError(topic)
  }

  /** Tells of topics whose queues, or their addresses, are other than before. */
  onChange(listener: (topic: string, route: PublishRoute) => void): void {
    this.#listeners.add(listener)
  }

  stop(): void {
    this.#stopListening()
    this.#listeners.clear()
  }

  #noteChange(entry: RouteEntry): void {
    if (entry.topic === AUTO_CREATE_TOPIC) this.#noteTemplate(entry)
    // Only topics this producer sends to concern it.
    if (!this.#known.has(entry.topic) && !this.#templates.has(entry.topic)) return
    const route = this.#adopt(entry)
    if (route === null) return
    for (const listener of this.#listeners) listener(entry.topic, route)
  }

  /** A route without writable queues changes nothing: the old ones say no more clearly. */
  #adopt(entry: RouteEntry): PublishRoute | null {
    const queues = publishQueues(entry.topic, entry.route)
    if (queues.length === 0) return null
    const before = this.#known.get(entry.topic)
    const isSame = before !== undefined && sameQueues(before.queues, queues)
    const route = {
      route: entry.route,
      queues: isSame ? before.queues : queues,
      isChanging: entry.route.queues.some(isChanging),
    }
    this.#known.set(entry.topic, route)
    this.#templates.delete(entry.topic)
    return route
  }

  #noteTemplate(entry: RouteEntry): void {
    for (const topic of this.#templates.keys()) {
      const route = templateRoute(topic, entry)
      if (route === null) continue
      this.#templates.set(topic, route)
      for (const listener of this.#listeners) listener(topic, route)
    }
  }
}

/** Null if no broker makes topics by itself. */
function templateRoute(topic: string, entry: RouteEntry): PublishRoute | null {
  const route = {
    ...entry.route,
    queues: entry.route.queues.filter(({ permission }) => permission & PERMISSION.inherit),
  }
  const queues = publishQueues(topic, route, TEMPLATE_QUEUES_MAX)
  return queues.length === 0 ? null : { route, queues, isChanging: false }
}

function isChanging({ systemFlag }: TopicQueues): boolean {
  return (systemFlag & TOPIC_FLAG.isChanging) !== 0
}

export function sameQueues(a: readonly MessageQueue[], b: readonly MessageQueue[]): boolean {
  return (
    a.length === b.length &&
    a.every((queue, at) => {
      const other = b[at] as MessageQueue
      return queue.brokerName === other.brokerName && queue.queueId === other.queueId
    })
  )
}

function notWritableError(topic: string, route: TopicRoute | null): MqError {
  const reasons = (route?.queues ?? []).map(({ brokerName, permission, writeQueueCount }) => {
    if ((permission & PERMISSION.write) === 0) return `${brokerName} takes no writes`
    if (writeQueueCount === 0) return `${brokerName} has no write queues`
    return `${brokerName} has no master`
  })
  return new MqError(
    'NO_PERMISSION',
    `no queue of topic "${topic}" takes messages: ${reasons.join(', ') || 'it has none'}`,
    { hint: `see its brokers with: mq topic show ${topic}` },
  )
}
