// The address of a sender as stored messages carry it: IPv4 only, because Go and ali-ons read nothing
// else. An IPv6 peer is stored as 0.0.0.0.

import { ipv4Number } from '../remoting/address.ts'
import type { Connection } from '../remoting/connection.ts'

export class PeerHosts {
  readonly #hosts = new WeakMap<Connection, number>()
  // Requests come in bursts of one connection.
  #last: Connection | null = null
  #lastHost = 0

  hostOf(connection: Connection): number {
    if (connection === this.#last) return this.#lastHost
    let host = this.#hosts.get(connection)
    if (host === undefined) {
      host = ipv4Number(connection.remote.host) ?? 0
      this.#hosts.set(connection, host)
    }
    this.#last = connection
    this.#lastHost = host
    return host
  }

  forget(connection: Connection): void {
    if (this.#last === connection) this.#last = null
  }
}
