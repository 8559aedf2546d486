// The load of `mq bench nameserver`, one phase after the other: brokers that register and beat, clients
// that pull, watchers that are told. Each phase returns what it did and how long each piece took; what
// it cost the nameserver is measured around it.

import { mapBounded } from '../client/bounded.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import type { HostPort } from '../remoting/network.ts'
import { encodeRouteVersions, NOTHING_KNOWN } from '../remoting/route-watch.ts'
import { BenchCluster, type NameserverLoad, topicOfClient } from './bench-nameserver-plan.ts'
import { ask, BenchPeers } from './bench-peers.ts'
import { Histogram } from './histogram.ts'

const CONNECT_WIDTH = 64
const REGISTER_WIDTH = 16
const PULL_WIDTH = 128
/** Every broker beats and every client pulls once in this time. */
export const INTERVAL_MS = 30_000
/** A watcher that was not told within this is counted as missing. */
const PUSH_LIMIT_MS = 60_000
const PUSH_POLL_MS = 5
const WATCH_ID = 'bench'

export interface LoadOptions extends NameserverLoad {
  /** A broker leaves and joins this often. */
  rounds: number
  durationMs: number
}

export interface PhaseOutcome {
  count: number
  latencies: Histogram
}

export class NameserverBench {
  readonly #load: LoadOptions
  readonly #cluster: BenchCluster
  readonly #peers: BenchPeers
  #brokers: Connection[] = []
  #clients: Connection[] = []
  #onPush: () => void = () => {}

  constructor(address: HostPort, load: LoadOptions, note: (line: string) => void) {
    this.#load = load
    this.#cluster = new BenchCluster(load)
    this.#peers = new BenchPeers(address, note)
  }

  stop(): void {
    this.#peers.stop()
  }

  get entryCount(): number {
    return this.#cluster.entryCount
  }

  /** The first registration of every broker, over a connection of its own. */
  async register(): Promise<PhaseOutcome> {
    const { brokerCount } = this.#load
    const latencies = new Histogram()
    await mapBounded(upTo(brokerCount), REGISTER_WIDTH, async (broker) => {
      const connection = await this.#peers.connect()
      this.#brokers[broker] = connection
      await this.#registerOne(connection, broker, latencies)
    })
    return { count: brokerCount, latencies }
  }

