// From the topic and queue id of a request to a queue of this broker.

import { MqError } from '../core/errors.ts'
import type { Fields } from '../remoting/command.ts'
import { intField, textField } from '../remoting/field-reader.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { BrokerContext } from './context.ts'
import type { Topic } from './state.ts'

export function findTopic(context: BrokerContext, name: string): Topic {
  const topic = context.state.topics.get(name)
  if (topic !== undefined) return topic
  throw new MqError('TOPIC_NOT_FOUND', `broker ${context.config.name} has no topic ${name}`)
}

/** Also queues that a topic had before it was shrunk: their messages are still there to be asked for. */
export function queueOf(context: BrokerContext, topic: Topic, queueId: number): QueueKey {
  if (queueId >= 0 && queueId < topic.queueIdEnd) return queueKey(topic.id, queueId)
  throw new MqError(
    'QUEUE_NOT_FOUND',
    `topic ${topic.name} has no queue ${queueId} on broker ${context.config.name}`,
  )
}

export function queueFromFields(context: BrokerContext, fields: Fields): QueueKey {
  const topic = findTopic(context, textField(fields, 'topic'))
  return queueOf(context, topic, intField(fields, 'queueId'))
}

/** The queues of a topic that clients know of. */
export function queueIdsOf(topic: Topic): number[] {
  const count = Math.max(topic.readQueueCount, topic.writeQueueCount)
  return Array.from({ length: count }, (_, queueId) => queueId)
}
