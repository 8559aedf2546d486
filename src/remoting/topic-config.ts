// What a broker says of its topics when it registers, and to administrators.

import { QUEUE_COUNT_MAX, REGISTRATION_COUNT_MAX, TWIN_IDS_MAX } from '../core/limits.ts'
import { isBrokerName } from '../core/names.ts'
import { isJsonObject, type JsonObject, parseLenientObject } from './lenient-json.ts'
import { entries, integer, text } from './route.ts'

export interface TopicConfig {
  name: string
  readQueueCount: number
  writeQueueCount: number
  /** Bits of PERMISSION. */
  permission: number
  systemFlag: number
  isOrdered: boolean
  /** Ours: tells this topic from another one of the same name. Absent for topics of servers. */
  birthId?: string
  /** Ours: where its maker wanted how many queues. Absent once somebody changed it. */
  plan?: PlannedQueues[]
  /**
   * Ours: what the topic was born with elsewhere, where it was made without knowing of this one. All of
   * them are one topic. Absent if there are none.
   */
  twinIds?: string[]
}

export interface PlannedQueues {
  brokerName: string
  queueCount: number
}

const BIRTH_ID_PATTERN = /^[0-9a-zA-Z_-]{1,40}$/

/** Attributes of a topic that RocketMQ's peers keep or pass over; before 5.0 they know none. */
const ATTRIBUTE = { birthId: 'mq.id', plan: 'mq.plan', twinIds: 'mq.twins' } as const

/** A broker counts it up with every change of its topics; nameservers compare it. */
export interface DataVersion {
  stateVersion: number
  timestampMs: number
  counter: number
}

export function topicConfigToJson(topic: TopicConfig): Record<string, unknown> {
  return {
    attributes: {
      ...(topic.birthId === undefined ? {} : { [ATTRIBUTE.birthId]: topic.birthId }),
      ...(topic.plan === undefined ? {} : { [ATTRIBUTE.plan]: planToText(topic.plan) }),
      ...(topic.twinIds === undefined ? {} : { [ATTRIBUTE.twinIds]: topic.twinIds.join(',') }),
    },
    order: topic.isOrdered,
    perm: topic.permission,
    readQueueNums: topic.readQueueCount,
    topicFilterType: 'SINGLE_TAG',
    topicName: topic.name,
    topicSysFlag: topic.systemFlag,
    writeQueueNums: topic.writeQueueCount,
  }
}

/** What is ours and does not parse is as if it were not there. */
export function topicConfigFromJson(json: JsonObject): TopicConfig {
  const { attributes } = json
  const birthId = isJsonObject(attributes) ? attributes[ATTRIBUTE.birthId] : null
  const plan = isJsonObject(attributes) ? attributes[ATTRIBUTE.plan] : null
  const twins = isJsonObject(attributes) ? attributes[ATTRIBUTE.twinIds] : null
  return {
    name: text(json, 'topicName'),
    readQueueCount: integer(json, 'readQueueNums', 16),
    writeQueueCount: integer(json, 'writeQueueNums', 16),
    permission: integer(json, 'perm', 6),
    systemFlag: integer(json, 'topicSysFlag', 0),
    isOrdered: json['order'] === true,
    ...(typeof birthId === 'string' && isBirthId(birthId) ? { birthId } : {}),
    ...(typeof plan === 'string' ? { plan: planFromText(plan) } : {}),
    ...(typeof twins === 'string'
      ? { twinIds: birthIdsFromText(twins).slice(0, TWIN_IDS_MAX) }
      : {}),
  }
}

/** All that a broker has (code 21). */
export function decodeTopicConfigs(body: Uint8Array): TopicConfig[] {
  return entries(parseLenientObject(body)['topicConfigTable']).flatMap(([, topic]) =>
    isJsonObject(topic) ? topicConfigFromJson(topic) : [],
  )
}

export function isBirthId(id: string): boolean {
  return BIRTH_ID_PATTERN.test(id)
}

/** What is none is left out. */
export function birthIdsFromText(list: string): string[] {
  return [...new Set(list.split(',').filter(isBirthId))]
}

/** All that the topic was born with, here and elsewhere. */
export function birthIdsOf({
  birthId,
  twinIds = [],
}: {
  birthId?: string | undefined
  twinIds?: readonly string[] | undefined
}): string[] {
  return birthId === undefined ? [] : [birthId, ...twinIds]
}

/** `broker-a:3,broker-b:2` */
export function planToText(plan: readonly PlannedQueues[]): string {
  return plan.map(({ brokerName, queueCount }) => `${brokerName}:${queueCount}`).join(',')
}

/** What does not parse is left out, and what is more than all brokers there may be. */
export function planFromText(text: string): PlannedQueues[] {
  const parts = text.split(',', REGISTRATION_COUNT_MAX)
  return parts.flatMap((part) => {
    const [brokerName = '', count = ''] = part.split(':')
    const queueCount = Number(count)
    const isValid = isBrokerName(brokerName) && queueCount >= 1 && queueCount <= QUEUE_COUNT_MAX
    return isValid && Number.isInteger(queueCount) ? { brokerName, queueCount } : []
  })
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
