// Figures for administrators: a topic's queues (202), the broker at large (28), and which topics are the
// broker's own (305).

import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Fields, Response } from '../remoting/command.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { textField } from '../remoting/field-reader.ts'
import { encodeKvTable } from '../remoting/kv-table.ts'
import { encodeTopicStats } from '../remoting/offset-tables.ts'
import { encodeTopicList } from '../remoting/route.ts'
import { queueKey } from '../store/append-log.ts'
import type { BrokerContext } from './context.ts'
import { findTopic, queueIdsOf } from './queue-lookup.ts'
import type { RuntimeInfo } from './runtime-info.ts'
import { systemTopics } from './system-topics.ts'

export interface StatsParts {
  context: BrokerContext
  runtimeInfo: RuntimeInfo
}

export function statsHandlers({ context, runtimeInfo }: StatsParts): [number, RequestHandler][] {
  return [
    [REQUEST.getTopicStats, ({ fields }) => topicStats(context, fields)],
    [
      REQUEST.getBrokerRuntimeInfo,
      () => ({ code: RESPONSE.success, body: encodeKvTable(runtimeInfo.table()) }),
    ],
    [
      REQUEST.getSystemTopicsFromBroker,
      () => {
        const names = systemTopics(context.config).map((topic) => topic.name)
        return { code: RESPONSE.success, body: encodeTopicList(names) }
      },
    ],
  ]
}

function topicStats(context: BrokerContext, fields: Fields): Response {
  const { config, store } = context
  const topic = findTopic(context, textField(fields, 'topic'))
  const queues = queueIdsOf(topic).map((queueId) => {
    const queue = queueKey(topic.id, queueId)
    const maxOffset = store.maxOffset(queue)
    return {
      brokerName: config.name,
      topic: topic.name,
      queueId,
      minOffset: store.minOffset(queue),
      maxOffset,
      lastStoreTimeMs: store.storeTimeAt(queue, maxOffset - 1) ?? 0,
    }
  })
  return { code: RESPONSE.success, body: encodeTopicStats(queues) }
}
