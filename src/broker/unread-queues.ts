// What the consumer groups of a broker have not read yet: for each group that has committed offsets
// in a topic, every queue of that topic that it has not read to the end. A group that commits nothing
// here (broadcasting ones keep their offsets themselves) does not appear, nor does a topic without
// any group: nobody could say what "read" means for them.

import type { UnreadQueue } from '../remoting/drain-view.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { BrokerContext } from './context.ts'
import type { Topic } from './state.ts'

/** Enough for a person; the counts tell of all. */
const LISTED_COUNT_MAX = 100

export interface Unread {
  unreadQueueCount: number
  unreadMessageCount: number
  unread: UnreadQueue[]
}

export function unreadQueues({ state, offsets, store }: BrokerContext): Unread {
  const result: Unread = { unreadQueueCount: 0, unreadMessageCount: 0, unread: [] }
  for (const group of [...state.groups.keys()].sort()) {
    const committed = offsets.offsetsOf(group)
    for (const topic of topicsOf(committed, (id) => state.topicById(id))) {
      for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) {
        const queue = queueKey(topic.id, queueId)
        // What retention dropped nobody can read any more.
        const position = Math.max(committed.get(queue) ?? 0, store.minOffset(queue))
        const lag = store.maxOffset(queue) - position
        if (lag <= 0) continue
        result.unreadQueueCount++
        result.unreadMessageCount += lag
        if (result.unread.length >= LISTED_COUNT_MAX) continue
        result.unread.push({ group, topic: topic.name, queueId, lag })
      }
    }
  }
  return result
}

function topicsOf(
  committed: ReadonlyMap<QueueKey, number>,
  find: (id: number) => Topic | undefined,
): Set<Topic> {
  const topics = new Set<Topic>()
  for (const queue of committed.keys()) {
    const topic = find(Math.floor(queue / 0x1_0000_0000))
    if (topic !== undefined) topics.add(topic)
  }
  return topics
}
