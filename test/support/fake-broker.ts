// A broker small enough to be read at a glance, for tests of the client: topics in memory, long
// polling, registration at real nameservers, and any answer replaced by the test.

import type { Clock, Timer } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { formatAddress } from '../../src/remoting/address.ts'
import { Channels } from '../../src/remoting/channels.ts'
import { PERMISSION, REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command, Response } from '../../src/remoting/command.ts'
import type { Connection } from '../../src/remoting/connection.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import { decodeHeartbeat } from '../../src/remoting/heartbeat.ts'
import { decodeBatch } from '../../src/remoting/message-batch.ts'
import type { Network } from '../../src/remoting/network.ts'
import { decodeProperties } from '../../src/remoting/properties.ts'
import { decodePullHeader, encodePullAnswer, PULL_FLAG } from '../../src/remoting/pull-header.ts'
import { encodeRegistration } from '../../src/remoting/registration.ts'
import { jsonBody } from '../../src/remoting/route.ts'
import { decodeSendHeader } from '../../src/remoting/send-header.ts'
import { RemotingServer } from '../../src/remoting/server.ts'
import { messageBytes, offsetMessageId, writeMessage } from '../../src/remoting/stored-message.ts'

export interface FakeMessage {
  topic: string
  queueId: number
  queueOffset: number
  body: Buffer
  properties: string
  flag: number
  systemFlag: number
  storeTimeMs: number
}

export interface FakeTopic {
  queueCount: number
  permission?: number
}

interface Parked {
  request: Command
  connection: Connection
  queue: string
}

export interface FakeBrokerOptions {
  name: string
  host: string
  port?: number
  cluster?: string
  nameservers: string[]
  topics: Record<string, FakeTopic>
  network: Network
  clock: Clock
}

/** Returns nothing to let the broker answer as usual. */
export type Override = (
  request: Command,
  connection: Connection,
) => Response | Promise<Response> | undefined

const NOT_SUPPORTED: Response = { code: RESPONSE.notSupported, remark: 'not supported' }

export class FakeBroker {
  readonly name: string
  readonly address: string
  /** Queue "topic:id" → messages; the offset is the position. */
  readonly queues = new Map<string, FakeMessage[]>()
  /** "group@topic:id" → committed offset. */
  readonly offsets = new Map<string, number>()
  /** Group → ids of its consumers. */
  readonly members = new Map<string, Set<string>>()
  readonly producers = new Set<string>()
  readonly requests: Command[] = []
  readonly overrides = new Map<number, Override>()
  readonly #options: FakeBrokerOptions
  readonly #server: RemotingServer
  readonly #channels: Channels
  #parked: Parked[] = []
  #timers: Timer[] = []
  #version = 1

  constructor(options: FakeBrokerOptions) {
    const { clock, network, name, host, port = 10_911 } = options
    this.#options = options
    this.name = name
    this.address = formatAddress({ host, port })
    const logger = new Logger({ clock, sink: () => {}, level: 'error', scope: name })
    this.#server = new RemotingServer({ network, clock, logger, handlers: this.#handlers() })
    const random: Random = seededRandom(1)
    this.#channels = new Channels({ network, clock, random, logger })
  }

  async start(): Promise<void> {
    const { host, port = 10_911, clock } = this.#options
    await this.#server.start({ host, port })
    await this.register()
    this.#timers.push(
      clock.every(30_000, () => void this.register()),
      clock.every(200, () => this.#releaseParked(null)),
    )
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#server.stop()
    this.#channels.stop()
  }

  /** Changes a topic and tells the nameservers at once. */
  async setTopic(name: string, topic: FakeTopic): Promise<void> {
    this.#options.topics[name] = topic
    this.#version++
    await this.register()
  }

