// Sends: 10 and 310 (one message), 320 (a batch of one topic and queue, all or nothing), with answers
// or one-way. An answer leaves only after the message's commit; all answers of one commit leave
// together. This is the hottest path of a broker: no promise, and few objects, per message.

import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { PENDING_APPEND_BYTES_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Counter, Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { PERMISSION, REQUEST, RESPONSE, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import type { Command } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import { type RequestHandler, responseForError } from '../remoting/dispatch.ts'
import { decodeBatch } from '../remoting/message-batch.ts'
import { decodeProperties, PROPERTY, type Properties } from '../remoting/properties.ts'
import { type DecodedSendHeader, decodeSendHeader } from '../remoting/send-header.ts'
import type { TopicChange } from '../remoting/topic-change.ts'
import type { Assigned, MessageStore } from '../store/message-store.ts'
import type { BrokerConfig } from './config.ts'
import { COUNTER } from './counters.ts'
import { DraftWriter } from './draft-writer.ts'
import { MessageIds } from './message-ids.ts'
import { admission } from './queue-change.ts'
import type { QueueChanger } from './queue-changer.ts'
import { SendDraft } from './send-draft.ts'
import type { SendTarget, SendTargets } from './send-targets.ts'
import { inheritedProperties, joinProperties } from './sent-properties.ts'
import { deadLetterTopic, topicForSend } from './topic-templates.ts'
import type { Topics } from './topics.ts'

/** What clients take for "no region": traces carry it. */
const REGION = 'DefaultRegion'

export interface SendsOptions {
  config: BrokerConfig
  store: MessageStore
  topics: Topics
  changer: QueueChanger
  clock: Clock
  targets: SendTargets
  /** IPv4 as a number, and port: what peers connect to. */
  storeAddress: { host: number; port: number }
  metrics: Metrics
  random: Random
  logger: Logger
}

/** A request on its way: to be answered once its messages are durable. */
interface Send {
  readonly header: DecodedSendHeader
  readonly request: Command
  readonly connection: Connection
  readonly target: SendTarget
  readonly queueId: number
}

export class Sends {
  readonly #options: SendsOptions
  readonly #store: MessageStore
  readonly #targets: SendTargets
  readonly #drafts: DraftWriter
  readonly #messageIds: MessageIds
  /** Serves every send of one message: the store has written it before the next one comes. */
  readonly #single: readonly [SendDraft]
  readonly #messagesIn: Counter
  readonly #bytesIn: Counter
  readonly #sends: Counter
  readonly #sendsRefused: Counter
  #isStopped = false

  constructor(options: SendsOptions) {
    const { storeAddress, metrics } = options
    this.#options = options
    this.#store = options.store
    this.#targets = options.targets
    this.#drafts = new DraftWriter({ ...options, storeHost: storeAddress.host })
    this.#messageIds = new MessageIds(storeAddress)
    this.#single = [new SendDraft(storeAddress)]
    this.#messagesIn = metrics.counter(COUNTER.messagesIn)
    this.#bytesIn = metrics.counter(COUNTER.bytesIn)
    this.#sends = metrics.counter(COUNTER.sends)
    this.#sendsRefused = metrics.counter(COUNTER.sendsRefused)
  }

  get handlers(): [number, RequestHandler][] {
    return [
      [REQUEST.sendMessage, this.#send],
      [REQUEST.sendMessageCompact, this.#send],
      [REQUEST.sendBatch, this.#send],
    ]
  }

  /** From now on sends are refused with a code on which clients turn to another broker. */
  stop(): void {
    this.#isStopped = true
  }

  connectionClosed(connection: Connection): void {
    this.#drafts.connectionClosed(connection)
  }

  readonly #send = (request: Command, connection: Connection): void => {
    this.#sends.add()
    this.#accept(request, connection)
  }

  #accept(request: Command, connection: Connection): void {
    try {
      this.#checkOpen()
      const header = decodeSendHeader(request)
      const isRetry = header.topic.startsWith(RETRY_TOPIC_PREFIX)
      const deadLetters = isRetry ? deadLetterTopic(header) : null
      const target = this.#targets.find(deadLetters?.name ?? header.topic)
      if (target === null) {
        const topic = deadLetters ?? topicForSend(header, this.#options)
        this.#options.topics.ensure(topic).then(
          () => this.#accept(request, connection),
          (error) => this.#refuse(error, request, connection),
        )
        return
      }
      const { change } = target.topic
      if (change !== undefined && header.layoutTag !== null) {
        const fence = this.#admit(change, target, header.layoutTag)
        if (fence !== null) {
          fence.then(
            () => this.#accept(request, connection),
            (error) => this.#refuse(this.#outdatedBy(error, target), request, connection),
          )
          return
        }
      }
      const queueId = deadLetters === null ? this.#queueId(header.queueId, target) : 0
      const send = { header, request, connection, target, queueId }
      if (header.isBatch) this.#appendBatch(send)
      else this.#appendOne(send)
    } catch (error) {
      this.#refuse(error, request, connection)
    }
  }

  /**
   * Throws if the producer computed with another list of queues than the one that holds; returns
   * what it has to wait for, if anything (queue-change.ts).
   */
  #admit(change: TopicChange, { topic }: SendTarget, tag: string): Promise<void> | null {
    const { changer, clock, config } = this.#options
    const fencing = changer.fencing(topic.name)
    if (fencing !== null) return fencing
    const verdict = admission(change, tag, clock.wallMs())
    if (verdict === 'accept') return null
    if (verdict === 'fence') return changer.fence(topic.name, change.attempt)
    throw outdated(topic.name, config.name)
  }

  /** The fence that a send waited for may belong to a change that was overruled meanwhile. */
  #outdatedBy(error: unknown, { topic }: SendTarget): unknown {
    const isOverruled = error instanceof MqError && error.code === 'NO_PERMISSION'
    return isOverruled ? outdated(topic.name, this.#options.config.name) : error
  }

  #checkOpen(): void {
    const { name } = this.#options.config
    if (this.#isStopped) throw new MqError('BROKER_READ_ONLY', `broker ${name} is stopping`)
    if (this.#store.pendingBytes <= PENDING_APPEND_BYTES_MAX) return
    throw new MqError(
      'BROKER_BUSY',
      `broker ${name} is busy: ${this.#store.pendingBytes} bytes wait for the disk`,
    )
  }

  #queueId(asked: number, target: SendTarget): number {
    const { topic } = target
    const { name } = this.#options.config
    if ((topic.permission & PERMISSION.write) === 0) {
      throw new MqError('NO_PERMISSION', `topic ${topic.name} on broker ${name} is not writable`)
    }
    if (asked < 0) return target.pickQueueId()
    if (asked < target.queueCount) return asked
    if (asked < topic.readQueueCount) {
      throw new MqError(
        'NO_PERMISSION',
        `queue ${asked} of topic ${topic.name} on broker ${name} is going and takes no messages: ${target.queueCount} queues are left`,
      )
    }
    throw new MqError(
      'QUEUE_NOT_FOUND',
      `topic ${topic.name} on broker ${name} has ${target.queueCount} queues, queue ${asked} is none of them`,
    )
  }

  #appendOne(send: Send): void {
    const { header, request } = send
    const [draft] = this.#single
    this.#drafts.address(draft, header, send)
    const { flag, propertyBytes: properties } = header
    const uniqueKey = this.#drafts.fill(draft, header, { flag, body: request.body, properties })
    const places = this.#store.appendMessages(this.#single, (error) => {
      if (error !== null) this.#refuse(error, request, send.connection)
      else this.#answer(send, this.#messageIds.idOf(place.position), place, uniqueKey)
    })
    const place = places[0] as Assigned
    this.#messagesIn.add()
    this.#bytesIn.add(draft.bytes)
  }

  #appendBatch(send: Send): void {
    const { header, request } = send
    if (header.topic.startsWith(RETRY_TOPIC_PREFIX)) {
      throw new MqError('MESSAGE_INVALID', 'a batch cannot be sent to a retry topic')
    }
    this.#drafts.checkSize(request.body)
    const shared = decodeProperties(header.properties)
    const drafts = decodeBatch(request.body).map(({ flag, body, properties }) => {
      const draft = new SendDraft(this.#options.storeAddress)
      this.#drafts.address(draft, header, send)
      this.#drafts.fill(draft, header, { flag, body, properties: inherit(properties, shared) })
      return draft
    })
    const places = this.#store.appendMessages(drafts, (error) => {
      if (error !== null) return this.#refuse(error, request, send.connection)
      const ids = places.map(({ position }) => this.#messageIds.idOf(position))
      this.#answer(send, ids.join(','), places[0] as Assigned, shared[PROPERTY.uniqueKey])
    })
    this.#messagesIn.add(drafts.length)
    for (const draft of drafts) this.#bytesIn.add(draft.bytes)
  }

  #answer(send: Send, msgId: string, place: Assigned, transactionId: string | undefined): void {
    send.connection.respond(send.request, {
      code: RESPONSE.success,
      fields: {
        msgId,
        queueId: send.queueId,
        queueOffset: place.queueOffset,
        transactionId,
        MSG_REGION: REGION,
        TRACE_ON: 'true',
      },
    })
  }

  #refuse(error: unknown, request: Command, connection: Connection): void {
    this.#sendsRefused.add()
    connection.respond(request, responseForError(error, this.#options.logger, request))
  }
}

/** A message of a batch has what its batch has, unless it says otherwise itself. */
function inherit(own: Buffer, shared: Readonly<Properties>): Buffer {
  const text = own.toString('utf8')
  const inherited = inheritedProperties(shared, text)
  return inherited === '' ? own : Buffer.from(joinProperties(text, inherited))
}

function outdated(topic: string, brokerName: string): MqError {
  return new MqError(
    'QUEUES_CHANGED',
    `the queues of topic ${topic} have changed, broker ${brokerName} goes by others`,
  )
}
