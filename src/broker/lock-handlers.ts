// Ordered consumers lock the queues they consume (41) and unlock them when they lose them (42).

import { checkGroupName } from '../core/names.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Response } from '../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import type { QueueName } from '../remoting/message-queue.ts'
import { decodeLockRequest, encodeLockAnswer, type LockRequest } from '../remoting/queue-locks.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { BrokerContext } from './context.ts'
import type { LockClaim, QueueLocks } from './queue-locks.ts'

export interface LockParts {
  context: BrokerContext
  locks: QueueLocks
}

export function lockHandlers(parts: LockParts): [number, RequestHandler][] {
  return [
    [REQUEST.lockQueues, (request) => lock(parts, request)],
    [REQUEST.unlockQueues, (request) => unlock(parts, request)],
  ]
}

function lock({ context, locks }: LockParts, { body }: Command): Response {
  const request = decodeLockRequest(body)
  checkGroupName(request.group)
  const nowMs = context.clock.monoMs()
  const taken = request.queues.filter((name) => {
    const claim = claimOn(context, request, name)
    return claim !== null && locks.take(claim, nowMs)
  })
  return { code: RESPONSE.success, body: encodeLockAnswer(taken) }
}

function unlock({ context, locks }: LockParts, { body }: Command): Response {
  const request = decodeLockRequest(body)
  for (const name of request.queues) {
    const claim = claimOn(context, request, name)
    if (claim !== null) locks.release(claim)
  }
  return SUCCESS
}

/** Null for a queue that this broker does not have: it cannot be held, which is no error. */
function claimOn(
  context: BrokerContext,
  { group, clientId }: LockRequest,
  { topic: topicName, queueId }: QueueName,
): LockClaim | null {
  const topic = context.state.topics.get(topicName)
  if (topic === undefined || queueId < 0 || queueId >= topic.queueIdEnd) return null
  const queue: QueueKey = queueKey(topic.id, queueId)
  return { group, queue, clientId }
}
