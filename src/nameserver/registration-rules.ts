// What a registration must be like to be taken: names end up in logs, tables and other people's
// clients, and counts in their memory. Refusals name the value; a bad topic is left out alone, so that
// one odd name does not make a whole broker invisible.

import { MqError } from '../core/errors.ts'
import { ADDRESS_LENGTH_MAX, QUEUE_COUNT_MAX } from '../core/limits.ts'
import { isBrokerName, isTopicName } from '../core/names.ts'
import { parseAddress } from '../remoting/address.ts'
import { PERMISSION } from '../remoting/codes.ts'
import type { TopicQueues } from '../remoting/route.ts'
import type { DataVersion, TopicConfig } from '../remoting/topic-config.ts'
import type { BuriedTopic } from '../remoting/topic-life.ts'

export interface Registration {
  cluster: string
  brokerName: string
  brokerId: number
  address: string
  haServerAddress: string
  /** Evicted when silent for longer than this. */
  expiryMs: number
  dataVersion: DataVersion
  /** All topics of the broker, or only those that changed. */
  topics: TopicConfig[]
  /** Topics it has deleted; absent for brokers that do not tell. */
  buried?: BuriedTopic[]
  /** It asks producers to stay away; its topics say so too. */
  isDraining: boolean
  /** Null for brokers that do not know acting masters (before 5.0). */
  actsAsMaster: boolean | null
  /** Equal for registrations that say the same, bit by bit; absent where that does not matter. */
  digest?: string
}

/** Throws PROTOCOL naming what is wrong. */
export function checkRegistration(registration: Registration): void {
  const { cluster, brokerName, brokerId, address, haServerAddress } = registration
  if (!isBrokerName(cluster)) throw invalid('cluster name', cluster)
  if (!isBrokerName(brokerName)) throw invalid('broker name', brokerName)
  if (!Number.isSafeInteger(brokerId) || brokerId < 0) throw invalid('broker id', String(brokerId))
  if (parseAddress(address).port === 0) throw invalid('broker address', address)
  if (address.length > ADDRESS_LENGTH_MAX) throw invalid('broker address', address)
  if (haServerAddress.length > ADDRESS_LENGTH_MAX) throw invalid('HA address', haServerAddress)
}

export function isRoutable(topic: string, queues: TopicQueues): boolean {
  return (
    isTopicName(topic) &&
    isQueueCount(queues.readQueueCount) &&
    isQueueCount(queues.writeQueueCount)
  )
}

/** What a route says of one topic of one broker. */
export function topicQueues(
  brokerName: string,
  topic: TopicConfig,
  options: { isReadOnly: boolean },
): TopicQueues {
  return {
    brokerName,
    readQueueCount: topic.readQueueCount,
    writeQueueCount: topic.writeQueueCount,
    permission: options.isReadOnly ? topic.permission & ~PERMISSION.write : topic.permission,
    systemFlag: topic.systemFlag,
  }
}

function isQueueCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0 && count <= QUEUE_COUNT_MAX
}

function invalid(what: string, value: string): MqError {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value
  return new MqError('PROTOCOL', `a broker cannot register with the ${what} "${shown}"`)
}