  /** Everybody says once more what the nameserver knows already, as fast as it can. */
  async beat(): Promise<PhaseOutcome> {
    const latencies = new Histogram()
    await mapBounded(upTo(this.#brokers.length), REGISTER_WIDTH, (broker) =>
      this.#registerOne(this.#brokers[broker] as Connection, broker, latencies),
    )
    return { count: this.#brokers.length, latencies }
  }

  /** Every client connects and asks for its topic. */
  async pullFirst(): Promise<PhaseOutcome> {
    const latencies = new Histogram()
    await mapBounded(upTo(this.#load.clientCount), CONNECT_WIDTH, async (client) => {
      const connection = await this.#peers.connect(() => this.#onPush())
      this.#clients[client] = connection
      await this.#pullOne(client, latencies)
    })
    return { count: this.#clients.length, latencies }
  }

  /** Every client asks again, as fast as it is answered. */
  async pullAgain(): Promise<PhaseOutcome> {
    const latencies = new Histogram()
    await mapBounded(upTo(this.#clients.length), PULL_WIDTH, (client) =>
      this.#pullOne(client, latencies),
    )
    return { count: this.#clients.length, latencies }
  }

  /** Brokers beat and clients pull at their usual pace. */
  async steady(durationMs: number): Promise<PhaseOutcome> {
    const latencies = new Histogram()
    const beat = (i: number): Promise<unknown> =>
      this.#registerOne(this.#brokers[i] as Connection, i, latencies)
    const pull = (i: number): Promise<unknown> => this.#pullOne(i, latencies)
    await Promise.all([
      paced(this.#brokers.length, durationMs, beat),
      paced(this.#clients.length, durationMs, pull),
    ])
    return { count: latencies.count, latencies }
  }

  /** The first clients have changes pushed from now on. */
  async watch(): Promise<PhaseOutcome> {
    const { watcherCount } = this.#load
    const latencies = new Histogram()
    // What they know is left out: every one is told the route it watches at once.
    const told = this.#expectPushes(watcherCount, new Histogram())
    await mapBounded(upTo(watcherCount), PULL_WIDTH, async (client) => {
      const known = new Map([[topicOfClient(this.#load, client), NOTHING_KNOWN]])
      const options = { fields: { watchId: WATCH_ID }, body: encodeRouteVersions(known) }
      await ask(this.#clients[client] as Connection, REQUEST.watchRoutes, options, latencies)
    })
    await told
    return { count: watcherCount, latencies }
  }

  /** The last broker leaves and joins again a few times; from its word to each watcher's ear. */
  async push(): Promise<PhaseOutcome> {
    const latencies = new Histogram()
    const broker = this.#brokers.length - 1
    const connection = this.#brokers[broker] as Connection
    const affected = this.#affectedWatchers(broker)
    for (let round = 0; round < this.#load.rounds; round++) {
      const left = this.#expectPushes(affected, latencies)
      const fields = this.#cluster.fields(broker)
      await Promise.all([left, ask(connection, REQUEST.unregisterBroker, { fields })])
      const joined = this.#expectPushes(affected, latencies)
      await Promise.all([joined, this.#registerOne(connection, broker)])
    }
    return { count: latencies.count, latencies }
  }

  #affectedWatchers(broker: number): number {
    const body = this.#cluster.body(broker).toString()
    let count = 0
    for (let client = 0; client < this.#load.watcherCount; client++) {
      if (body.includes(`"${topicOfClient(this.#load, client)}"`)) count++
    }
    return count
  }

  /** Resolves when as many pushes have come; their times from now on go to `latencies`. */
  async #expectPushes(count: number, latencies: Histogram): Promise<void> {
    const startMs = systemClock.monoMs()
    let seen = 0
    this.#onPush = () => {
      latencies.add(systemClock.monoMs() - startMs)
      seen++
    }
    while (seen < count) {
      if (systemClock.monoMs() - startMs > PUSH_LIMIT_MS) {
        throw new MqError('TIMED_OUT', `${count - seen} of ${count} watchers were not told`)
      }
      await sleep(systemClock, PUSH_POLL_MS)
    }
  }

  #registerOne(connection: Connection, broker: number, latencies?: Histogram): Promise<unknown> {
    const options = { fields: this.#cluster.fields(broker), body: this.#cluster.body(broker) }
    return ask(connection, REQUEST.registerBroker, options, latencies)
  }

  #pullOne(client: number, latencies: Histogram): Promise<unknown> {
    const fields = { topic: topicOfClient(this.#load, client) }
    return ask(this.#clients[client] as Connection, REQUEST.getRoute, { fields }, latencies)
  }
}

/** Calls `action` for 0…count-1, each once per INTERVAL_MS, until `durationMs` has passed. */
async function paced(
  count: number,
  durationMs: number,
  action: (i: number) => Promise<unknown>,
): Promise<void> {
  const startMs = systemClock.monoMs()
  const pending = new Set<Promise<unknown>>()
  let failure: unknown = null
  let done = 0
  for (;;) {
    const elapsedMs = Math.min(durationMs, systemClock.monoMs() - startMs)
    const due = Math.floor((elapsedMs / INTERVAL_MS) * count)
    for (; done < due; done++) {
      const one = action(done % count)
      pending.add(one)
      one.then(
        () => pending.delete(one),
        (error: unknown) => {
          pending.delete(one)
          failure ??= error
        },
      )
    }
    if (failure !== null) throw failure
    if (elapsedMs >= durationMs) break
    await sleep(systemClock, PUSH_POLL_MS)
  }
  await Promise.all(pending)
}

/** 0…count-1 */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
