// One broker on a log in memory in a simulated network, and peers that speak the wire to it. Tests of
// what a broker answers start here.

import { Broker } from '../../src/broker/broker.ts'
import { type BrokerConfig, defaultBrokerConfig } from '../../src/broker/config.ts'
import { seededRandom } from '../../src/core/random.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command, FieldValues, Response } from '../../src/remoting/command.ts'
import {
  type ConsumerData,
  encodeHeartbeat,
  type Subscription,
} from '../../src/remoting/heartbeat.ts'
import { encodeProperties } from '../../src/remoting/properties.ts'
import { PULL_FLAG } from '../../src/remoting/pull-header.ts'
import { decodeMessages } from '../../src/remoting/stored-message.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../src/simulation/virtual-network.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { recordingLogger } from './quiet-logger.ts'
import { WirePeer } from './wire-peer.ts'

const HOST = '10.0.0.2'
const PORT = 10_911

export class BrokerWorld {
  readonly clock = new VirtualClock()
  readonly network = new VirtualNetwork({ clock: this.clock, seed: 1 })
  readonly disk = new MemoryDisk({ random: seededRandom(1) })
  readonly lines: string[]
  readonly #logger
  broker: Broker | null = null

  constructor() {
    const { logger, lines } = recordingLogger(this.clock)
    this.#logger = logger
    this.lines = lines
  }

  async start(
    config: Partial<BrokerConfig> = {},
    log: { segmentBytes?: number } = {},
  ): Promise<Broker> {
    const { clock, disk } = this
    const broker = new Broker({
      config: {
        ...defaultBrokerConfig(),
        listen: { host: HOST, port: PORT },
        nameservers: [],
        ...config,
      },
      log: new MemoryLog({ disk, ...log }),
      network: this.network.host(HOST),
      clock,
      random: seededRandom(2),
      logger: this.#logger,
      onFailed: (error) => {
        throw error
      },
    })
    await clock.runFor(broker.start(), 10_000)
    this.broker = broker
    return broker
  }

  /** When this resolves peers have seen their connections close. */
  async stop(): Promise<void> {
    if (this.broker !== null) await this.clock.runFor(this.broker.stop(), 10_000)
    this.broker = null
    await this.clock.advance(10)
  }

  peer(
    host: string,
    options: { listensTo?: number[]; answers?: (request: Command) => Response } = {},
  ): WirePeer {
    const { clock } = this
    const network = this.network.host(host)
    return new WirePeer({ clock, network, server: `${HOST}:${PORT}`, ...options })
  }
}

/** Makes a topic of so many read and write queues. */
export async function createTopic(
  peer: WirePeer,
  topic: string,
  options: { queueCount?: number; permission?: number } = {},
): Promise<void> {
  const queueCount = options.queueCount ?? 1
  await peer.ask(REQUEST.createTopic, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: queueCount,
    writeQueueNums: queueCount,
    perm: options.permission ?? 6,
    topicFilterType: 'SINGLE_TAG',
    order: false,
  })
}

/** Sends one message; resolves once it is stored. */
export function send(
  peer: WirePeer,
  message: { topic: string; body: string; queueId?: number; tag?: string },
): Promise<Command> {
  const { topic, body, queueId = 0, tag } = message
  const fields = {
    a: 'producers',
    b: topic,
    c: 'TBW102',
    d: 4,
    e: queueId,
    f: 0,
    g: 1_000,
    h: 0,
    i: encodeProperties(tag === undefined ? {} : { TAGS: tag }),
    j: 0,
    k: false,
  }
  return peer.ask(REQUEST.sendMessageCompact, fields, Buffer.from(body))
}

export interface PullOptions {
  topic: string
  offset: number
  group?: string
  queueId?: number
  messagesMax?: number
  suspendMs?: number
  commitOffset?: number
  /** The subscription sent along; null: the one the group's heartbeats gave counts. */
  subscription?: string | null
  subscriptionVersion?: number
  expressionType?: string
  bytesMax?: number
}

export function pullFields(options: PullOptions): FieldValues {
  const { subscription = '*', suspendMs = 0, commitOffset } = options
  const systemFlag =
    (commitOffset === undefined ? 0 : PULL_FLAG.commitOffset) |
    (suspendMs > 0 ? PULL_FLAG.suspend : 0) |
    (subscription === null ? 0 : PULL_FLAG.subscription)
  return {
    consumerGroup: options.group ?? 'g',
    topic: options.topic,
    queueId: options.queueId ?? 0,
    queueOffset: options.offset,
    maxMsgNums: options.messagesMax ?? 32,
    sysFlag: systemFlag,
    commitOffset: commitOffset ?? 0,
    suspendTimeoutMillis: suspendMs,
    subscription: subscription ?? undefined,
    subVersion: options.subscriptionVersion ?? 0,
    expressionType: options.expressionType,
    maxMsgBytes: options.bytesMax,
  }
}

export function pull(peer: WirePeer, options: PullOptions): Promise<Command> {
  return peer.ask(REQUEST.pullMessage, pullFields(options))
}

/** Code, offsets and message bodies in one line: "0 next 2 of 0-2: a b". */
export function pullLine(answer: Command): string {
  const { nextBeginOffset, minOffset, maxOffset, suggestWhichBrokerId } = answer.fields
  const bodies = decodeMessages(answer.body).map((message) => message.body.toString())
  const offsets = `next ${nextBeginOffset} of ${minOffset}-${maxOffset}`
  if (suggestWhichBrokerId !== '0') return `${answer.code} ${answer.remark}`
  return [`${answer.code} ${offsets}`, ...bodies].join(' ')
}

export function heartbeat(
  peer: WirePeer,
  options: {
    clientId: string
    group?: string
    topics?: (string | Partial<Subscription>)[]
    producerGroups?: string[]
  },
): Promise<Command> {
  const { clientId, group, topics = [], producerGroups = [] } = options
  const consumers: ConsumerData[] =
    group === undefined
      ? []
      : [
          {
            group,
            consumeType: 'CONSUME_PASSIVELY',
            messageModel: 'CLUSTERING',
            consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
            subscriptions: topics.map(subscriptionOf),
          },
        ]
  return peer.ask(REQUEST.heartbeat, {}, encodeHeartbeat({ clientId, producerGroups, consumers }))
}

function subscriptionOf(topic: string | Partial<Subscription>): Subscription {
  return {
    topic: '',
    expression: '*',
    expressionType: 'TAG',
    tags: [],
    tagHashes: [],
    version: 1n,
    ...(typeof topic === 'string' ? { topic } : topic),
  }
}
