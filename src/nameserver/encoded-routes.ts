// Route answers ready to send. Ten thousand clients ask every 30 s for routes that change a few times a
// day: each is encoded once per change of the tables, not once per request. Misses are not kept, so
// that names nobody has cannot fill the memory.

import { encodeRoute } from '../remoting/route.ts'
import { type KvConfig, ORDER_NAMESPACE } from './kv-config.ts'
import type { RouteTable } from './route-table.ts'

export class EncodedRoutes {
  readonly #table: RouteTable
  readonly #settings: KvConfig
  readonly #bodies = new Map<string, Buffer>()
  #tableVersion = 0
  #settingsVersion = 0

  constructor(table: RouteTable, settings: KvConfig) {
    this.#table = table
    this.#settings = settings
  }

  /** The body of the answer, or null if no broker has the topic. */
  get(topic: string): Buffer | null {
    this.#forgetIfStale()
    const known = this.#bodies.get(topic)
    if (known !== undefined) return known
    const route = this.#table.routeOf(topic)
    if (route === null) return null
    const orderConfig = this.#settings.get(ORDER_NAMESPACE, topic)
    const body = encodeRoute({ ...route, orderConfig })
    this.#bodies.set(topic, body)
    return body
  }

  #forgetIfStale(): void {
    const { version: tableVersion } = this.#table
    const { version: settingsVersion } = this.#settings
    if (tableVersion === this.#tableVersion && settingsVersion === this.#settingsVersion) return
    this.#bodies.clear()
    this.#tableVersion = tableVersion
    this.#settingsVersion = settingsVersion
  }
}