  async register(): Promise<void> {
    const { name, cluster = 'c', nameservers, topics } = this.#options
    const body = encodeRegistration({
      dataVersion: { stateVersion: 0, timestampMs: 1, counter: this.#version },
      // A first registration with a single topic is refused.
      topics: [
        ...Object.entries(topics),
        [`${name}-own`, { queueCount: 1 } as FakeTopic] as const,
      ].map(([topic, { queueCount, permission = PERMISSION.read | PERMISSION.write }]) => ({
        name: topic,
        readQueueCount: queueCount,
        writeQueueCount: queueCount,
        permission,
        systemFlag: 0,
        isOrdered: false,
      })),
    })
    const fields = {
      brokerName: name,
      brokerAddr: this.address,
      clusterName: cluster,
      haServerAddr: this.address,
      brokerId: 0,
      bodyCrc32: 0,
    }
    await Promise.allSettled(
      nameservers.map((nameserver) =>
        this.#channels.call(nameserver, REQUEST.registerBroker, { fields, body, timeoutMs: 3_000 }),
      ),
    )
  }

  /** Every message stored, by queue and offset. */
  messages(topic: string): FakeMessage[] {
    return [...this.queues].filter(([name]) => name.startsWith(`${topic}:`)).flatMap(([, m]) => m)
  }

  queue(topic: string, queueId: number): FakeMessage[] {
    const name = `${topic}:${queueId}`
    const queue = this.queues.get(name) ?? []
    this.queues.set(name, queue)
    return queue
  }

  append(topic: string, queueId: number, message: Partial<FakeMessage> & { body: Buffer }): number {
    const queue = this.queue(topic, queueId)
    queue.push({
      properties: '',
      flag: 0,
      systemFlag: 0,
      ...message,
      topic,
      queueId,
      queueOffset: queue.length,
      storeTimeMs: this.#options.clock.wallMs(),
    })
    this.#releaseParked(`${topic}:${queueId}`)
    return queue.length - 1
  }

  requestsOf(code: number): Command[] {
    return this.requests.filter((request) => request.code === code)
  }

  #handlers(): Map<number, RequestHandler> {
    const handlers: [number, (request: Command, connection: Connection) => Response | undefined][] =
      [
        [REQUEST.sendMessageCompact, (request) => this.#send(request)],
        [REQUEST.sendBatch, (request) => this.#send(request)],
        [REQUEST.pullMessage, (request, connection) => this.#pull(request, connection)],
        [REQUEST.heartbeat, (request) => this.#heartbeat(request)],
        [REQUEST.unregisterClient, (request) => this.#unregister(request)],
        [REQUEST.getConsumerList, (request) => this.#consumerList(request)],
        [REQUEST.queryConsumerOffset, (request) => this.#queryOffset(request)],
        [REQUEST.updateConsumerOffset, (request) => this.#updateOffset(request)],
        [REQUEST.getMinOffset, () => ({ code: 0, fields: { offset: 0 } })],
        [
          REQUEST.getMaxOffset,
          ({ fields }) => {
            const queue = this.queue(String(fields['topic']), Number(fields['queueId']))
            return { code: 0, fields: { offset: queue.length } }
          },
        ],
        [
          REQUEST.searchOffset,
          ({ fields }) => {
            const queue = this.queue(String(fields['topic']), Number(fields['queueId']))
            const at = queue.findIndex((m) => m.storeTimeMs >= Number(fields['timestamp']))
            return { code: 0, fields: { offset: at < 0 ? queue.length : at } }
          },
        ],
      ]
    // Whatever else it is asked only a test can answer.
    const known = new Map(handlers)
    return new Map(
      Object.values(REQUEST).map((code): [number, RequestHandler] => [
        code,
        (request, connection) => {
          this.requests.push(request)
          const answer = this.overrides.get(code)?.(request, connection)
          if (answer !== undefined) return answer
          const handle = known.get(code)
          return handle === undefined ? NOT_SUPPORTED : handle(request, connection)
        },
      ]),
    )
  }

  #send(request: Command): Response {
    const header = decodeSendHeader(request)
    const topic = this.#options.topics[header.topic]
    if (topic === undefined) return { code: RESPONSE.topicNotExist, remark: 'no such topic' }
    const items = header.isBatch
      ? decodeBatch(request.body).map((item) => ({
          ...item,
          properties: item.properties.toString(),
        }))
      : [{ body: request.body, flag: header.flag, properties: header.properties }]
    const offsets = items.map((item) => this.append(header.topic, header.queueId, item))
    const ids = offsets.map((offset) => offsetMessageId(0x0a00_0001, 10_911, offset))
    return {
      code: 0,
      fields: { msgId: ids.join(','), queueId: header.queueId, queueOffset: offsets[0] },
    }
  }

  #pull(request: Command, connection: Connection): Response | undefined {
    const header = decodePullHeader(request.fields)
    const queue = this.queue(header.topic, header.queueId)
    const end = Math.min(queue.length, header.offset + header.messagesMax)
    const answer = { nextOffset: end, minOffset: 0, maxOffset: queue.length }
    if (header.offset > queue.length) {
      return this.#pullAnswer(RESPONSE.pullOffsetMoved, { ...answer, nextOffset: queue.length })
    }
    if (header.offset < queue.length) {
      const body = Buffer.concat(queue.slice(header.offset, end).map(encodeStored))
      return { code: 0, fields: encodePullAnswer(answer), body }
    }
    if ((header.systemFlag & PULL_FLAG.suspend) === 0) {
      return this.#pullAnswer(RESPONSE.pullNotFound, answer)
    }
    const parked = { request, connection, queue: `${header.topic}:${header.queueId}` }
    this.#parked.push(parked)
    this.#options.clock.after(header.suspendMs, () => {
      if (!this.#parked.includes(parked)) return
      this.#parked = this.#parked.filter((other) => other !== parked)
      connection.respond(request, this.#pullAnswer(RESPONSE.pullNotFound, answer))
    })
    return undefined
  }

  #pullAnswer(
    code: number,
    answer: { nextOffset: number; minOffset: number; maxOffset: number },
  ): Response {
    return { code, fields: encodePullAnswer(answer) }
  }

  #releaseParked(queue: string | null): void {
    const due = this.#parked.filter((parked) => parked.queue === queue)
    this.#parked = this.#parked.filter((parked) => parked.queue !== queue)
    for (const { request, connection } of due) {
      const response = this.#pull(request, connection)
      if (response !== undefined) connection.respond(request, response)
    }
  }

  #heartbeat(request: Command): Response {
    const heartbeat = decodeHeartbeat(request.body)
    for (const group of heartbeat.producerGroups) this.producers.add(group)
    for (const { group } of heartbeat.consumers) {
      const members = this.members.get(group) ?? new Set()
      this.members.set(group, members.add(heartbeat.clientId))
    }
    return { code: 0 }
  }

  #unregister({ fields }: Command): Response {
    this.members.get(String(fields['consumerGroup']))?.delete(String(fields['clientID']))
    this.producers.delete(String(fields['producerGroup']))
    return { code: 0 }
  }

  #consumerList({ fields }: Command): Response {
    const members = this.members.get(String(fields['consumerGroup']))
    if (members === undefined || members.size === 0) return { code: 1, remark: 'no consumer' }
    return { code: 0, body: jsonBody({ consumerIdList: [...members] }) }
  }

  #queryOffset({ fields }: Command): Response {
    const offset = this.offsets.get(offsetKey(fields))
    return offset === undefined
      ? { code: RESPONSE.queryNotFound, remark: 'never committed' }
      : { code: 0, fields: { offset } }
  }

