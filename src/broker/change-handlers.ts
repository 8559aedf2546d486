// Changing the number of a topic's queues: one step of it (61020), and how far it is here (61021).

import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Response } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { intField, textField } from '../remoting/field-reader.ts'
import {
  changeStep,
  decodeChangePlan,
  encodeChangeView,
  encodePauses,
  type QueuePause,
} from '../remoting/topic-change.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { BrokerContext } from './context.ts'
import { requireConsumed, viewOf } from './group-progress.ts'
import { heldFrom } from './queue-change.ts'
import { findTopic } from './queue-lookup.ts'
import type { Topic } from './state.ts'

export interface ChangeParts {
  context: BrokerContext
  consumers: ConsumerGroups<Connection>
  /** Looks again at the pulls that wait at a queue. */
  wake: (queue: QueueKey) => void
}

export function changeHandlers(parts: ChangeParts): [number, RequestHandler][] {
  return [
    [REQUEST.changeQueues, (request) => changeQueues(parts, request)],
    [REQUEST.describeQueueChange, (request) => describe(parts, request)],
  ]
}

async function changeQueues(parts: ChangeParts, { fields, body }: Command): Promise<Response> {
  const { changer } = parts.context
  const name = textField(fields, 'topic')
  const isForced = fields['force'] === 'true'
  const step = changeStep(textField(fields, 'step'))
  if (step === 'prepare') {
    await changer.prepare(name, decodeChangePlan(body), { isForced })
    return SUCCESS
  }
  const attempt = intField(fields, 'attempt')
  switch (step) {
    case 'fence':
      await changer.fenceAndTell(name, attempt)
      return SUCCESS
    case 'release':
      return release(parts, { name, attempt, group: fields['consumerGroup'] ?? null })
    case 'close':
      await changer.close(name, attempt)
      return SUCCESS
    case 'retire':
      if (!isForced) requireConsumed(parts, findTopic(parts.context, name))
      await changer.retire(name, attempt)
      return SUCCESS
    case 'finish':
      await changer.finish(name, attempt)
      return SUCCESS
  }
}

async function release(
  parts: ChangeParts,
  { name, attempt, group }: { name: string; attempt: number; group: string | null },
): Promise<Response> {
  const { context, wake } = parts
  const topic = findTopic(context, name)
  const pauses = pausesOf(parts, topic, group)
  await context.changer.release(name, attempt, group)
  for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) wake(queueKey(topic.id, queueId))
  return { code: RESPONSE.success, body: encodePauses(pauses) }
}

/** How long the first message of each queue was held back from the group, or from all. */
function pausesOf({ context }: ChangeParts, topic: Topic, group: string | null): QueuePause[] {
  const nowMs = context.clock.wallMs()
  const pauses: QueuePause[] = []
  for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) {
    const heldAt = heldFrom(topic.change, { queueId, group: group ?? '', nowMs })
    if (heldAt === Number.POSITIVE_INFINITY) continue
    const storedMs = context.store.storeTimeAt(queueKey(topic.id, queueId), heldAt)
    if (storedMs !== null) pauses.push({ queueId, pauseMs: Math.max(0, nowMs - storedMs) })
  }
  return pauses
}

function describe(parts: ChangeParts, { fields }: Command): Response {
  const topic = findTopic(parts.context, textField(fields, 'topic'))
  return { code: RESPONSE.success, body: encodeChangeView(viewOf(parts, topic)) }
}
