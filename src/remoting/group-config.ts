// The settings of one consumer group, as administrators read and write them (codes 200, 201, 352).

import { isJsonObject, type JsonObject, parseLenientObject } from './lenient-json.ts'
import { entries, integer, jsonBody, text } from './route.ts'

export interface GroupConfig {
  name: string
  /** False stops all pulls of the group. */
  isConsumeEnabled: boolean
  isBroadcastEnabled: boolean
  isConsumeFromMinEnabled: boolean
  isOrdered: boolean
  /** Whether members are told at once when others come and go. */
  isChangeNotified: boolean
  retryQueueCount: number
  retryCountMax: number
}

export function defaultGroupConfig(name: string): GroupConfig {
  return {
    name,
    isConsumeEnabled: true,
    isBroadcastEnabled: true,
    isConsumeFromMinEnabled: true,
    isOrdered: false,
    isChangeNotified: true,
    retryQueueCount: 1,
    retryCountMax: 16,
  }
}

/** With every field that peers declare, those we have no use for at their defaults. */
export function groupConfigToJson(config: GroupConfig): Record<string, unknown> {
  return {
    attributes: {},
    brokerId: 0,
    consumeBroadcastEnable: config.isBroadcastEnabled,
    consumeEnable: config.isConsumeEnabled,
    consumeFromMinEnable: config.isConsumeFromMinEnabled,
    consumeMessageOrderly: config.isOrdered,
    consumeTimeoutMinute: 15,
    groupName: config.name,
    groupRetryPolicy: { type: 'CUSTOMIZED' },
    groupSysFlag: 0,
    notifyConsumerIdsChangedEnable: config.isChangeNotified,
    retryMaxTimes: config.retryCountMax,
    retryQueueNums: config.retryQueueCount,
    whichBrokerWhenConsumeSlowly: 1,
  }
}

export function groupConfigFromJson(json: JsonObject): GroupConfig {
  const name = text(json, 'groupName')
  const defaults = defaultGroupConfig(name)
  const flag = (key: string, fallback: boolean): boolean => {
    const value = json[key]
    return typeof value === 'boolean' ? value : fallback
  }
  return {
    name,
    isConsumeEnabled: flag('consumeEnable', defaults.isConsumeEnabled),
    isBroadcastEnabled: flag('consumeBroadcastEnable', defaults.isBroadcastEnabled),
    isConsumeFromMinEnabled: flag('consumeFromMinEnable', defaults.isConsumeFromMinEnabled),
    isOrdered: flag('consumeMessageOrderly', defaults.isOrdered),
    isChangeNotified: flag('notifyConsumerIdsChangedEnable', defaults.isChangeNotified),
    retryQueueCount: integer(json, 'retryQueueNums', defaults.retryQueueCount),
    retryCountMax: integer(json, 'retryMaxTimes', defaults.retryCountMax),
  }
}

export function encodeGroupConfigs(configs: readonly GroupConfig[]): Buffer {
  const table: Record<string, unknown> = Object.create(null)
  for (const config of configs) table[config.name] = groupConfigToJson(config)
  return jsonBody({ subscriptionGroupTable: table })
}

export function decodeGroupConfigs(body: Uint8Array): GroupConfig[] {
  return entries(parseLenientObject(body)['subscriptionGroupTable'])
    .map(([, config]) => config)
    .filter(isJsonObject)
    .map(groupConfigFromJson)
}
