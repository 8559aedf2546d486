// Route answers ready to send. Ten thousand clients ask every 30 s for routes that change a few times a
// day: each is encoded once per change of the tables, not once per request, and joined from the texts
// of its brokers, which a thousand topics share. Misses are not kept, so that names nobody has cannot
// fill the memory, and neither are more bytes than the limit.

import { ENCODED_ROUTES_BYTES_MAX } from '../core/limits.ts'
import { brokerText, joinRoute, queuesText, type TopicQueues } from '../remoting/route.ts'
import { routeVersion } from '../remoting/route-watch.ts'
import { type KvConfig, ORDER_NAMESPACE } from './kv-config.ts'
import type { RouteTable } from './route-table.ts'
import { isSameQueues } from './topic-table.ts'

export interface EncodedRoute {
  /** The body of the answer. */
  body: Buffer
  version: string
}

export class EncodedRoutes {
  readonly #table: RouteTable
  readonly #settings: KvConfig
  readonly #bytesMax: number
  readonly #routes = new Map<string, EncodedRoute>()
  readonly #byVersion = new Map<string, EncodedRoute>()
  /** Of each broker: what all routes say of it, and what the last one said of its queues. */
  readonly #brokerTexts = new Map<string, string>()
  readonly #queuesTexts = new Map<string, { queues: TopicQueues; text: string }>()
  #bytes = 0
  #tableVersion = 0
  #settingsVersion = 0

  constructor(table: RouteTable, settings: KvConfig, bytesMax = ENCODED_ROUTES_BYTES_MAX) {
    this.#table = table
    this.#settings = settings
    this.#bytesMax = bytesMax
  }

  /** Null if no broker has the topic. */
  get(topic: string): EncodedRoute | null {
    this.#forgetIfStale()
    const known = this.#routes.get(topic)
    if (known !== undefined) return known
    const queues = this.#table.topics.queuesOf(topic)
    if (queues.length === 0) return null
    const body = joinRoute({
      brokers: queues.map(({ brokerName }) => this.#brokerText(brokerName)),
      queues: queues.map((each) => this.#queuesText(each)),
      orderConfig: this.#settings.get(ORDER_NAMESPACE, topic),
    })
    const encoded = this.#shared(body)
    this.#routes.set(topic, encoded)
    return encoded
  }

  /** A route does not name its topic: those of a thousand topics on the same brokers are one. */
  #shared(body: Buffer): EncodedRoute {
    const version = routeVersion(body)
    const known = this.#byVersion.get(version)
    if (known?.body.equals(body)) return known
    if (this.#bytes + body.length > this.#bytesMax) this.#forget()
    const encoded = { body, version }
    this.#byVersion.set(version, encoded)
    this.#bytes += body.length
    return encoded
  }

  #brokerText(brokerName: string): string {
    let text = this.#brokerTexts.get(brokerName)
    if (text === undefined) {
      text = brokerText(this.#table.memberGroup(brokerName))
      this.#brokerTexts.set(brokerName, text)
    }
    return text
  }

  /** Most topics have as many queues on a broker as the topic before them. */
  #queuesText(queues: TopicQueues): string {
    const known = this.#queuesTexts.get(queues.brokerName)
    if (known !== undefined && isSameQueues(known.queues, queues)) return known.text
    const text = queuesText(queues)
    this.#queuesTexts.set(queues.brokerName, { queues, text })
    return text
  }

  #forgetIfStale(): void {
    const { version: tableVersion } = this.#table
    const { version: settingsVersion } = this.#settings
    if (tableVersion === this.#tableVersion && settingsVersion === this.#settingsVersion) return
    this.#forget()
    this.#brokerTexts.clear()
    this.#queuesTexts.clear()
    this.#tableVersion = tableVersion
    this.#settingsVersion = settingsVersion
  }

  #forget(): void {
    this.#routes.clear()
    this.#byVersion.clear()
    this.#bytes = 0
  }
}
