// A whole cluster in one thread under virtual time, with every frame that arrives at a nameserver on
// record. Nodes are the real ones, on their default settings unless told otherwise; only clock, network
// and disk are simulated. The same seed gives the same run.

import { Broker } from '../broker/broker.ts'
import { type BrokerConfig, defaultBrokerConfig } from '../broker/config.ts'
import { Admin } from '../client/admin.ts'
import { Client, type ClientOptions } from '../client/client.ts'
import { fetchRoute } from '../client/nameserver-calls.ts'
import { Logger } from '../core/logger.ts'
import { type Random, seededRandom } from '../core/random.ts'
import { defaultNameserverConfig, type NameserverConfig } from '../nameserver/config.ts'
import { Nameserver } from '../nameserver/nameserver.ts'
import { Channels } from '../remoting/channels.ts'
import { AUTO_CREATE_TOPIC, PERMISSION, REQUEST } from '../remoting/codes.ts'
import type { Command } from '../remoting/command.ts'
import { decodeFrame } from '../remoting/frame.ts'
import { FrameSplitter } from '../remoting/frame-splitter.ts'
import { type NameResolver, noResolver } from '../remoting/name-resolver.ts'
import type { Network, StreamHandlers } from '../remoting/network.ts'
import { VirtualClock } from '../simulation/virtual-clock.ts'
import { VirtualNetwork } from '../simulation/virtual-network.ts'
import { VirtualProcess } from '../simulation/virtual-process.ts'
import { MemoryDisk } from '../store/memory-disk.ts'
import { MemoryLog } from '../store/memory-log.ts'

const COMMIT_MS = 1

/** A request as it arrived at a nameserver. */
export interface Arrival {
  timeMs: number
  fromHost: string
  request: Command
}

export interface NameserverNode {
  address: string
  nameserver: Nameserver
  process: VirtualProcess
  arrivals: Arrival[]
}

export interface BrokerNode {
  name: string
  address: string
  broker: Broker
  process: VirtualProcess
  disk: MemoryDisk
  log: MemoryLog
}

export class VirtualCluster {
  readonly clock = new VirtualClock()
  readonly network: VirtualNetwork
  readonly nameservers: NameserverNode[] = []
  readonly brokers = new Map<string, BrokerNode>()
  /** Warnings and errors of all nodes. */
  readonly complaints: string[] = []
  /** Looks up "dns:" seeds for brokers that start from now on. */
  resolver: NameResolver = noResolver
  readonly #random: Random
  readonly #observer: Channels
  #clientCount = 0

