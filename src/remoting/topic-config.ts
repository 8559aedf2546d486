// What a broker says of its topics when it registers, and to administrators.

import type { JsonObject } from './lenient-json.ts'
import { integer, text } from './route.ts'

export interface TopicConfig {
  name: string
  readQueueCount: number
  writeQueueCount: number
  /** Bits of PERMISSION. */
  permission: number
  systemFlag: number
  isOrdered: boolean
}

/** A broker counts it up with every change of its topics; nameservers compare it. */
export interface DataVersion {
  stateVersion: number
  timestampMs: number
  counter: number
}

export function topicConfigToJson(topic: TopicConfig): Record<string, unknown> {
  return {
    attributes: {},
    order: topic.isOrdered,
    perm: topic.permission,
    readQueueNums: topic.readQueueCount,
    topicFilterType: 'SINGLE_TAG',
    topicName: topic.name,
    topicSysFlag: topic.systemFlag,
    writeQueueNums: topic.writeQueueCount,
  }
}

export function topicConfigFromJson(json: JsonObject): TopicConfig {
  return {
    name: text(json, 'topicName'),
    readQueueCount: integer(json, 'readQueueNums', 16),
    writeQueueCount: integer(json, 'writeQueueNums', 16),
    permission: integer(json, 'perm', 6),
    systemFlag: integer(json, 'topicSysFlag', 0),
    isOrdered: json['order'] === true,
  }
}

export function dataVersionToJson(version: DataVersion): Record<string, unknown> {
  return {
    counter: version.counter,
    stateVersion: version.stateVersion,
    timestamp: version.timestampMs,
  }
}

export function dataVersionFromJson(json: JsonObject): DataVersion {
  return {
    stateVersion: integer(json, 'stateVersion', 0),
    timestampMs: integer(json, 'timestamp', 0),
    counter: integer(json, 'counter', 0),
  }
}

export function isSameVersion(a: DataVersion, b: DataVersion): boolean {
  return (
    a.counter === b.counter && a.timestampMs === b.timestampMs && a.stateVersion === b.stateVersion
  )
}
