// Brokers in a simulated network on logs in memory, peers that send to them and ask them, and
// nameservers that only write down what they are told.

import { Broker } from '../../src/broker/broker.ts'
import { type BrokerConfig, defaultBrokerConfig } from '../../src/broker/config.ts'
import { assert } from '../../src/core/assert.ts'
import type { MqError } from '../../src/core/errors.ts'
import { Logger } from '../../src/core/logger.ts'
import { seededRandom } from '../../src/core/random.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command, FieldValues, Response } from '../../src/remoting/command.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import type { NameResolver } from '../../src/remoting/name-resolver.ts'
import { decodeRegistration, type RegistrationBody } from '../../src/remoting/registration.ts'
import type { ReloadReport } from '../../src/remoting/reload-config.ts'
import { encodeSendHeader, type SendHeader } from '../../src/remoting/send-header.ts'
import { RemotingServer } from '../../src/remoting/server.ts'
import { decodeMessages, type StoredMessage } from '../../src/remoting/stored-message.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../src/simulation/virtual-network.ts'
import { VirtualProcess } from '../../src/simulation/virtual-process.ts'
import { type AppendLog, queueKey } from '../../src/store/append-log.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { WirePeer } from './wire-peer.ts'

export const BROKER_HOST = '10.0.0.1'
const BROKER_PORT = 10_911
const START_MS_MAX = 30_000

export class BrokerSimulation {
  readonly clock = new VirtualClock()
  readonly network: VirtualNetwork
  /** What the brokers have logged. */
  readonly lines: string[] = []
  /** What their logs failed with. */
  readonly failures: MqError[] = []
  readonly disk = new MemoryDisk({ random: seededRandom(1) })
  readonly #processes = new Map<Broker, VirtualProcess>()
  readonly #peers: WirePeer[] = []
  readonly #nameservers = new Set<RecordingNameserver>()

  constructor(seed = 1) {
    this.network = new VirtualNetwork({ clock: this.clock, seed })
  }

  broker(
    options: {
      host?: string
      log?: AppendLog
      config?: Partial<BrokerConfig>
      resolver?: NameResolver
      reload?: () => Promise<ReloadReport>
    } = {},
  ): Broker {
    const { host = BROKER_HOST, log = new MemoryLog({ disk: this.disk }), config } = options
    const process = new VirtualProcess({ network: this.network, clock: this.clock, hostName: host })
    const { clock, network } = process
    const sink = (line: string): void => void this.lines.push(line)
    const broker = new Broker({
      config: {
        ...defaultBrokerConfig(),
        listen: { host, port: BROKER_PORT },
        nameservers: [],
        ...config,
      },
      log,
      network,
      clock,
      random: seededRandom(7),
      logger: new Logger({ clock, sink, level: 'info', scope: host }),
      onFailed: (error) => void this.failures.push(error),
      ...(options.resolver === undefined ? {} : { resolver: options.resolver }),
      ...(options.reload === undefined ? {} : { reload: options.reload }),
    })
    this.#processes.set(broker, process)
    return broker
  }

  async started(options: Parameters<BrokerSimulation['broker']>[0] = {}): Promise<Broker> {
    const broker = this.broker(options)
    await this.clock.runFor(broker.start(), START_MS_MAX)
    return broker
  }

  /** The process a broker runs in, to be frozen. */
  process(broker: Broker): VirtualProcess {
    const process = this.#processes.get(broker)
    assert(process !== undefined, 'the broker does not run')
    return process
  }

  /** kill -9, with the log it wrote to. */
  kill(broker: Broker, log: MemoryLog): void {
    this.process(broker).kill()
    log.crash()
    this.#processes.delete(broker)
  }

  async stop(broker: Broker): Promise<void> {
    this.#processes.delete(broker)
    await this.clock.runFor(broker.stop(), START_MS_MAX)
  }

  peer(options: { host?: string; broker?: string; listensTo?: number[] } = {}): WirePeer {
    const { host = '10.0.9.9', broker = BROKER_HOST, ...rest } = options
    const peer = new WirePeer({
      clock: this.clock,
      network: this.network.host(host),
      server: `${broker}:${BROKER_PORT}`,
      ...rest,
    })
    this.#peers.push(peer)
    return peer
  }

  async nameserver(host: string): Promise<RecordingNameserver> {
    const nameserver = new RecordingNameserver(this, host)
    await this.clock.runFor(nameserver.start(), START_MS_MAX)
    this.#nameservers.add(nameserver)
    return nameserver
  }

