// Offsets: where a group is (14, 15), where a queue begins and ends (30, 31), what belongs to a time
// (29, 32), and one message by its position (33).

import { MqError } from '../core/errors.ts'
import { HOT_LOG_BYTES } from '../core/limits.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Fields, Response } from '../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { intField, textField } from '../remoting/field-reader.ts'
import { POSITION_AT, readUint53 } from '../remoting/stored-message.ts'
import type { QueueKey, SegmentInfo } from '../store/append-log.ts'
import type { BrokerContext } from './context.ts'
import { COUNTER } from './counters.ts'
import { commitOffsetHandler } from './offset-handler.ts'
import type { OffsetResets } from './offset-resets.ts'
import { findTopic, queueFromFields, queueOf } from './queue-lookup.ts'

export interface OffsetParts {
  context: BrokerContext
  resets: OffsetResets
}

export function offsetHandlers(parts: OffsetParts): [number, RequestHandler][] {
  const { context } = parts
  const { store } = context
  const offsetAnswer = (offset: number): Response => ({
    code: RESPONSE.success,
    fields: { offset },
  })
  return [
    [REQUEST.queryConsumerOffset, ({ fields }) => consumerOffset(context, fields)],
    [REQUEST.updateConsumerOffset, commitHandler(parts)],
    [
      REQUEST.getMaxOffset,
      ({ fields }) => offsetAnswer(store.maxOffset(queueFromFields(context, fields))),
    ],
    [
      REQUEST.getMinOffset,
      ({ fields }) => offsetAnswer(store.minOffset(queueFromFields(context, fields))),
    ],
    [REQUEST.searchOffset, ({ fields }) => offsetAnswer(offsetAtTime(context, fields))],
    [REQUEST.getEarliestStoreTime, ({ fields }) => earliestStoreTime(context, fields)],
    [REQUEST.viewMessage, ({ fields }) => viewMessage(context, fields)],
  ]
}

/** Commits do not count while the consumer still has to be sent to where it was set back. */
function commitHandler({ context, resets }: OffsetParts): RequestHandler {
  const { config, state, offsets, metrics, store } = context
  const commits = metrics.counter(COUNTER.offsetCommits)
  const commit = commitOffsetHandler({ brokerName: config.name, state, offsets, commits })
  return (request, connection) => {
    const { fields } = request
    if (intField(fields, 'commitOffset') < 0) return SUCCESS
    const queue = queueFromFields(context, fields)
    if (resets.has(textField(fields, 'consumerGroup'), queue)) return SUCCESS
    // Nobody can have read that far: this is from before the topic or the data folder was replaced.
    if (intField(fields, 'commitOffset') > store.maxOffset(queue)) return SUCCESS
    return commit(request, connection)
  }
}

/**
 * A group that never committed starts, by its own rule, at the end of the queue. In a young queue it
 * would miss what was written before it first looked, so there the answer is 0 instead of "unknown".
 */
function consumerOffset(context: BrokerContext, fields: Fields): Response {
  const group = textField(fields, 'consumerGroup')
  const queue = queueFromFields(context, fields)
  const committed = context.offsets.committed(group, queue)
  if (committed !== null) return { code: RESPONSE.success, fields: { offset: committed } }
  if (fields['setZeroIfNotFound'] !== 'false' && isYoung(context, queue)) {
    return { code: RESPONSE.success, fields: { offset: 0 } }
  }
  return {
    code: RESPONSE.queryNotFound,
    remark: `group ${group} has no committed offset for this queue of ${fields['topic']}`,
  }
}

/** Whether the queue's first message is still there and among the newest part of the log. */
function isYoung({ store }: BrokerContext, queue: QueueKey): boolean {
  if (store.maxOffset(queue) === 0) return true
  // Nothing is read if the first message was retired.
  const first = store.read({ queue, offset: 0, messagesMax: 1, bytesMax: 1, tags: null })
  if (first.count === 0) return false
  const body = Buffer.from(first.body.buffer, first.body.byteOffset, first.body.byteLength)
  return bytesSince(store.segments(), readUint53(body, POSITION_AT)) <= HOT_LOG_BYTES
}

/** Bytes of the segments from the one that holds `position` on. */
function bytesSince(segments: readonly SegmentInfo[], position: number): number {
  let bytes = 0
  for (const segment of segments) if (segment.nextPosition > position) bytes += segment.bytes
  return bytes
}

function offsetAtTime(context: BrokerContext, fields: Fields): number {
  const queue = queueFromFields(context, fields)
  const boundary = fields['boundaryType'] === 'UPPER' ? 'upper' : 'lower'
  return context.store.offsetAtTime(queue, intField(fields, 'timestamp'), boundary)
}

function earliestStoreTime(context: BrokerContext, fields: Fields): Response {
  const topic = findTopic(context, textField(fields, 'topic'))
  const queue = queueOf(context, topic, intField(fields, 'queueId'))
  const { store } = context
  const timestamp = store.storeTimeAt(queue, store.minOffset(queue)) ?? -1
  return { code: RESPONSE.success, fields: { timestamp } }
}

function viewMessage(context: BrokerContext, { offset }: Fields): Response {
  const position = intField({ offset }, 'offset')
  const body = context.store.readAtPosition(position)
  if (body !== null) return { code: RESPONSE.success, body }
  throw new MqError('MESSAGE_NOT_FOUND', `no message at position ${position}`)
}
