// The body of a client's heartbeat: which groups it produces and consumes for, and what it subscribes.

import { type JsonObject, type JsonValue, parseLenientObject } from './lenient-json.ts'
import { jsonBody, objects, text } from './route.ts'

export interface Subscription {
  topic: string
  /** "*" for everything, or tags: "a || b". */
  expression: string
  /** TAG or SQL92. */
  expressionType: string
  tags: string[]
  /** Java hashes of the tags. */
  tagHashes: number[]
  /** Newer wins. Go sends nanoseconds, beyond 2^53. */
  version: bigint
}

export interface ConsumerData {
  group: string
  /** CONSUME_PASSIVELY (push), CONSUME_ACTIVELY (pull) or CONSUME_POP. */
  consumeType: string
  messageModel: string
  /** As on the wire, e.g. CONSUME_FROM_LAST_OFFSET. */
  consumeFromWhere: string
  subscriptions: Subscription[]
}

export interface Heartbeat {
  clientId: string
  producerGroups: string[]
  consumers: ConsumerData[]
}

export function encodeHeartbeat(heartbeat: Heartbeat): Buffer {
  return jsonBody({
    clientID: heartbeat.clientId,
    consumerDataSet: heartbeat.consumers.map((consumer) => ({
      consumeFromWhere: consumer.consumeFromWhere,
      consumeType: consumer.consumeType,
      groupName: consumer.group,
      messageModel: consumer.messageModel,
      subscriptionDataSet: consumer.subscriptions.map(subscriptionToJson),
      unitMode: false,
    })),
    producerDataSet: heartbeat.producerGroups.map((groupName) => ({ groupName })),
  })
}

export function subscriptionToJson(subscription: Subscription): Record<string, unknown> {
  return {
    classFilterMode: false,
    codeSet: subscription.tagHashes,
    expressionType: subscription.expressionType,
    subString: subscription.expression,
    subVersion: Number(subscription.version),
    tagsSet: subscription.tags,
    topic: subscription.topic,
  }
}

export function decodeHeartbeat(body: Uint8Array): Heartbeat {
  const json = parseLenientObject(body)
  return {
    clientId: text(json, 'clientID'),
    producerGroups: objects(json['producerDataSet']).map((producer) => text(producer, 'groupName')),
    consumers: objects(json['consumerDataSet']).map((consumer) => ({
      group: text(consumer, 'groupName'),
      consumeType: text(consumer, 'consumeType', 'CONSUME_PASSIVELY'),
      messageModel: text(consumer, 'messageModel', 'CLUSTERING'),
      // Go writes null for what it does not know.
      consumeFromWhere: String(consumer['consumeFromWhere'] ?? 'CONSUME_FROM_LAST_OFFSET'),
      subscriptions: objects(consumer['subscriptionDataSet']).map(subscriptionFromJson),
    })),
  }
}

export function subscriptionFromJson(json: JsonObject): Subscription {
  return {
    topic: text(json, 'topic'),
    expression: text(json, 'subString', '*'),
    expressionType: String(json['expressionType'] ?? 'TAG') || 'TAG',
    tags: list(json['tagsSet']).map(String),
    // Go sends the hashes as text.
    tagHashes: list(json['codeSet']).map(Number),
    version: integerOf(json['subVersion']),
  }
}

function list(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : []
}

function integerOf(value: JsonValue | undefined): bigint {
  if (typeof value === 'bigint') return value
  const number = Number(value ?? 0)
  return Number.isSafeInteger(number) ? BigInt(number) : 0n
}