  /** kill -9, and the machine is there for another one. */
  killNameserver(nameserver: RecordingNameserver): void {
    this.#nameservers.delete(nameserver)
    this.network.crash(nameserver.host)
    this.network.reboot(nameserver.host)
  }

  /** Ends everything that was started; for afterEach. */
  async end(): Promise<void> {
    for (const broker of [...this.#processes.keys()]) await this.stop(broker)
    for (const peer of this.#peers.splice(0)) peer.stop()
    for (const nameserver of this.#nameservers) {
      await this.clock.runFor(nameserver.stop(), START_MS_MAX)
    }
    this.#nameservers.clear()
  }
}

interface Told {
  atMs: number
  code: number
  request: Command
  /** Null unless it is a registration. */
  body: RegistrationBody | null
}

/** Says yes to whatever it is told, and remembers it. */
export class RecordingNameserver {
  readonly told: Told[] = []
  readonly host: string
  /** Replaces the answer to registrations. */
  answer: () => Response | Promise<Response> = () => ({ code: 0 })
  readonly #server: RemotingServer

  constructor(world: BrokerSimulation, host: string) {
    this.host = host
    const { clock, network } = world
    const note: RequestHandler = (request) => {
      const isRegistration = request.code === REQUEST.registerBroker
      const body = isRegistration ? decodeRegistration(request.body) : null
      this.told.push({ atMs: clock.monoMs(), code: request.code, request, body })
      return isRegistration ? this.answer() : { code: 0 }
    }
    this.#server = new RemotingServer({
      network: network.host(host),
      clock,
      logger: new Logger({ clock, sink: () => {}, level: 'error', scope: host }),
      handlers: new Map([
        [REQUEST.registerBroker, note],
        [REQUEST.unregisterBroker, note],
      ]),
    })
  }

  get address(): string {
    return `${this.host}:9876`
  }

  get connectionCount(): number {
    return this.#server.connectionCount
  }

  get registrations(): Told[] {
    return this.told.filter(({ code }) => code === REQUEST.registerBroker)
  }

  /** The names in the newest registration. */
  get topics(): string[] {
    return (this.registrations.at(-1)?.body?.topics ?? []).map((topic) => topic.name)
  }

  async start(): Promise<void> {
    await this.#server.start({ host: this.host, port: 9876 })
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }
}

export function topicFields(
  topic: string,
  options: { queues?: number; readQueues?: number; writeQueues?: number; permission?: number } = {},
): FieldValues {
  const { queues = 4, permission = 6 } = options
  return {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: options.readQueues ?? queues,
    writeQueueNums: options.writeQueues ?? queues,
    perm: permission,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
  }
}

export function sendHeader(header: Partial<SendHeader> = {}): SendHeader {
  return {
    producerGroup: 'producers',
    topic: 'orders',
    templateTopic: 'TBW102',
    templateQueueCount: 4,
    queueId: 0,
    systemFlag: 0,
    bornTimeMs: 1_767_225_600_000,
    flag: 0,
    properties: '',
    reconsumeTimes: 0,
    reconsumeTimesMax: null,
    isBatch: false,
    layoutTag: null,
    ...header,
  }
}

export function sendFields(header: Partial<SendHeader> = {}): FieldValues {
  return encodeSendHeader(sendHeader(header))
}

/** One message, by the short header. */
export function send(
  peer: WirePeer,
  header: Partial<SendHeader>,
  body = 'hello',
): Promise<Command> {
  return peer.ask(REQUEST.sendMessageCompact, sendFields(header), Buffer.from(body))
}

export async function makeTopic(peer: WirePeer, topic: string, queues = 4): Promise<void> {
  const answer = await peer.ask(REQUEST.createTopic, topicFields(topic, { queues }))
  assert(answer.code === 0, `topic ${topic} was not made: ${answer.remark}`)
}

/** Everything a queue holds, read from the broker's own store. */
export function stored(broker: Broker, topic: string, queueId = 0): StoredMessage[] {
  const { store, state } = broker.context ?? {}
  const id = state?.topics.get(topic)?.id
  assert(store !== undefined && id !== undefined, `the broker has no topic ${topic}`)
  const { body } = store.read({
    queue: queueKey(id, queueId),
    offset: store.minOffset(queueKey(id, queueId)),
    messagesMax: 1_000,
    bytesMax: 64 * 1024 * 1024,
    tags: null,
  })
  return decodeMessages(Buffer.from(body))
}
