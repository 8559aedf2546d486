// The header of a send. Code 10 has long field names, 310 and 320 single letters for the same fields.

import { REQUEST } from './codes.ts'
import type { Command, Fields } from './command.ts'
import { readCompactSendHeader } from './compact-send-header.ts'
import {
  int32Field,
  intField,
  optionalFlag,
  optionalInt32,
  textField,
  timeField,
} from './field-reader.ts'

export interface SendHeader {
  producerGroup: string
  topic: string
  /** The template an unknown topic is made from, if the broker makes topics by itself. */
  templateTopic: string
  templateQueueCount: number
  /** Negative: the broker picks one. */
  queueId: number
  systemFlag: number
  bornTimeMs: number
  flag: number
  /** The encoded property block, see properties.ts. */
  properties: string
  reconsumeTimes: number
  /** Absent when the client leaves the limit to the broker. */
  reconsumeTimesMax: number | null
  isBatch: boolean
  /** Ours: the tag of the queue list a keyed producer computed with. Null: it does not say. */
  layoutTag: string | null
}

/** As decoded: the property block also as the bytes it came in, which need no encoding again. */
export interface DecodedSendHeader extends SendHeader {
  readonly propertyBytes: Buffer
}

const LONG_NAMES = {
  producerGroup: 'producerGroup',
  topic: 'topic',
  templateTopic: 'defaultTopic',
  templateQueueCount: 'defaultTopicQueueNums',
  queueId: 'queueId',
  systemFlag: 'sysFlag',
  bornTimeMs: 'bornTimestamp',
  flag: 'flag',
  properties: 'properties',
  reconsumeTimes: 'reconsumeTimes',
  reconsumeTimesMax: 'maxReconsumeTimes',
  isBatch: 'batch',
  layoutTag: 'mqLayout',
} as const

const SHORT_NAMES: Record<keyof typeof LONG_NAMES, string> = {
  producerGroup: 'a',
  topic: 'b',
  templateTopic: 'c',
  templateQueueCount: 'd',
  queueId: 'e',
  systemFlag: 'f',
  bornTimeMs: 'g',
  flag: 'h',
  properties: 'i',
  reconsumeTimes: 'j',
  reconsumeTimesMax: 'l',
  isBatch: 'm',
  // RocketMQ's letters end at n.
  layoutTag: 'z',
}

export function decodeSendHeader(request: Command): DecodedSendHeader {
  const isLong = request.code === REQUEST.sendMessage
  const compact = isLong ? null : request.readFields?.(readCompactSendHeader)
  if (compact === null || compact === undefined) return decodeSendFields(request)
  if (request.code === REQUEST.sendBatch) compact.isBatch = true
  return compact
}

/** The general form: any names, any header encoding. */
export function decodeSendFields(request: Command): DecodedSendHeader {
  const { fields } = request
  const names = request.code === REQUEST.sendMessage ? LONG_NAMES : SHORT_NAMES
  const limit = fields[names.reconsumeTimesMax]
  const properties = fields[names.properties] ?? ''
  return {
    producerGroup: textField(fields, names.producerGroup),
    topic: textField(fields, names.topic),
    templateTopic: fields[names.templateTopic] ?? '',
    templateQueueCount: optionalInt32(fields, names.templateQueueCount, 4),
    queueId: int32Field(fields, names.queueId),
    systemFlag: int32Field(fields, names.systemFlag),
    bornTimeMs: timeField(fields, names.bornTimeMs),
    flag: optionalInt32(fields, names.flag, 0),
    properties,
    propertyBytes: Buffer.from(properties),
    reconsumeTimes: optionalInt32(fields, names.reconsumeTimes, 0),
    reconsumeTimesMax: limit === undefined ? null : int32Field(fields, names.reconsumeTimesMax),
    isBatch: request.code === REQUEST.sendBatch || optionalFlag(fields, names.isBatch),
    layoutTag: fields[names.layoutTag] ?? null,
  }
}

/** Always the short form: every broker since 3.x reads it. */
export function encodeSendHeader(header: SendHeader): Record<string, string | number | boolean> {
  const fields: Record<string, string | number | boolean> = {}
  for (const key of Object.keys(SHORT_NAMES) as (keyof SendHeader)[]) {
    const value = header[key]
    if (value !== null) fields[SHORT_NAMES[key]] = value
  }
  return fields
}

export interface SendResult {
  offsetMessageId: string
  queueId: number
  queueOffset: number
  /** The client-made unique id the broker repeats, or null from a broker that does not. */
  transactionId: string | null
}

export function decodeSendResult(fields: Fields): SendResult {
  return {
    offsetMessageId: textField(fields, 'msgId'),
    queueId: intField(fields, 'queueId'),
    queueOffset: intField(fields, 'queueOffset'),
    transactionId: fields['transactionId'] ?? null,
  }
}
