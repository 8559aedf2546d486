// Setting a group back or ahead (code 222). It works whether the group is connected or not: the target is
// committed durably, and a consumer that is running learns of it with its next pull, which is answered
// "moved". Pulls that wait are woken for that.

import { checkGroupName } from '../core/names.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Fields, Response } from '../remoting/command.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { intField, optionalInt, textField } from '../remoting/field-reader.ts'
import { encodeQueuePositions, type QueuePosition } from '../remoting/offset-tables.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { BrokerContext } from './context.ts'
import type { OffsetResets } from './offset-resets.ts'
import { findTopic, queueIdsOf, queueOf } from './queue-lookup.ts'

export interface ResetParts {
  context: BrokerContext
  resets: OffsetResets
  wake: (queue: QueueKey) => void
}

const ALL_QUEUES = -1
/** "Now": the end of the queue. */
const END_OF_QUEUE = -1

export function resetHandlers(parts: ResetParts): [number, RequestHandler][] {
  return [[REQUEST.resetOffset, ({ fields }) => resetOffsets(parts, fields)]]
}

async function resetOffsets(parts: ResetParts, fields: Fields): Promise<Response> {
  const { context, resets, wake } = parts
  const group = textField(fields, 'group')
  checkGroupName(group)
  const topic = findTopic(context, textField(fields, 'topic'))
  const queueId = optionalInt(fields, 'queueId', ALL_QUEUES)
  if (queueId !== ALL_QUEUES) queueOf(context, topic, queueId)
  const queueIds = queueId === ALL_QUEUES ? queueIdsOf(topic) : [queueId]
  const written: Promise<void>[] = []
  const positions: QueuePosition[] = []
  for (const id of queueIds) {
    const queue = queueKey(topic.id, id)
    const offset = targetOffset(context, { group, queue }, fields)
    resets.set(group, queue, offset)
    written.push(context.offsets.commitDurably({ group, queue, offset }))
    positions.push({ brokerName: context.config.name, topic: topic.name, queueId: id, offset })
  }
  await Promise.all(written)
  for (const id of queueIds) wake(queueKey(topic.id, id))
  context.logger.info(
    `group ${group} was set to other offsets in ${queueIds.length} queues of ${topic.name}`,
  )
  return { code: RESPONSE.success, body: encodeQueuePositions(positions) }
}

/** An offset if one is given, else what belongs to the time; never outside the queue. */
function targetOffset(
  { store, offsets }: BrokerContext,
  { group, queue }: { group: string; queue: QueueKey },
  fields: Fields,
): number {
  const minOffset = store.minOffset(queue)
  const maxOffset = store.maxOffset(queue)
  const offset = optionalInt(fields, 'offset', -1)
  if (offset >= 0) return Math.min(Math.max(offset, minOffset), maxOffset)
  const timeMs = intField(fields, 'timestamp')
  const target = timeMs === END_OF_QUEUE ? maxOffset : store.offsetAtTime(queue, timeMs, 'lower')
  const current = offsets.committed(group, queue)
  // Without force a group only goes back: going ahead would skip what it has not consumed.
  const isForced = fields['isForce'] === 'true'
  return current !== null && current < target && !isForced ? current : target
}
