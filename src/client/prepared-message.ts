// A message checked and encoded, ready to travel. What is wrong with it is said here, before anything
// is sent.

import { MqError } from '../core/errors.ts'
import { HEADER_BYTES_MAX, MESSAGE_BYTES_MAX, PROPERTIES_BYTES_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import type { Random } from '../core/random.ts'
import { RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import type { BatchItem } from '../remoting/message-batch.ts'
import { encodeProperties, PROPERTY } from '../remoting/properties.ts'
import type { OutgoingMessage } from './message.ts'

export interface PreparedMessage extends BatchItem {
  messageId: string
  key: string | null
  /** Servers take delayed and retried messages one by one only. */
  isBatchable: boolean
}

/** Topic, group and the other fields of a send, generously. */
const OTHER_HEADER_BYTES_MAX = 4 * 1024

/** Set from fields of the message, never from its properties. */
const OWN_PROPERTIES: Readonly<Record<string, string>> = {
  [PROPERTY.keys]: 'set `key` instead',
  [PROPERTY.tags]: 'set `tag` instead',
  [PROPERTY.uniqueKey]: 'every message gets an id of its own',
}

export function prepareMessage(message: OutgoingMessage, messageId: string): PreparedMessage {
  checkTopicName(message.topic)
  const { body, flag = 0 } = message
  if (body.length > MESSAGE_BYTES_MAX) {
    throw new MqError(
      'MESSAGE_TOO_LARGE',
      `a message of ${body.length} bytes is over the limit of ${MESSAGE_BYTES_MAX}`,
      { hint: 'send a reference to the data, or cut it into several messages' },
    )
  }
  if (!Number.isInteger(flag) || Math.abs(flag) > 0x7fff_ffff) {
    throw new MqError('MESSAGE_INVALID', `the flag must be a 32-bit integer, got ${flag}`)
  }
  const properties = Buffer.from(encodeProperties(allProperties(message, messageId)), 'utf8')
  if (properties.length > PROPERTIES_BYTES_MAX || !fitsHeader(properties)) {
    throw new MqError(
      'MESSAGE_INVALID',
      `key, tag and properties take ${properties.length} bytes, at most ${PROPERTIES_BYTES_MAX} are possible`,
      { hint: 'move some of it into the body' },
    )
  }
  return {
    messageId,
    key: message.key || null,
    flag,
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    properties,
    isBatchable: isBatchable(message),
  }
}

/** Sent alone, the properties travel as JSON text in the header, where quotes take two bytes. */
function fitsHeader(properties: Buffer): boolean {
  if (properties.length < HEADER_BYTES_MAX / 8) return true
  const inHeader = Buffer.byteLength(JSON.stringify(properties.toString()))
  return inHeader + OTHER_HEADER_BYTES_MAX <= HEADER_BYTES_MAX
}

function allProperties(message: OutgoingMessage, messageId: string): Record<string, string> {
  const all: Record<string, string> = { [PROPERTY.uniqueKey]: messageId }
  if (message.key) all[PROPERTY.keys] = message.key
  if (message.tag) all[PROPERTY.tags] = message.tag
  for (const [name, value] of Object.entries(message.properties ?? {})) {
    const instead = OWN_PROPERTIES[name]
    if (instead !== undefined) {
      throw new MqError('MESSAGE_INVALID', `the property "${name}" is reserved`, { hint: instead })
    }
    if (name === '' || value === '') {
      throw new MqError(
        'MESSAGE_INVALID',
        `the property "${name}" has no ${name ? 'value' : 'name'}`,
        {
          hint: 'the protocol cannot carry an empty one; leave it out',
        },
      )
    }
    all[name] = value
  }
  return all
}

function isBatchable(message: OutgoingMessage): boolean {
  if (message.topic.startsWith(RETRY_TOPIC_PREFIX)) return false
  for (const name in message.properties) {
    if (name === PROPERTY.delayLevel || name.startsWith('TIMER_')) return false
    if (name === PROPERTY.transactionPrepared) return false
  }
  return true
}

/** Ids of 32 hex digits, as every RocketMQ client makes: 20 random ones, then a count. */
export class MessageIds {
  readonly #prefix: string
  #count = 0

  constructor(random: Random) {
    this.#prefix = random.hex(10).toUpperCase()
  }

  next(): string {
    return this.#prefix + (this.#count++).toString(16).toUpperCase().padStart(12, '0')
  }
}
