// Who is connected as what: the members of a consumer group (codes 38 and 203) and of a producer
// group (204), and the groups that read a topic (300).

import { LANGUAGE_OTHER, LANGUAGES } from './codes.ts'
import { type Subscription, subscriptionFromJson, subscriptionToJson } from './heartbeat.ts'
import { isJsonObject, type JsonValue, parseLenientObject } from './lenient-json.ts'
import { entries, integer, jsonBody, objects, text } from './route.ts'

export interface ClientConnection {
  clientId: string
  /** "host:port" as the broker sees it. */
  address: string
  /** Index into LANGUAGES. */
  language: number
  version: number
}

export interface ConsumerConnections {
  connections: ClientConnection[]
  consumeType: string
  messageModel: string
  consumeFromWhere: string
  subscriptions: Subscription[]
}

export function encodeConsumerConnections(view: ConsumerConnections): Buffer {
  const table: Record<string, unknown> = Object.create(null)
  for (const subscription of view.subscriptions) {
    table[subscription.topic] = subscriptionToJson(subscription)
  }
  return jsonBody({
    connectionSet: view.connections.map(connectionToJson),
    consumeFromWhere: view.consumeFromWhere,
    consumeType: view.consumeType,
    messageModel: view.messageModel,
    subscriptionTable: table,
  })
}

export function decodeConsumerConnections(body: Uint8Array): ConsumerConnections {
  const json = parseLenientObject(body)
  return {
    connections: connectionsFromJson(json['connectionSet']),
    consumeType: text(json, 'consumeType', ''),
    messageModel: text(json, 'messageModel', ''),
    consumeFromWhere: text(json, 'consumeFromWhere', ''),
    subscriptions: entries(json['subscriptionTable'])
      .map(([, subscription]) => subscription)
      .filter(isJsonObject)
      .map(subscriptionFromJson),
  }
}

export function encodeProducerConnections(connections: readonly ClientConnection[]): Buffer {
  return jsonBody({ connectionSet: connections.map(connectionToJson) })
}

export function decodeProducerConnections(body: Uint8Array): ClientConnection[] {
  return connectionsFromJson(parseLenientObject(body)['connectionSet'])
}

export function encodeConsumerList(clientIds: readonly string[]): Buffer {
  return jsonBody({ consumerIdList: clientIds })
}

export function decodeConsumerList(body: Uint8Array): string[] {
  const list = parseLenientObject(body)['consumerIdList']
  return Array.isArray(list) ? list.map(String) : []
}

export function encodeGroupList(groups: readonly string[]): Buffer {
  return jsonBody({ groupList: groups })
}

export function decodeGroupList(body: Uint8Array): string[] {
  const list = parseLenientObject(body)['groupList']
  return Array.isArray(list) ? list.map(String) : []
}

function connectionToJson(connection: ClientConnection): Record<string, unknown> {
  return {
    clientAddr: connection.address,
    clientId: connection.clientId,
    language: LANGUAGES[connection.language] ?? 'OTHER',
    version: connection.version,
  }
}

function connectionsFromJson(value: JsonValue | undefined): ClientConnection[] {
  return objects(value).map((json) => {
    const language = LANGUAGES.indexOf(text(json, 'language', '') as (typeof LANGUAGES)[number])
    return {
      clientId: text(json, 'clientId', ''),
      address: text(json, 'clientAddr', ''),
      language: language < 0 ? LANGUAGE_OTHER : language,
      version: integer(json, 'version', 0),
    }
  })
}
