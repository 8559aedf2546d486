// Sends: 10 and 310 (one message), 320 (a batch of one topic and queue, all or nothing), with answers
// or one-way. An answer leaves only after the message's commit; all answers of one commit leave
// together. This is the hottest path of a broker: no promise, and few objects, per message.
//
// Properties are stored as they came, plus UNIQ_KEY where the client made none. Apache's brokers add
// CLUSTER, MSG_REGION and TRACE_ON to each message as well: some 60 bytes that only request-reply and
// message traces read, neither of which is here.

import { MqError } from '../core/errors.ts'
import { PENDING_APPEND_BYTES_MAX, PROPERTIES_BYTES_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Counter, Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { PERMISSION, REQUEST, RESPONSE, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import type { Command } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import { type RequestHandler, responseForError } from '../remoting/dispatch.ts'
import { decodeBatch } from '../remoting/message-batch.ts'
import {
  appendProperty,
  decodeProperties,
  PROPERTY,
  type Properties,
} from '../remoting/properties.ts'
import {
  type DecodedSendHeader,
  decodeSendHeader,
  type SendHeader,
} from '../remoting/send-header.ts'
import { offsetMessageId, SYSTEM_FLAG } from '../remoting/stored-message.ts'
import type { Assigned, MessageStore } from '../store/message-store.ts'
import type { BrokerConfig } from './config.ts'
import { COUNTER } from './counters.ts'
import { PeerHosts } from './peer-host.ts'
import { SendDraft } from './send-draft.ts'
import type { SendTarget, SendTargets } from './send-targets.ts'
import {
  inheritedProperties,
  joinProperties,
  SentProperties,
  type SpecialKind,
} from './sent-properties.ts'
import { deadLetterTopic, topicForSend } from './topic-templates.ts'
import type { Topics } from './topics.ts'
import { UniqueKeys } from './unique-keys.ts'

/** Our hosts are IPv4 whatever the client's were. */
const HOST_FLAGS = SYSTEM_FLAG.bornHostV6 | SYSTEM_FLAG.storeHostV6
const REGION = 'DefaultRegion'

export interface SendsOptions {
  config: BrokerConfig
  store: MessageStore
  topics: Topics
  targets: SendTargets
  /** IPv4 as a number, and port: what peers connect to. */
  storeAddress: { host: number; port: number }
  metrics: Metrics
  random: Random
  logger: Logger
}

export class Sends {
  readonly #options: SendsOptions
  readonly #store: MessageStore
  readonly #targets: SendTargets
  readonly #hosts = new PeerHosts()
  readonly #uniqueKeys: UniqueKeys
  readonly #scanned = new SentProperties()
  readonly #single: readonly [SendDraft]
  readonly #messagesIn: Counter
  readonly #bytesIn: Counter
  readonly #sends: Counter
  readonly #sendsRefused: Counter
  #isStopped = false

  constructor(options: SendsOptions) {
    this.#options = options
    this.#store = options.store
    this.#targets = options.targets
    this.#single = [new SendDraft(options.storeAddress)]
    this.#uniqueKeys = new UniqueKeys({
      storeHost: options.storeAddress.host,
      random: options.random,
    })
    this.#messagesIn = options.metrics.counter(COUNTER.messagesIn)
    this.#bytesIn = options.metrics.counter(COUNTER.bytesIn)
    this.#sends = options.metrics.counter(COUNTER.sends)
    this.#sendsRefused = options.metrics.counter(COUNTER.sendsRefused)
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
    this.#hosts.forget(connection)
  }

  readonly #send = (request: Command, connection: Connection): void => {
    try {
      this.#sends.add()
      this.#checkOpen()
      this.#accept(decodeSendHeader(request), request, connection)
    } catch (error) {
      this.#refuse(error, request, connection)
    }
  }

  #refuse(error: unknown, request: Command, connection: Connection): void {
    this.#sendsRefused.add()
    connection.respond(request, responseForError(error, this.#options.logger, request))
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

  #accept(header: DecodedSendHeader, request: Command, connection: Connection): void {
    const isRetry = header.topic.startsWith(RETRY_TOPIC_PREFIX)
    const deadLetters = isRetry ? deadLetterTopic(header) : null
    const target = this.#targets.find(deadLetters?.name ?? header.topic)
    if (target === null) {
      const topic = deadLetters ?? topicForSend(header, this.#options)
      this.#options.topics.ensure(topic).then(
        () => this.#send(request, connection),
        (error) => this.#refuse(error, request, connection),
      )
      return
    }
    const queueId = deadLetters === null ? this.#queueId(header, target) : 0
    if (header.isBatch) this.#appendBatch(header, target, queueId, request, connection)
    else this.#appendOne(header, target, queueId, request, connection)
  }

  #queueId(header: SendHeader, target: SendTarget): number {
    const { topic } = target
    const { name } = this.#options.config
    if ((topic.permission & PERMISSION.write) === 0) {
      throw new MqError('NO_PERMISSION', `topic ${topic.name} on broker ${name} is not writable`)
    }
    if (header.queueId < 0) return target.pickQueueId()
    if (header.queueId < target.queueCount) return header.queueId
    throw new MqError(
      'QUEUE_NOT_FOUND',
      `topic ${topic.name} has no queue ${header.queueId} on broker ${name}, only 0 to ${target.queueCount - 1}`,
    )
  }

  #appendOne(
    header: DecodedSendHeader,
    target: SendTarget,
    queueId: number,
    request: Command,
    connection: Connection,
  ): void {
    const [draft] = this.#single
    this.#fill(draft, header, target, queueId, connection)
    draft.record.flag = header.flag
    draft.record.body = request.body
    const uniqueKey = this.#setProperties(draft, header.propertyBytes, header)
    this.#checkSize(request.body.length)
    draft.measure()
    let place: Assigned | undefined
    const places = this.#store.appendMessages(this.#single, (error) => {
      if (error !== null) return this.#refuse(error, request, connection)
      this.#answer(request, connection, {
        msgId: this.#messageId(place as Assigned),
        queueId,
        queueOffset: (place as Assigned).queueOffset,
        transactionId: uniqueKey,
        MSG_REGION: REGION,
        TRACE_ON: 'true',
      })
    })
    place = places[0]
    this.#messagesIn.add()
    this.#bytesIn.add(draft.bytes)
  }

  #appendBatch(
    header: DecodedSendHeader,
    target: SendTarget,
    queueId: number,
    request: Command,
    connection: Connection,
  ): void {
    if (header.topic.startsWith(RETRY_TOPIC_PREFIX)) {
      throw new MqError('MESSAGE_INVALID', 'a batch cannot be sent to a retry topic')
    }
    this.#checkSize(request.body.length)
    const shared = decodeProperties(header.properties)
    const drafts = decodeBatch(request.body).map((item) => {
      const draft = new SendDraft(this.#options.storeAddress)
      this.#fill(draft, header, target, queueId, connection)
      draft.record.flag = item.flag
      draft.record.body = item.body
      this.#setProperties(draft, withInherited(item.properties, shared), header)
      draft.measure()
      return draft
    })
    const places = this.#store.appendMessages(drafts, (error) => {
      if (error !== null) return this.#refuse(error, request, connection)
      this.#answer(request, connection, {
        msgId: places.map((place) => this.#messageId(place)).join(','),
        queueId,
        queueOffset: places[0]?.queueOffset,
        transactionId: shared[PROPERTY.uniqueKey],
        MSG_REGION: REGION,
        TRACE_ON: 'true',
      })
    })
    this.#messagesIn.add(drafts.length)
    for (const draft of drafts) this.#bytesIn.add(draft.bytes)
  }

  #fill(
    draft: SendDraft,
    header: DecodedSendHeader,
    target: SendTarget,
    queueId: number,
    connection: Connection,
  ): void {
    draft.queue = target.firstQueue + queueId
    const { record } = draft
    record.queueId = queueId
    record.systemFlag = header.systemFlag & ~HOST_FLAGS
    record.bornTimeMs = header.bornTimeMs
    record.bornHost = this.#hosts.hostOf(connection)
    record.bornPort = connection.remote.port
    record.reconsumeTimes = header.reconsumeTimes
    record.topic = target.nameBytes
  }

  /** Returns the unique key, the client's or ours. */
  #setProperties(draft: SendDraft, sent: Buffer, header: SendHeader): string {
    const scanned = this.#scanned
    scanned.scan(sent)
    if (scanned.special !== null) this.#checkSpecial(scanned.special, header)
    if ((header.systemFlag & SYSTEM_FLAG.transactionMask) !== 0) {
      this.#checkSpecial('transactional', header)
    }
    const uniqueKey = scanned.uniqueKey ?? this.#uniqueKeys.next()
    const bytes =
      scanned.uniqueKey === null
        ? Buffer.from(appendProperty(sent.toString('utf8'), PROPERTY.uniqueKey, uniqueKey))
        : sent
    if (bytes.length > PROPERTIES_BYTES_MAX) {
      throw new MqError(
        'MESSAGE_TOO_LARGE',
        `the message has ${bytes.length} bytes of properties, at most ${PROPERTIES_BYTES_MAX} fit`,
      )
    }
    draft.record.properties = bytes
    draft.tagsHash = scanned.tagsHash
    return uniqueKey
  }

  /**
   * Delivering a delayed message at once, or half a transaction at all, would be a lie to whoever
   * sent it, so both are refused. But a consumer that could not process a message re-sends it to
   * its retry topic with a delay: losing that would be worse than delivering it early.
   */
  #checkSpecial(kind: SpecialKind, header: SendHeader): void {
    if (kind === 'delayed' && header.topic.startsWith(RETRY_TOPIC_PREFIX)) return
    throw new MqError(
      'NOT_SUPPORTED',
      `broker ${this.#options.config.name} does not take ${kind} messages; send it as an ordinary one`,
    )
  }

  #checkSize(bytes: number): void {
    const { messageBytesMax } = this.#options.config
    if (bytes <= messageBytesMax) return
    throw new MqError(
      'MESSAGE_TOO_LARGE',
      `the message has ${bytes} bytes, this broker takes at most ${messageBytesMax}`,
    )
  }

  #messageId(place: Assigned): string {
    const { host, port } = this.#options.storeAddress
    return offsetMessageId(host, port, place.position)
  }

  #answer(
    request: Command,
    connection: Connection,
    fields: Record<string, string | number | undefined>,
  ): void {
    connection.respond(request, { code: RESPONSE.success, fields })
  }
}

/** A message of a batch has what its batch has, unless it says otherwise itself. */
function withInherited(own: Buffer, shared: Readonly<Properties>): Buffer {
  const text = own.toString('utf8')
  const inherited = inheritedProperties(shared, text)
  return inherited === '' ? own : Buffer.from(joinProperties(text, inherited))
}
