// Which brokers are registered, at which address, and when each was last heard of. Pure: every method
// that needs the time is given it. What the brokers' topics are is in topic-table.ts.

import type { DataVersion } from '../remoting/topic-config.ts'

/** A connection, as far as the table is concerned. */
export interface Owner {
  destroy(): void
}

/** One replica of one broker. The pair (brokerName, brokerId) is unique. */
export interface LiveBroker {
  cluster: string
  brokerName: string
  brokerId: number
  address: string
  haServerAddress: string
  dataVersion: DataVersion
  isDraining: boolean
  lastHeartbeatMs: number
  /** Evicted when silent for longer than this. */
  expiryMs: number
  /** The connection that registered it last: when that closes, the broker is gone. */
  owner: Owner
  /** Of its last registration; undefined if nobody said. */
  digest: string | undefined
  settled: SettledRegistration | null
}

/** The last registration left nothing to be done, nor to be told, as the tables were then. */
export interface SettledRegistration {
  tableVersion: number
  epoch: number
  atMs: number
}

export class LiveBrokers {
  readonly #brokers = new Map<string, Map<number, LiveBroker>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  get(brokerName: string, brokerId: number): LiveBroker | null {
    return this.#brokers.get(brokerName)?.get(brokerId) ?? null
  }

  has(brokerName: string): boolean {
    return this.#brokers.has(brokerName)
  }

  findByAddress(brokerName: string, address: string): LiveBroker | null {
    return this.replicas(brokerName).find((broker) => broker.address === address) ?? null
  }

  /** The replicas of one broker by ascending id. */
  replicas(brokerName: string): LiveBroker[] {
    const replicas = this.#brokers.get(brokerName)
    if (replicas === undefined) return []
    return [...replicas.values()].sort((a, b) => a.brokerId - b.brokerId)
  }

  /** All replicas, by broker name and id. */
  all(): LiveBroker[] {
    return this.names().flatMap((name) => this.replicas(name))
  }

  names(): string[] {
    return [...this.#brokers.keys()].sort()
  }

  /** Cluster → names of its brokers, both sorted. */
  clusters(): Map<string, string[]> {
    const clusters = new Map<string, string[]>()
    for (const brokerName of this.names()) {
      const cluster = this.clusterOf(brokerName) as string
      const names = clusters.get(cluster)
      if (names === undefined) clusters.set(cluster, [brokerName])
      else names.push(brokerName)
    }
    return new Map([...clusters].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** A broker name belongs to one cluster at a time: route-table.ts sees to it. */
  clusterOf(brokerName: string): string | null {
    return this.replicas(brokerName)[0]?.cluster ?? null
  }

  put(broker: LiveBroker): void {
    let replicas = this.#brokers.get(broker.brokerName)
    if (replicas === undefined) {
      replicas = new Map()
      this.#brokers.set(broker.brokerName, replicas)
    }
    if (!replicas.has(broker.brokerId)) this.#count++
    replicas.set(broker.brokerId, broker)
  }

  remove(broker: LiveBroker): void {
    const replicas = this.#brokers.get(broker.brokerName)
    if (replicas?.delete(broker.brokerId) !== true) return
    this.#count--
    if (replicas.size === 0) this.#brokers.delete(broker.brokerName)
  }

  expired(nowMs: number): LiveBroker[] {
    return this.all().filter((broker) => nowMs - broker.lastHeartbeatMs > broker.expiryMs)
  }

  ownedBy(owner: Owner): LiveBroker[] {
    const owned: LiveBroker[] = []
    // Not all(): this runs for every client that hangs up, and sorting is for people.
    for (const replicas of this.#brokers.values()) {
      for (const broker of replicas.values()) if (broker.owner === owner) owned.push(broker)
    }
    return owned
  }
}
