// Nameservers, brokers (fake ones, or real ones on memory) and clients in one thread under virtual time. Hosts are named after
// what runs on them: ns1, ns2, broker-a, …, and clients by the name the test gives.

import { Broker } from '../../src/broker/broker.ts'
import { type BrokerConfig, defaultBrokerConfig } from '../../src/broker/config.ts'
import { Client, type ClientOptions } from '../../src/client/client.ts'
import { Logger } from '../../src/core/logger.ts'
import { seededRandom } from '../../src/core/random.ts'
import { defaultNameserverConfig } from '../../src/nameserver/config.ts'
import { Nameserver } from '../../src/nameserver/nameserver.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../src/simulation/virtual-network.ts'
import { VirtualProcess } from '../../src/simulation/virtual-process.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { FakeBroker, type FakeTopic } from './fake-broker.ts'

export class FakeCluster {
  readonly clock = new VirtualClock()
  readonly network = new VirtualNetwork({ clock: this.clock, seed: 7 })
  readonly nameservers: string[] = []
  readonly processes = new Map<string, VirtualProcess>()
  readonly log: string[] = []
  readonly clients: Client[] = []
  #seed = 100

  process(host: string): VirtualProcess {
    const process = new VirtualProcess({ network: this.network, clock: this.clock, hostName: host })
    this.processes.set(host, process)
    return process
  }

  logger(scope: string): Logger {
    const sink = (line: string): void => {
      this.log.push(line)
    }
    return new Logger({ clock: this.clock, sink, level: 'debug', scope })
  }

  async addNameserver(host: string): Promise<Nameserver> {
    const process = this.process(host)
    const nameserver = new Nameserver({
      config: { ...defaultNameserverConfig(), listen: { host, port: 9876 } },
      network: process.network,
      clock: process.clock,
      logger: this.logger(host),
    })
    await this.clock.runFor(nameserver.start(), 1_000)
    const address = `${host}:9876`
    if (!this.nameservers.includes(address)) this.nameservers.push(address)
    return nameserver
  }

  async addBroker(
    name: string,
    topics: Record<string, FakeTopic>,
    nameservers = this.nameservers,
  ): Promise<FakeBroker> {
    const process = this.process(name)
    const broker = new FakeBroker({
      name,
      host: name,
      nameservers,
      topics,
      network: process.network,
      clock: process.clock,
    })
    await this.clock.runFor(broker.start(), 10_000)
    return broker
  }

  /** A real broker with its log in memory; after `kill` and `log.crash()` the same disk again is a restart. */
  async addRealBroker(
    name: string,
    options: {
      disk?: MemoryDisk
      config?: Partial<BrokerConfig>
      nameservers?: string[]
      commitMs?: number
    } = {},
  ): Promise<{ broker: Broker; disk: MemoryDisk; log: MemoryLog }> {
    const host = realBrokerHost(name)
    const process = this.process(host)
    this.processes.set(name, process)
    const random = seededRandom(this.#seed++)
    const disk = options.disk ?? new MemoryDisk({ random })
    const { commitMs = 1, nameservers = this.nameservers } = options
    const log = new MemoryLog({ disk, clock: process.clock, commitMs })
    const broker = new Broker({
      config: {
        ...defaultBrokerConfig(),
        name,
        listen: { host, port: 10_911 },
        advertise: { host, port: 10_911 },
        nameservers,
        ...options.config,
      },
      log,
      network: process.network,
      clock: process.clock,
      random,
      logger: this.logger(name),
      onFailed: (error) => {
        throw error
      },
    })
    await this.clock.runFor(broker.start(), 10_000)
    return { broker, disk, log }
  }

  client(host: string, options: Partial<ClientOptions> = {}): Client {
    const client = new Client({
      nameservers: this.nameservers,
      network: this.network.host(host),
      clock: this.clock,
      random: seededRandom(this.#seed++),
      logger: this.logger(host),
      host,
      ...options,
    })
    this.clients.push(client)
    return client
  }

  /** Runs until `promise` is settled; throws what it was rejected with. */
  settle<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    return this.clock.runFor(promise, withinMs)
  }

  /** What it was rejected with; throws if it was not. */
  async failure(promise: Promise<unknown>, withinMs = 60_000): Promise<Error> {
    try {
      await this.settle(promise, withinMs)
    } catch (error) {
      return error as Error
    }
    throw new Error('expected a rejection')
  }
}

/** Real brokers advertise IPv4 addresses only: broker-a is 10.0.0.97. */
export function realBrokerHost(name: string): string {
  return `10.0.0.${name.charCodeAt(name.length - 1)}`
}

/** One nameserver and brokers a, b, … that all have topic "t" with the given number of queues. */
export async function fakeCluster(
  queueCounts: Record<string, number>,
): Promise<{ cluster: FakeCluster; brokers: Record<string, FakeBroker> }> {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  const brokers: Record<string, FakeBroker> = {}
  for (const [name, queueCount] of Object.entries(queueCounts)) {
    brokers[name] = await cluster.addBroker(`broker-${name}`, { t: { queueCount } })
  }
  return { cluster, brokers }
}
