// Topics that a send brings to life: from a template, if the broker is set to do so, and the retry
// and dead-letter topics of consumer groups, always.

import { MqError } from '../core/errors.ts'
import { isTopicName } from '../core/names.ts'
import { DEAD_LETTER_TOPIC_PREFIX, PERMISSION, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import type { SendHeader } from '../remoting/send-header.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BrokerConfig } from './config.ts'
import type { SendTargets } from './send-targets.ts'
import { isReservedTopic } from './system-topics.ts'

/** As Apache: a message is given to its consumers this often more, then it is a dead letter. */
const RECONSUME_TIMES_MAX = 16

/** One queue, for reading and writing: how the topics of a group are made. */
export function groupTopic(name: string): TopicConfig {
  return {
    name,
    readQueueCount: 1,
    writeQueueCount: 1,
    permission: PERMISSION.read | PERMISSION.write,
    systemFlag: 0,
    isOrdered: false,
  }
}

/** Where a message that was sent to a retry topic once too often goes instead; null: not there yet. */
export function deadLetterTopic(header: SendHeader): TopicConfig | null {
  const timesMax = header.reconsumeTimesMax ?? RECONSUME_TIMES_MAX
  if (header.reconsumeTimes <= timesMax) return null
  const group = header.topic.slice(RETRY_TOPIC_PREFIX.length)
  return groupTopic(DEAD_LETTER_TOPIC_PREFIX + group)
}

/** What to make of a send to an unknown topic. Throws if nothing is to be made of it. */
export function topicForSend(
  header: SendHeader,
  broker: { config: BrokerConfig; targets: SendTargets },
): TopicConfig {
  const { topic: name, templateTopic } = header
  const { config, targets } = broker
  if (!isTopicName(name)) {
    throw new MqError('TOPIC_INVALID', `invalid topic name "${name.slice(0, 60)}"`)
  }
  if (isReservedTopic(name)) {
    throw new MqError('NO_PERMISSION', `topic ${name} is reserved for brokers`)
  }
  if (name.startsWith(RETRY_TOPIC_PREFIX)) return groupTopic(name)
  if (!config.autoCreateTopics) {
    throw new MqError(
      'TOPIC_NOT_FOUND',
      `broker ${config.name} has no topic ${name}; make it with: mq topic create ${name} ` +
        '(or let sends make topics: autoCreateTopics = true)',
    )
  }
  const template = targets.find(templateTopic)?.topic
  if (template === undefined || (template.permission & PERMISSION.inherit) === 0) {
    throw new MqError(
      'TOPIC_NOT_FOUND',
      `broker ${config.name} has no topic ${name} and makes none after "${templateTopic.slice(0, 60)}"`,
    )
  }
  const asked = header.templateQueueCount > 0 ? header.templateQueueCount : Infinity
  const queueCount = Math.min(asked, template.writeQueueCount)
  return {
    name,
    readQueueCount: queueCount,
    writeQueueCount: queueCount,
    permission: template.permission & ~PERMISSION.inherit,
    systemFlag: 0,
    isOrdered: false,
  }
}