  constructor(seed: number) {
    this.network = new VirtualNetwork({ clock: this.clock, seed })
    this.#random = seededRandom(seed + 1)
    this.#observer = new Channels({
      network: this.network.host('10.0.9.1'),
      clock: this.clock,
      random: this.#newRandom(),
      logger: this.#logger('observer'),
    })
  }

  /** Two nameservers and two brokers, and the topic "orders" with four queues on each broker. */
  static async start(seed: number): Promise<VirtualCluster> {
    const cluster = new VirtualCluster(seed)
    await cluster.addNameserver('10.0.1.1')
    await cluster.addNameserver('10.0.1.2')
    await cluster.addBroker('broker-a', '10.0.2.1')
    await cluster.addBroker('broker-b', '10.0.2.2')
    await cluster.createTopic('orders', 8)
    return cluster
  }

  async addNameserver(hostName: string): Promise<NameserverNode> {
    return this.clock.runFor(this.startNameserver(hostName), 1_000)
  }

  /** As `addNameserver`, for those who move the clock themselves. On the same host it is a restart. */
  async startNameserver(
    hostName: string,
    changes: Partial<NameserverConfig> = {},
  ): Promise<NameserverNode> {
    const virtual = new VirtualProcess({ network: this.network, clock: this.clock, hostName })
    const arrivals: Arrival[] = []
    const nameserver = new Nameserver({
      config: { ...defaultNameserverConfig(), listen: { host: hostName, port: 9876 }, ...changes },
      network: this.#recorded(virtual.network, arrivals),
      clock: virtual.clock,
      logger: this.#logger(hostName),
    })
    await nameserver.start()
    const node = { address: `${hostName}:9876`, nameserver, process: virtual, arrivals }
    const before = this.nameservers.findIndex(({ address }) => address === node.address)
    if (before === -1) this.nameservers.push(node)
    else this.nameservers[before] = node
    return node
  }

  /** Starts a broker; on the disk of an earlier one of this name if there was one. */
  async addBroker(
    name: string,
    hostName: string,
    changes: Partial<BrokerConfig> = {},
  ): Promise<BrokerNode> {
    return this.clock.runFor(this.startBroker(name, hostName, changes), 10_000)
  }

  /** As `addBroker`, for those who move the clock themselves. */
  async startBroker(
    name: string,
    hostName: string,
    changes: Partial<BrokerConfig> = {},
  ): Promise<BrokerNode> {
    const virtual = new VirtualProcess({ network: this.network, clock: this.clock, hostName })
    const before = this.brokers.get(name)
    before?.log.crash()
    const disk = before?.disk ?? new MemoryDisk({ random: this.#newRandom() })
    const log = new MemoryLog({ disk, clock: virtual.clock, commitMs: COMMIT_MS })
    const listen = { host: hostName, port: 10_911 }
    const nameservers = this.nameservers.map((node) => node.address)
    const broker = new Broker({
      config: { ...defaultBrokerConfig(), name, listen, nameservers, ...changes },
      log,
      network: virtual.network,
      clock: virtual.clock,
      random: this.#newRandom(),
      logger: this.#logger(name),
      onFailed: (error) => {
        throw error
      },
      resolver: this.resolver,
    })
    await broker.start()
    const node = { name, address: `${hostName}:10911`, broker, process: virtual, disk, log }
    this.brokers.set(name, node)
    return node
  }

  broker(name: string): BrokerNode {
    const node = this.brokers.get(name)
    if (node === undefined) throw new Error(`the cluster has no ${name}`)
    return node
  }

  /** A client on a machine of its own. */
  client(changes: Partial<ClientOptions> = {}): Client {
    const hostName = `10.0.3.${++this.#clientCount}`
    return new Client({
      nameservers: this.nameservers.map((node) => node.address),
      network: this.network.host(hostName),
      clock: this.clock,
      random: this.#newRandom(),
      logger: this.#logger(hostName),
      host: hostName,
      ...changes,
    })
  }

  async createTopic(topic: string, queueCount: number): Promise<void> {
    const client = this.client()
    await this.clock.runFor(new Admin(client).topics.create({ topic, queueCount }), 10_000)
    await this.clock.runFor(client.close(), 10_000)
  }

  /** On one broker only, as after it joined a cluster that has the topic. */
  async createTopicOn(brokerName: string, topic: string, queueCount: number): Promise<void> {
    const fields = {
      topic,
      defaultTopic: AUTO_CREATE_TOPIC,
      readQueueNums: queueCount,
      writeQueueNums: queueCount,
      perm: PERMISSION.read | PERMISSION.write,
      topicFilterType: 'SINGLE_TAG',
    }
    const { address } = this.broker(brokerName)
    const made = this.#observer.call(address, REQUEST.createTopic, { fields, timeoutMs: 5_000 })
    await this.clock.runFor(made, 10_000)
  }

  /** The brokers that a nameserver names for a topic now; none if it knows no route. */
  async route(node: NameserverNode, topic: string): Promise<string[]> {
    const caller = { channels: this.#observer, timeoutMs: 3_000 }
    const asked = fetchRoute(caller, node.address, topic).catch(() => null)
    const answer = await this.clock.runFor(asked, 10_000)
    const brokers = answer === null || !('brokers' in answer) ? [] : answer.brokers
    return brokers.map((broker) => broker.brokerName).sort()
  }

  /** When registrations of a broker reached a nameserver. */
  registrations(node: NameserverNode, brokerName: string): Arrival[] {
    return node.arrivals.filter(
      ({ request }) =>
        request.code === REQUEST.registerBroker && request.fields['brokerName'] === brokerName,
    )
  }

  #newRandom(): Random {
    return seededRandom(this.#random.below(2 ** 31))
  }

  #logger(scope: string): Logger {
    const sink = (line: string): void => void this.complaints.push(line)
    return new Logger({ clock: this.clock, sink, level: 'warn', scope })
  }

  #recorded(network: Network, arrivals: Arrival[]): Network {
    return {
      connect: (address, options, open) => network.connect(address, options, open),
      listen: (address, accept) =>
        network.listen(address, (stream): StreamHandlers => {
          const handlers = accept(stream)
          const splitter = new FrameSplitter()
          return {
            onData: (chunk) => {
              splitter.push(chunk, (bytes, start, end) => {
                const request = decodeFrame(Buffer.from(bytes.subarray(start, end)))
                arrivals.push({
                  timeMs: this.clock.monoMs(),
                  fromHost: stream.remote.host,
                  request,
                })
              })
              handlers.onData(chunk)
            },
            onDrain: () => handlers.onDrain(),
            onClose: () => handlers.onClose(),
          }
        }),
    }
  }
}
