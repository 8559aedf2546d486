// What a consumer says of itself (code 307): the queues it holds, what it subscribes to, and how it was
// set up. Java's tools sort it into trees and fail on a property that is missing, so all of them are
// there; our own and Go's answers are read the same way as Java's.

import { type Subscription, subscriptionFromJson, subscriptionToJson } from './heartbeat.ts'
import { isJsonObject, type JsonObject, parseLenientObject } from './lenient-json.ts'
import { type QueueName, queueEntries, queueNameKey } from './message-queue.ts'
import { entries, integer, jsonBody, objects } from './route.ts'

export interface HeldQueue extends QueueName {
  /** Everything below is done; −1 if nothing was committed. */
  commitOffset: number
  /** Messages pulled and not done yet, the range of their offsets, and their size. */
  cachedCount: number
  cachedMinOffset: number
  cachedMaxOffset: number
  cachedBytes: number
  /** The broker's lock is held: only ever in ordered consumption. */
  isLocked: boolean
  /** Wall milliseconds; 0: never. */
  lastLockTimeMs: number
  lastPullTimeMs: number
  lastConsumeTimeMs: number
}

export interface ConsumerRunningInfo {
  nameservers: readonly string[]
  /** CONSUME_PASSIVELY (push) or CONSUME_ACTIVELY (pull). */
  consumeType: string
  isOrdered: boolean
  concurrency: number
  version: string
  startTimeMs: number
  subscriptions: Subscription[]
  queues: HeldQueue[]
}

const BYTES_PER_MIB = 1024 * 1024

export function encodeConsumerRunningInfo(info: ConsumerRunningInfo): Buffer {
  const queues: Record<string, unknown> = Object.create(null)
  for (const queue of info.queues) queues[queueNameKey(queue)] = queueToJson(queue)
  return jsonBody({
    mqPopTable: {},
    mqTable: queues,
    properties: {
      PROP_CLIENT_VERSION: info.version,
      PROP_CONSUMEORDERLY: String(info.isOrdered),
      PROP_CONSUMER_START_TIMESTAMP: String(info.startTimeMs),
      PROP_CONSUME_TYPE: info.consumeType,
      PROP_NAMESERVER_ADDR: info.nameservers.join(';'),
      PROP_THREADPOOL_CORE_SIZE: String(info.concurrency),
    },
    statusTable: {},
    subscriptionSet: info.subscriptions.map(subscriptionToJson),
    userConsumerInfo: {},
  })
}

export function decodeConsumerRunningInfo(body: Uint8Array): ConsumerRunningInfo {
  const json = parseLenientObject(body)
  const properties = new Map(
    entries(json['properties']).map(([name, value]) => [name, String(value)]),
  )
  const property = (name: string): string => properties.get(name) ?? ''
  return {
    nameservers: property('PROP_NAMESERVER_ADDR').split(';').filter(Boolean),
    consumeType: property('PROP_CONSUME_TYPE'),
    isOrdered: property('PROP_CONSUMEORDERLY') === 'true',
    concurrency: Number(property('PROP_THREADPOOL_CORE_SIZE')) || 0,
    version: property('PROP_CLIENT_VERSION'),
    startTimeMs: Number(property('PROP_CONSUMER_START_TIMESTAMP')) || 0,
    subscriptions: objects(json['subscriptionSet']).map(subscriptionFromJson),
    queues: [...queueEntries(json['mqTable']), ...queueEntries(json['mqPopTable'])].map(
      ([name, value]) => queueFromJson(name, isJsonObject(value) ? value : Object.create(null)),
    ),
  }
}

function queueToJson(queue: HeldQueue): Record<string, unknown> {
  return {
    cachedMsgCount: queue.cachedCount,
    cachedMsgMaxOffset: queue.cachedMaxOffset,
    cachedMsgMinOffset: queue.cachedMinOffset,
    cachedMsgSizeInMiB: Math.floor(queue.cachedBytes / BYTES_PER_MIB),
    commitOffset: queue.commitOffset,
    droped: false,
    lastConsumeTimestamp: queue.lastConsumeTimeMs,
    lastLockTimestamp: queue.lastLockTimeMs,
    lastPullTimestamp: queue.lastPullTimeMs,
    locked: queue.isLocked,
    transactionMsgCount: 0,
    transactionMsgMaxOffset: 0,
    transactionMsgMinOffset: 0,
    tryUnlockTimes: 0,
  }
}

function queueFromJson(name: QueueName, json: JsonObject): HeldQueue {
  return {
    ...name,
    commitOffset: integer(json, 'commitOffset', -1),
    cachedCount: integer(json, 'cachedMsgCount', 0),
    cachedMinOffset: integer(json, 'cachedMsgMinOffset', 0),
    cachedMaxOffset: integer(json, 'cachedMsgMaxOffset', 0),
    cachedBytes: integer(json, 'cachedMsgSizeInMiB', 0) * BYTES_PER_MIB,
    isLocked: json['locked'] === true,
    lastLockTimeMs: integer(json, 'lastLockTimestamp', 0),
    lastPullTimeMs: integer(json, 'lastPullTimestamp', 0),
    lastConsumeTimeMs: integer(json, 'lastConsumeTimestamp', 0),
  }
}
