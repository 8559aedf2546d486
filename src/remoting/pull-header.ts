// The header of a pull (codes 11 and 361) and of its answer.

import type { Fields, RequestOptions } from './command.ts'
import { bigintField, intField, optionalInt, textField } from './field-reader.ts'

export const PULL_FLAG = { commitOffset: 1, suspend: 2, subscription: 4, classFilter: 8 } as const

export interface PullHeader {
  group: string
  topic: string
  queueId: number
  offset: number
  messagesMax: number
  /** Bits of PULL_FLAG. */
  systemFlag: number
  commitOffset: number
  /** How long the broker may hold the pull if PULL_FLAG.suspend is set. */
  suspendMs: number
  /** Only meaningful with PULL_FLAG.subscription; else the heartbeat's subscription counts. */
  subscription: string
  subscriptionVersion: bigint
  expressionType: string
  bytesMax: number | null
}

export function decodePullHeader(fields: Fields): PullHeader {
  return {
    group: textField(fields, 'consumerGroup'),
    topic: textField(fields, 'topic'),
    queueId: intField(fields, 'queueId'),
    offset: intField(fields, 'queueOffset'),
    messagesMax: intField(fields, 'maxMsgNums'),
    systemFlag: intField(fields, 'sysFlag'),
    commitOffset: intField(fields, 'commitOffset'),
    suspendMs: intField(fields, 'suspendTimeoutMillis'),
    subscription: fields['subscription'] ?? '',
    subscriptionVersion: bigintField(fields, 'subVersion', 0n),
    expressionType: fields['expressionType'] ?? 'TAG',
    bytesMax: fields['maxMsgBytes'] === undefined ? null : intField(fields, 'maxMsgBytes'),
  }
}

export function encodePullHeader(header: PullHeader): NonNullable<RequestOptions['fields']> {
  return {
    consumerGroup: header.group,
    topic: header.topic,
    queueId: header.queueId,
    queueOffset: header.offset,
    maxMsgNums: header.messagesMax,
    sysFlag: header.systemFlag,
    commitOffset: header.commitOffset,
    suspendTimeoutMillis: header.suspendMs,
    subscription: header.subscription,
    subVersion: String(header.subscriptionVersion),
    expressionType: header.expressionType,
    ...(header.bytesMax === null ? {} : { maxMsgBytes: header.bytesMax }),
  }
}

export interface PullAnswer {
  nextOffset: number
  minOffset: number
  maxOffset: number
}

/** All four fields always: Java unboxes each without looking. */
export function encodePullAnswer(answer: PullAnswer): Record<string, string | number> {
  return {
    suggestWhichBrokerId: 0,
    nextBeginOffset: answer.nextOffset,
    minOffset: answer.minOffset,
    maxOffset: answer.maxOffset,
  }
}

export function decodePullAnswer(fields: Fields): PullAnswer {
  return {
    nextOffset: intField(fields, 'nextBeginOffset'),
    minOffset: optionalInt(fields, 'minOffset', 0),
    maxOffset: optionalInt(fields, 'maxOffset', 0),
  }
}