  #updateOffset({ fields }: Command): Response {
    this.offsets.set(offsetKey(fields), Number(fields['commitOffset']))
    return { code: 0 }
  }
}

function offsetKey(fields: Command['fields']): string {
  return `${fields['consumerGroup']}@${fields['topic']}:${fields['queueId']}`
}

function encodeStored(message: FakeMessage): Buffer {
  const topic = Buffer.from(message.topic)
  const properties = Buffer.from(message.properties)
  const { body } = message
  const target = Buffer.alloc(messageBytes({ body, topic, properties }))
  writeMessage(
    {
      queueId: message.queueId,
      flag: message.flag,
      queueOffset: message.queueOffset,
      position: message.queueOffset,
      systemFlag: message.systemFlag,
      bornTimeMs: message.storeTimeMs,
      bornHost: 0x7f00_0001,
      bornPort: 1,
      storeTimeMs: message.storeTimeMs,
      storeHost: 0x7f00_0001,
      storePort: 10_911,
      reconsumeTimes: 0,
      preparedPosition: 0,
      body,
      topic,
      properties,
    },
    target,
    0,
  )
  return target
}

/** A stored message's properties, decoded. */
export function propertiesOf(message: FakeMessage): Record<string, string> {
  return { ...decodeProperties(message.properties) }
}
