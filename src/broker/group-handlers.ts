// Consumer groups for administrators: settings (200, 201, 207, 352), who reads a topic (300), how far a
// group is (208), and setting it back (222).

import { MqError } from '../core/errors.ts'
import { checkGroupName } from '../core/names.ts'
import { encodeGroupList } from '../remoting/client-connections.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Fields, Response } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { textField } from '../remoting/field-reader.ts'
import {
  encodeGroupConfigs,
  groupConfigFromJson,
  groupConfigToJson,
} from '../remoting/group-config.ts'
import { parseLenientObject } from '../remoting/lenient-json.ts'
import { encodeConsumeStats, type QueueProgress } from '../remoting/offset-tables.ts'
import { jsonBody } from '../remoting/route.ts'
import { queueKey } from '../store/append-log.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { BrokerContext } from './context.ts'
import type { Groups } from './groups.ts'
import type { OffsetResets } from './offset-resets.ts'
import { findTopic, queueIdsOf } from './queue-lookup.ts'
import type { Topic } from './state.ts'

export interface GroupParts {
  context: BrokerContext
  groups: Groups
  consumers: ConsumerGroups<Connection>
  resets: OffsetResets
}

export function groupHandlers(parts: GroupParts): [number, RequestHandler][] {
  const { groups } = parts
  return [
    [REQUEST.updateGroup, (request) => putGroup(parts, request)],
    [
      REQUEST.getAllGroupConfig,
      () => {
        const configs = groups.names().map((name) => groups.config(name))
        return { code: RESPONSE.success, body: encodeGroupConfigs(configs) }
      },
    ],
    [REQUEST.getGroupConfig, ({ fields }) => groupConfig(parts, textField(fields, 'group'))],
    [REQUEST.deleteGroup, ({ fields }) => deleteGroup(parts, textField(fields, 'groupName'))],
    [REQUEST.queryTopicConsumers, ({ fields }) => topicConsumers(parts, fields)],
    [REQUEST.getConsumeStats, ({ fields }) => consumeStats(parts, fields)],
  ]
}

async function putGroup({ groups }: GroupParts, { body }: Command): Promise<Response> {
  await groups.put(groupConfigFromJson(parseLenientObject(body)))
  return SUCCESS
}

function groupConfig({ groups, context }: GroupParts, name: string): Response {
  if (groups.has(name)) {
    return { code: RESPONSE.success, body: jsonBody(groupConfigToJson(groups.config(name))) }
  }
  throw new MqError('GROUP_NOT_FOUND', `broker ${context.config.name} has no group ${name}`)
}

async function deleteGroup({ groups, resets }: GroupParts, name: string): Promise<Response> {
  checkGroupName(name)
  resets.forgetGroup(name)
  await groups.delete(name)
  return SUCCESS
}

/** Groups that subscribe to the topic now, and those that have committed offsets in it. */
function topicConsumers(parts: GroupParts, fields: Fields): Response {
  const { context, groups, consumers } = parts
  const topic = findTopic(context, textField(fields, 'topic'))
  const names = new Set(consumers.subscribersOf(topic.name))
  for (const name of groups.names()) if (hasCommitted(context, name, topic)) names.add(name)
  return { code: RESPONSE.success, body: encodeGroupList([...names].sort()) }
}

function consumeStats(parts: GroupParts, fields: Fields): Response {
  const { context } = parts
  const group = textField(fields, 'consumerGroup')
  const asked = fields['topic'] ?? ''
  const topics = asked === '' ? topicsOfGroup(parts, group) : [findTopic(context, asked)]
  const queues = topics.flatMap((topic) =>
    queueIdsOf(topic).map((queueId) => progressOf(context, { group, topic, queueId })),
  )
  return { code: RESPONSE.success, body: encodeConsumeStats(queues) }
}

function topicsOfGroup({ context, consumers }: GroupParts, group: string): Topic[] {
  const subscriptions = consumers.get(group)?.subscriptions
  const topics = [...context.state.topics.values()]
  return topics.filter(
    (topic) => subscriptions?.has(topic.name) === true || hasCommitted(context, group, topic),
  )
}

function hasCommitted(context: BrokerContext, group: string, topic: Topic): boolean {
  return queueIdsOf(topic).some(
    (queueId) => context.offsets.committed(group, queueKey(topic.id, queueId)) !== null,
  )
}

/** A queue without a committed offset counts as not consumed at all, as Apache's brokers say it. */
function progressOf(
  { config, store, offsets }: BrokerContext,
  options: { group: string; topic: Topic; queueId: number },
): QueueProgress {
  const { group, topic, queueId } = options
  const queue = queueKey(topic.id, queueId)
  const committedOffset = offsets.committed(group, queue) ?? 0
  return {
    brokerName: config.name,
    topic: topic.name,
    queueId,
    brokerOffset: store.maxOffset(queue),
    committedOffset,
    lastStoreTimeMs: store.storeTimeAt(queue, committedOffset - 1) ?? 0,
  }
}
