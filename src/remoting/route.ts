// Routes and cluster views: which brokers there are, and which queues of a topic each holds.

import { MqError } from '../core/errors.ts'
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseLenientObject,
} from './lenient-json.ts'

export interface BrokerAddresses {
  cluster: string
  brokerName: string
  /** Broker id (0 is the master) → "host:port". */
  addresses: ReadonlyMap<number, string>
}

export interface TopicQueues {
  brokerName: string
  readQueueCount: number
  writeQueueCount: number
  /** Bits of PERMISSION. */
  permission: number
  systemFlag: number
}

export interface TopicRoute {
  brokers: BrokerAddresses[]
  queues: TopicQueues[]
  /** "broker:queues;…" for topics that an administrator ordered globally. */
  orderConfig: string | null
}

export interface ClusterInfo {
  brokers: BrokerAddresses[]
  /** Cluster name → broker names. */
  clusters: ReadonlyMap<string, readonly string[]>
}

/** Compact and strict: Go cuts `brokerAddrs` by hand and trips over white space. */
export function encodeRoute(route: TopicRoute): Buffer {
  return joinRoute({
    brokers: route.brokers.map(brokerText),
    queues: route.queues.map(queuesText),
    orderConfig: route.orderConfig,
  })
}

/** A broker within a route, and its queues. The same in every route that has them. */
export function brokerText(broker: BrokerAddresses): string {
  return JSON.stringify(brokerToJson(broker))
}

export function queuesText(queues: TopicQueues): string {
  return JSON.stringify({
    brokerName: queues.brokerName,
    perm: queues.permission,
    readQueueNums: queues.readQueueCount,
    topicSysFlag: queues.systemFlag,
    writeQueueNums: queues.writeQueueCount,
  })
}

/** A route from the texts of its parts. */
export function joinRoute(parts: {
  brokers: readonly string[]
  queues: readonly string[]
  orderConfig: string | null
}): Buffer {
  const { brokers, queues, orderConfig } = parts
  const order = orderConfig === null ? '' : `"orderTopicConf":${JSON.stringify(orderConfig)},`
  const brokerDatas = `"brokerDatas":[${brokers.join(',')}]`
  const queueDatas = `"queueDatas":[${queues.join(',')}]`
  return Buffer.from(`{${brokerDatas},"filterServerTable":{},${order}${queueDatas}}`)
}

export function decodeRoute(body: Uint8Array): TopicRoute {
  const json = parseLenientObject(body)
  const orderConfig = json['orderTopicConf']
  return {
    brokers: objects(json['brokerDatas']).map(brokerFromJson),
    queues: objects(json['queueDatas']).map((queues) => ({
      brokerName: text(queues, 'brokerName'),
      readQueueCount: integer(queues, 'readQueueNums'),
      writeQueueCount: integer(queues, 'writeQueueNums'),
      permission: integer(queues, 'perm'),
      systemFlag: integer(queues, 'topicSysFlag', 0),
    })),
    orderConfig: typeof orderConfig === 'string' && orderConfig !== '' ? orderConfig : null,
  }
}

export function encodeClusterInfo(info: ClusterInfo): Buffer {
  const brokers: Record<string, unknown> = Object.create(null)
  for (const broker of info.brokers) brokers[broker.brokerName] = brokerToJson(broker)
  return jsonBody({
    brokerAddrTable: brokers,
    clusterAddrTable: Object.fromEntries(info.clusters),
  })
}

export function decodeClusterInfo(body: Uint8Array): ClusterInfo {
  const json = parseLenientObject(body)
  const clusters = new Map<string, string[]>()
  for (const [cluster, names] of entries(json['clusterAddrTable'])) {
    clusters.set(cluster, Array.isArray(names) ? names.map(String) : [])
  }
  return {
    brokers: entries(json['brokerAddrTable']).map(([, broker]) => {
      if (!isJsonObject(broker)) throw new MqError('PROTOCOL', 'a broker entry is not an object')
      return brokerFromJson(broker)
    }),
    clusters,
  }
}

export function encodeTopicList(topics: readonly string[], brokerAddress?: string): Buffer {
  return jsonBody({
    topicList: topics,
    ...(brokerAddress === undefined ? {} : { brokerAddr: brokerAddress }),
  })
}

export function decodeTopicList(body: Uint8Array): string[] {
  const list = parseLenientObject(body)['topicList']
  return Array.isArray(list) ? list.map(String) : []
}

export function jsonBody(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function brokerToJson(broker: BrokerAddresses): Record<string, unknown> {
  return {
    brokerAddrs: Object.fromEntries(broker.addresses),
    brokerName: broker.brokerName,
    cluster: broker.cluster,
    enableActingMaster: false,
  }
}

function brokerFromJson(json: JsonObject): BrokerAddresses {
  const addresses = new Map<number, string>()
  for (const [id, address] of entries(json['brokerAddrs']))
    addresses.set(Number(id), String(address))
  return { cluster: text(json, 'cluster', ''), brokerName: text(json, 'brokerName'), addresses }
}

/** Readers for JSON bodies that name what is missing. */
export function text(json: JsonObject, name: string, fallback?: string): string {
  const value = json[name]
  if (typeof value === 'string') return value
  if (value === undefined && fallback !== undefined) return fallback
  throw new MqError('PROTOCOL', `the body lacks the text "${name}"`)
}

export function integer(json: JsonObject, name: string, fallback?: number): number {
  const value = json[name]
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number
  if (value === undefined && fallback !== undefined) return fallback
  throw new MqError('PROTOCOL', `the body lacks the integer "${name}"`)
}

export function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : []
}

export function entries(value: JsonValue | undefined): [string, JsonValue][] {
  return isJsonObject(value) ? (Object.entries(value) as [string, JsonValue][]) : []
}
