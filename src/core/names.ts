// What may be called what. Checked at every border, also for names that brokers register, because a
// name ends up in logs, tables and other people's clients.

import { MqError } from './errors.ts'
import { GROUP_NAME_LENGTH_MAX, TOPIC_NAME_LENGTH_MAX } from './limits.ts'

const NAME_PATTERN = /^[%|a-zA-Z0-9_-]+$/

export function isTopicName(name: string): boolean {
  return name.length <= TOPIC_NAME_LENGTH_MAX && NAME_PATTERN.test(name)
}

export function isGroupName(name: string): boolean {
  return name.length <= GROUP_NAME_LENGTH_MAX && NAME_PATTERN.test(name)
}

/** Cluster and broker names follow the same rule as topics: both become system topics. */
export const isBrokerName = isTopicName

function shown(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}… (${name.length} characters)` : name
}

export function checkTopicName(name: string): void {
  if (isTopicName(name)) return
  throw new MqError('TOPIC_INVALID', `invalid topic name "${shown(name)}"`, {
    hint: `use 1 to ${TOPIC_NAME_LENGTH_MAX} of the characters A-Z a-z 0-9 _ - % |`,
  })
}

export function checkGroupName(name: string): void {
  if (isGroupName(name)) return
  throw new MqError('GROUP_INVALID', `invalid group name "${shown(name)}"`, {
    hint: `use 1 to ${GROUP_NAME_LENGTH_MAX} of the characters A-Z a-z 0-9 _ - % |`,
  })
}
