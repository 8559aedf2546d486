// The header of a send. Code 10 has long field names, 310 and 320 single letters for the same fields.

import { REQUEST } from './codes.ts'
import type { Command, Fields } from './command.ts'
import { intField, optionalFlag, optionalInt, textField } from './field-reader.ts'

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
}

export function decodeSendHeader(request: Command): SendHeader {
  const { fields } = request
  const names = request.code === REQUEST.sendMessage ? LONG_NAMES : SHORT_NAMES
  const limit = fields[names.reconsumeTimesMax]
  return {
    producerGroup: textField(fields, names.producerGroup),
    topic: textField(fields, names.topic),
    templateTopic: fields[names.templateTopic] ?? '',
    templateQueueCount: optionalInt(fields, names.templateQueueCount, 4),
    queueId: intField(fields, names.queueId),
    systemFlag: intField(fields, names.systemFlag),
    bornTimeMs: intField(fields, names.bornTimeMs),
    flag: optionalInt(fields, names.flag, 0),
    properties: fields[names.properties] ?? '',
    reconsumeTimes: optionalInt(fields, names.reconsumeTimes, 0),
    reconsumeTimesMax: limit === undefined ? null : intField(fields, names.reconsumeTimesMax),
    isBatch: request.code === REQUEST.sendBatch || optionalFlag(fields, names.isBatch),
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
