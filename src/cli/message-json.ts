// One message as a line of JSON, and back. `mq consume --json | mq produce --json` loses nothing: a
// body that is valid UTF-8 travels as text, any other as base64; both come back byte for byte.

import type { OutgoingMessage, ReceivedMessage } from '../client/message.ts'
import { MqError } from '../core/errors.ts'
import { PROPERTY, type Properties, TRANSPORT_PROPERTIES } from '../remoting/properties.ts'

export interface MessageJson {
  topic: string
  brokerName: string
  queueId: number
  queueOffset: number
  messageId: string
  key: string | null
  tag: string | null
  /** What the sender attached, without what clients and servers add for themselves. */
  properties: Properties
  flag: number
  bornTimeMs: number
  bornHost: string
  storeTimeMs: number
  storeHost: string
  reconsumeTimes: number
  /** One of the two. */
  body?: string
  bodyBase64?: string
}

// A byte-order mark is part of the body, and a wrong byte makes it not text.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function bodyText(body: Uint8Array): string | null {
  try {
    return strictUtf8.decode(body)
  } catch {
    return null
  }
}

export function messageToJson(message: ReceivedMessage): MessageJson {
  const text = bodyText(message.body)
  return {
    topic: message.topic,
    brokerName: message.brokerName,
    queueId: message.queueId,
    queueOffset: message.queueOffset,
    messageId: message.messageId,
    key: message.properties[PROPERTY.keys] ?? null,
    tag: message.properties[PROPERTY.tags] ?? null,
    properties: ownProperties(message.properties),
    flag: message.flag,
    bornTimeMs: message.bornTimeMs,
    bornHost: message.bornHost,
    storeTimeMs: message.storeTimeMs,
    storeHost: message.storeHost,
    reconsumeTimes: message.reconsumeTimes,
    ...(text === null ? { bodyBase64: message.body.toString('base64') } : { body: text }),
  }
}

export function ownProperties(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).filter(([name]) => !TRANSPORT_PROPERTIES.has(name)),
  )
}

/** Reads one line. Only the body is needed; what describes where a message was is ignored. */
export function messageFromJson(line: Uint8Array, topic: string): OutgoingMessage {
  const json = parseObject(line)
  const key = optionalText(json, 'key')
  const tag = optionalText(json, 'tag')
  const flag = json['flag']
  if (flag !== undefined && !(Number.isInteger(flag) && Math.abs(Number(flag)) < 2 ** 31)) {
    throw invalid('flag is not a 32-bit integer')
  }
  return {
    topic,
    body: readBody(json),
    properties: readProperties(json['properties']),
    ...(key === null ? {} : { key }),
    ...(tag === null ? {} : { tag }),
    ...(flag === undefined ? {} : { flag: Number(flag) }),
  }
}

function parseObject(line: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(strictUtf8.decode(line))
  } catch (cause) {
    throw invalid('it is not JSON', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('it is not a JSON object')
  }
  return value as Record<string, unknown>
}

function readBody(json: Record<string, unknown>): Uint8Array {
  const { body, bodyBase64 } = json
  if ((body === undefined) === (bodyBase64 === undefined)) {
    throw invalid('it needs either "body" or "bodyBase64"')
  }
  if (typeof body === 'string') return Buffer.from(body, 'utf8')
  if (typeof bodyBase64 === 'string') {
    const bytes = Buffer.from(bodyBase64, 'base64')
    if (bytes.toString('base64') === bodyBase64) return bytes
    throw invalid('bodyBase64 is not base64')
  }
  throw invalid('the body is not text')
}

function readProperties(value: unknown): Properties {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid('properties is not an object')
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(`the property "${name}" is not text`)
  }
  return value as Properties
}

function optionalText(json: Record<string, unknown>, name: string): string | null {
  const value = json[name]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw invalid(`${name} is not text`)
  return value
}

function invalid(message: string, cause?: unknown): MqError {
  return new MqError('USAGE', message, {
    hint: 'a line looks like {"key":"k1","body":"hello"}; see: mq produce --help',
    cause,
  })
}
