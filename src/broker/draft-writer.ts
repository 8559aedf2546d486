// From what a client sent to what will be stored. Whatever a message may not be is refused here,
// before it gets a place in the log.
//
// Properties are stored as they came, plus UNIQ_KEY where the client made none. Apache's brokers add
// CLUSTER, MSG_REGION and TRACE_ON to each message as well: some 60 bytes that only request-reply and
// message traces read, neither of which is here.

import { MqError } from '../core/errors.ts'
import { PROPERTIES_BYTES_MAX } from '../core/limits.ts'
import type { Random } from '../core/random.ts'
import { RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import { appendProperty, PROPERTY } from '../remoting/properties.ts'
import type { SendHeader } from '../remoting/send-header.ts'
import { SYSTEM_FLAG } from '../remoting/stored-message.ts'
import type { BrokerConfig } from './config.ts'
import { PeerHosts } from './peer-host.ts'
import type { SendDraft } from './send-draft.ts'
import type { SendTarget } from './send-targets.ts'
import { SentProperties, type SpecialKind } from './sent-properties.ts'
import { UniqueKeys } from './unique-keys.ts'

/** Our hosts are IPv4 whatever the client's were. */
const HOST_FLAGS = SYSTEM_FLAG.bornHostV6 | SYSTEM_FLAG.storeHostV6

/** What a message does not share with the others of its request. */
export interface MessageParts {
  readonly flag: number
  readonly body: Buffer
  /** The encoded property block. */
  readonly properties: Buffer
}

export class DraftWriter {
  readonly #config: BrokerConfig
  readonly #hosts = new PeerHosts()
  readonly #uniqueKeys: UniqueKeys
  readonly #scanned = new SentProperties()

  constructor(options: { config: BrokerConfig; storeHost: number; random: Random }) {
    this.#config = options.config
    this.#uniqueKeys = new UniqueKeys(options)
  }

  connectionClosed(connection: Connection): void {
    this.#hosts.forget(connection)
  }

  /** What all messages of a request have in common. */
  address(
    draft: SendDraft,
    header: SendHeader,
    place: { target: SendTarget; queueId: number; connection: Connection },
  ): void {
    const { target, queueId, connection } = place
    const { record } = draft
    draft.queue = target.firstQueue + queueId
    record.queueId = queueId
    record.systemFlag = header.systemFlag & ~HOST_FLAGS
    record.bornTimeMs = header.bornTimeMs
    record.bornHost = this.#hosts.hostOf(connection)
    record.bornPort = connection.remote.port
    record.reconsumeTimes = header.reconsumeTimes
    record.topic = target.nameBytes
  }

  /** Returns the message's unique key, the client's or ours. Throws for what cannot be stored. */
  fill(draft: SendDraft, header: SendHeader, parts: MessageParts): string {
    const scanned = this.#scanned
    scanned.scan(parts.properties)
    if (scanned.special !== null) this.#checkSpecial(scanned.special, header)
    if ((header.systemFlag & SYSTEM_FLAG.transactionMask) !== 0) {
      this.#checkSpecial('transactional', header)
    }
    let { properties } = parts
    let { uniqueKey } = scanned
    if (uniqueKey === null) {
      uniqueKey = this.#uniqueKeys.next()
      const text = properties.toString('utf8')
      properties = Buffer.from(appendProperty(text, PROPERTY.uniqueKey, uniqueKey))
    }
    this.checkSize(parts.body)
    checkPropertiesSize(properties)
    draft.record.flag = parts.flag
    draft.record.body = parts.body
    draft.record.properties = properties
    draft.tagsHash = scanned.tagsHash
    draft.measure()
    return uniqueKey
  }

  /** Of one message, or of a whole batch: clients hold both to the same limit. */
  checkSize(body: Buffer): void {
    const { messageBytesMax, name } = this.#config
    if (body.length <= messageBytesMax) return
    throw new MqError(
      'MESSAGE_TOO_LARGE',
      `the message has ${body.length} bytes, broker ${name} takes at most ${messageBytesMax}`,
    )
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
      `broker ${this.#config.name} does not take ${kind} messages; send it as an ordinary one`,
    )
  }
}

function checkPropertiesSize(properties: Buffer): void {
  if (properties.length <= PROPERTIES_BYTES_MAX) return
  throw new MqError(
    'MESSAGE_TOO_LARGE',
    `the message has ${properties.length} bytes of properties, at most ${PROPERTIES_BYTES_MAX} fit`,
  )
}
