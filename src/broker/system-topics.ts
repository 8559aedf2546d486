// Topics that a broker makes by itself. Administration tools reach a cluster or a broker through the
// route of the topic named after it (that is how Java's createTopic finds the brokers), and Apache
// nameservers refuse a first registration of exactly one topic, so there are always two at least.

import { AUTO_CREATE_TOPIC, PERMISSION } from '../remoting/codes.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BrokerConfig } from './config.ts'

const CLUSTER_QUEUE_COUNT = 16
const SELF_TEST_TOPIC = 'SELF_TEST_TOPIC'

/** Apache's brokers keep their own records under these names; clients must not write there. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  AUTO_CREATE_TOPIC,
  SELF_TEST_TOPIC,
  'SCHEDULE_TOPIC_XXXX',
  'RMQ_SYS_TRANS_HALF_TOPIC',
  'RMQ_SYS_TRANS_OP_HALF_TOPIC',
  'TRANS_CHECK_MAX_TIME_TOPIC',
  'OFFSET_MOVED_EVENT',
])
const RESERVED_PREFIX = 'rmq_sys_'

export function systemTopics(config: BrokerConfig): TopicConfig[] {
  // With the inherit bit a topic serves as a template for topics that are made by a send.
  const permission =
    PERMISSION.read | PERMISSION.write | (config.autoCreateTopics ? PERMISSION.inherit : 0)
  const topics = new Map<string, TopicConfig>()
  const add = (name: string, queueCount: number): void => {
    topics.set(name, {
      name,
      readQueueCount: queueCount,
      writeQueueCount: queueCount,
      permission,
      systemFlag: 0,
      isOrdered: false,
    })
  }
  add(config.name, 1)
  add(config.cluster, CLUSTER_QUEUE_COUNT)
  if (topics.size < 2) add(SELF_TEST_TOPIC, 1)
  if (config.autoCreateTopics) add(AUTO_CREATE_TOPIC, config.autoCreateQueueCount)
  return [...topics.values()]
}

/** Names that no client may create, delete or, if unknown, bring to life by a send. */
export function isReservedTopic(name: string): boolean {
  return RESERVED_NAMES.has(name) || name.startsWith(RESERVED_PREFIX)
}

export function isSystemTopic(name: string, config: BrokerConfig): boolean {
  return isReservedTopic(name) || name === config.name || name === config.cluster
}
