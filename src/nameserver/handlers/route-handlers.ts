// What clients and administrators ask about topics and the cluster.

import { MqError } from '../../core/errors.ts'
import { REQUEST, RESPONSE } from '../../remoting/codes.ts'
import type { Response } from '../../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../../remoting/dispatch.ts'
import { textField } from '../../remoting/field-reader.ts'
import {
  decodeRoute,
  encodeClusterInfo,
  encodeTopicList,
  type TopicQueues,
} from '../../remoting/route.ts'
import type { NameserverParts } from './dependencies.ts'

/** Bits of a topic's system flag, for deployments split into units. */
const UNIT_TOPIC = 1
const UNIT_SUBSCRIPTION = 2

export function routeHandlers(parts: NameserverParts): Map<number, RequestHandler> {
  const { table } = parts
  const topicsWhere = (test: (queues: TopicQueues) => boolean): Response => ({
    code: RESPONSE.success,
    body: encodeTopicList(table.topics.names(test)),
  })
  const isUnit = (queues: TopicQueues): boolean => (queues.systemFlag & UNIT_TOPIC) !== 0
  const hasUnitSubscription = (queues: TopicQueues): boolean =>
    (queues.systemFlag & UNIT_SUBSCRIPTION) !== 0
  return new Map<number, RequestHandler>([
    [REQUEST.getRoute, ({ fields }) => route(parts, textField(fields, 'topic'))],
    [REQUEST.getClusterInfo, () => clusterInfo(parts)],
    [REQUEST.getTopicList, () => topicsWhere(() => true)],
    [
      REQUEST.getTopicsByCluster,
      ({ fields }) => ({
        code: RESPONSE.success,
        body: encodeTopicList(table.topicsOfCluster(textField(fields, 'cluster'))),
      }),
    ],
    [REQUEST.getSystemTopicsFromNameserver, () => systemTopics(parts)],
    [REQUEST.getUnitTopics, () => topicsWhere(isUnit)],
    [REQUEST.getUnitSubTopics, () => topicsWhere(hasUnitSubscription)],
    [
      REQUEST.getUnitSubNonUnitTopics,
      () => topicsWhere((queues) => hasUnitSubscription(queues) && !isUnit(queues)),
    ],
    [
      REQUEST.deleteTopicInNameserver,
      ({ fields }) => {
        table.deleteTopic(textField(fields, 'topic'), fields['clusterName'] || null)
        return SUCCESS
      },
    ],
    [
      REQUEST.registerTopicInNameserver,
      ({ fields, body }) => {
        table.addTopic(textField(fields, 'topic'), decodeRoute(body).queues)
        return SUCCESS
      },
    ],
  ])
}

function route(parts: NameserverParts, topic: string): Response {
  const route = parts.routes.get(topic)
  if (route !== null) return { code: RESPONSE.success, body: route.body }
  const { brokers, topics } = parts.table
  throw new MqError(
    'TOPIC_NOT_FOUND',
    `no route for topic "${topic}": none of the ${brokers.count} brokers registered here ` +
      `has it (${topics.topicCount} topics known)`,
  )
}

function clusterInfo(parts: NameserverParts): Response {
  const clusters = parts.table.brokers.clusters()
  const names = [...clusters.values()].flat()
  const brokers = names.map((name) => parts.table.memberGroup(name))
  return { code: RESPONSE.success, body: encodeClusterInfo({ brokers, clusters }) }
}

/** Clusters and brokers have topics of their own name; administrators use them to find brokers. */
function systemTopics(parts: NameserverParts): Response {
  const names: string[] = []
  for (const [cluster, brokerNames] of parts.table.brokers.clusters()) {
    names.push(cluster, ...brokerNames)
  }
  const address = parts.table.brokers.all()[0]?.address
  return { code: RESPONSE.success, body: encodeTopicList([...new Set(names)], address) }
}
