// Route answers ready to send. Ten thousand clients ask every 30 s for routes that change a few times a
// day: each is encoded once per change of the tables, not once per request. Misses are not kept, so
// that names nobody has cannot fill the memory, and neither are more bytes than the limit.

import { ENCODED_ROUTES_BYTES_MAX } from '../core/limits.ts'
import { encodeRoute } from '../remoting/route.ts'
import { routeVersion } from '../remoting/route-watch.ts'
import { type KvConfig, ORDER_NAMESPACE } from './kv-config.ts'
import type { RouteTable } from './route-table.ts'

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
    const route = this.#table.routeOf(topic)
    if (route === null) return null
    const orderConfig = this.#settings.get(ORDER_NAMESPACE, topic)
    const body = encodeRoute({ ...route, orderConfig })
    const encoded = { body, version: routeVersion(body) }
    this.#routes.set(topic, encoded)
    this.#bytes += body.length
    this.#limit()
    return encoded
  }

  #forgetIfStale(): void {
    const { version: tableVersion } = this.#table
    const { version: settingsVersion } = this.#settings
    if (tableVersion === this.#tableVersion && settingsVersion === this.#settingsVersion) return
    this.#routes.clear()
    this.#bytes = 0
    this.#tableVersion = tableVersion
    this.#settingsVersion = settingsVersion
  }

  /** The oldest go first. The newest stays, however large: somebody is about to send it. */
  #limit(): void {
    for (const [topic, { body }] of this.#routes) {
      if (this.#bytes <= this.#bytesMax || this.#routes.size === 1) return
      this.#routes.delete(topic)
      this.#bytes -= body.length
    }
  }
}
