// What one nameserver knows of its brokers (our request 61,000): the table itself with the age of each
// entry, which RocketMQ does not tell. Ages, not times: the reader's clock need not agree.

import { isJsonObject, type JsonObject, parseLenientObject } from './lenient-json.ts'
import { entries, integer, jsonBody, objects, text } from './route.ts'
import { type DataVersion, dataVersionFromJson, dataVersionToJson } from './topic-config.ts'

export interface RegistrationView {
  brokerName: string
  cluster: string
  brokerId: number
  address: string
  lastHeartbeatAgeMs: number
  /** Evicted once the age is above this. */
  expiryMs: number
  dataVersion: DataVersion
  /** Its topics are registered without write permission until it is ordered back. */
  isDraining: boolean
  /** How many topics the nameserver routes to this broker. */
  topicCount: number
}

export interface RegistrationsView {
  /** The address the nameserver listens on, as it knows it. */
  nameserver: string
  /** Null: an older one, that does not tell. */
  version: string | null
  /** Its wall clock, when it answered; null as well. */
  timeMs: number | null
  scans: number
  brokers: RegistrationView[]
  counters: ReadonlyMap<string, number>
}

export function encodeRegistrationsView(view: RegistrationsView): Buffer {
  return jsonBody({
    nameserver: view.nameserver,
    ...(view.version === null ? {} : { version: view.version }),
    ...(view.timeMs === null ? {} : { timeMs: view.timeMs }),
    scans: view.scans,
    brokers: view.brokers.map(({ topicCount, dataVersion, ...broker }) => ({
      ...broker,
      dataVersion: dataVersionToJson(dataVersion),
      topics: topicCount,
    })),
    counters: Object.fromEntries(view.counters),
  })
}

export function decodeRegistrationsView(body: Uint8Array): RegistrationsView {
  const json = parseLenientObject(body)
  const counters = entries(json['counters']).map(([name, value]): [string, number] => [
    name,
    Number(value),
  ])
  return {
    nameserver: text(json, 'nameserver'),
    version: json['version'] === undefined ? null : text(json, 'version'),
    timeMs: json['timeMs'] === undefined ? null : integer(json, 'timeMs'),
    scans: integer(json, 'scans'),
    brokers: objects(json['brokers']).map(brokerFromJson),
    counters: new Map(counters),
  }
}

function brokerFromJson(json: JsonObject): RegistrationView {
  const version = json['dataVersion']
  return {
    brokerName: text(json, 'brokerName'),
    cluster: text(json, 'cluster'),
    brokerId: integer(json, 'brokerId'),
    address: text(json, 'address'),
    lastHeartbeatAgeMs: integer(json, 'lastHeartbeatAgeMs'),
    expiryMs: integer(json, 'expiryMs'),
    dataVersion: dataVersionFromJson(isJsonObject(version) ? version : Object.create(null)),
    isDraining: json['isDraining'] === true,
    topicCount: integer(json, 'topics'),
  }
}
