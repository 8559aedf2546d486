// How far each group is with a topic whose queues change: whether it has consumed what lies before the
// cuts, and what it leaves in queues that go.
//
// A group counts if it has members that subscribe to the topic, or committed in it once. Members that
// all get every message (broadcasting) keep their positions to themselves and are not counted.

import { MqError } from '../core/errors.ts'
import type { Connection } from '../remoting/connection.ts'
import {
  type ChangeView,
  type GroupProgress,
  queueCountOn,
  type TopicChange,
} from '../remoting/topic-change.ts'
import { queueKey } from '../store/append-log.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { BrokerContext } from './context.ts'
import { runningChange } from './queue-change.ts'
import type { Topic } from './state.ts'

export interface ProgressParts {
  context: BrokerContext
  consumers: ConsumerGroups<Connection>
}

export function viewOf(parts: ProgressParts, topic: Topic): ChangeView {
  const { readQueueCount, writeQueueCount, permission, birthId = null } = topic
  return {
    birthId,
    readQueueCount,
    writeQueueCount,
    permission,
    change: topic.change ?? null,
    groups: groupsOf(parts, topic).map((group) => progressOf(parts, topic, group)),
  }
}

/** Throws NO_PERMISSION if a group has not consumed all of the queues that go. */
export function requireConsumed(parts: ProgressParts, topic: Topic): void {
  for (const group of groupsOf(parts, topic)) {
    const { leftCount } = progressOf(parts, topic, group)
    if (leftCount === 0) continue
    throw new MqError(
      'NO_PERMISSION',
      `group ${group} has ${leftCount} messages left in queues of ${topic.name} that are to go`,
    )
  }
}

function groupsOf({ context, consumers }: ProgressParts, topic: Topic): string[] {
  const groups = new Set<string>()
  for (const name of consumers.subscribersOf(topic.name)) {
    if (consumers.get(name)?.messageModel !== 'BROADCASTING') groups.add(name)
  }
  const isOfTopic = (queue: number): boolean => Math.floor(queue / 0x1_0000_0000) === topic.id
  for (const name of context.state.groups.keys()) {
    if (consumers.get(name)?.messageModel === 'BROADCASTING') continue
    if ([...context.offsets.offsetsOf(name).keys()].some(isOfTopic)) groups.add(name)
  }
  return [...groups].sort()
}

function progressOf(
  { context, consumers }: ProgressParts,
  topic: Topic,
  group: string,
): GroupProgress {
  const { change } = topic
  const keptCount = change === undefined ? topic.readQueueCount : keptQueues(topic, change, context)
  const progress: GroupProgress = {
    group,
    memberCount: consumers.get(group)?.members.size ?? 0,
    isReleased: change?.isReleased === true || change?.releasedGroups.includes(group) === true,
    behindCount: 0,
    leftCount: 0,
    untakenQueueIds: [],
  }
  for (let queueId = 0; queueId < topic.readQueueCount; queueId++) {
    const queue = queueKey(topic.id, queueId)
    const committed = context.offsets.committed(group, queue)
    const minOffset = context.store.minOffset(queue)
    const doneOffset = Math.max(committed ?? 0, minOffset)
    const cut = change?.cuts[queueId] ?? 0
    // Also what is on its way to the disk: it was accepted before the queue was closed.
    const endOffset = context.store.assignedOffset(queue)
    progress.behindCount += Math.max(0, cut - doneOffset)
    if (queueId >= keptCount) progress.leftCount += Math.max(0, endOffset - doneOffset)
    if (committed === null) progress.untakenQueueIds.push(queueId)
  }
  return progress
}

/** Queues that stay when the change is over. */
function keptQueues(topic: Topic, change: TopicChange, { config }: BrokerContext): number {
  if (runningChange(topic) === null) return topic.readQueueCount
  return queueCountOn(change.after, config.name)
}
