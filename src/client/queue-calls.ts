// Single questions about one queue to the broker that has it, typed.

import { MqError } from '../core/errors.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import { intField } from '../remoting/field-reader.ts'
import { decodePullAnswer, encodePullHeader, PULL_FLAG } from '../remoting/pull-header.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import type { MessageQueue, ReceivedMessage } from './message.ts'
import type { Caller } from './nameserver-calls.ts'
import { receiveMessages } from './received-message.ts'
import { type QueueBounds, resolveStart, type StartPosition } from './start-position.ts'

export interface QueueAt {
  queue: MessageQueue
  /** The broker's address. */
  address: string
}

export async function fetchQueueBounds(caller: Caller, at: QueueAt): Promise<QueueBounds> {
  const [minOffset, maxOffset] = await Promise.all([
    fetchOffset(caller, at, REQUEST.getMinOffset),
    fetchOffset(caller, at, REQUEST.getMaxOffset),
  ])
  // Two questions: retention may have moved the first offset in between.
  return { minOffset: Math.min(minOffset, maxOffset), maxOffset }
}

/** The first message stored at or after the time; the end if there is none. */
export function searchOffset(caller: Caller, at: QueueAt, timestampMs: number): Promise<number> {
  return fetchOffset(caller, at, REQUEST.searchOffset, { timestamp: timestampMs })
}

/**
 * Null if the group never committed. A broker answers 0 for a queue whose first message is young,
 * so that a new group does not miss it; with `isExact` it does not.
 */
export async function fetchCommittedOffset(
  caller: Caller,
  at: QueueAt,
  options: { group: string; isExact: boolean },
): Promise<number | null> {
  try {
    const offset = await fetchOffset(caller, at, REQUEST.queryConsumerOffset, {
      consumerGroup: options.group,
      ...(options.isExact ? { setZeroIfNotFound: false } : {}),
    })
    return offset < 0 ? null : offset
  } catch (error) {
    if (error instanceof MqError && error.wireCode === RESPONSE.queryNotFound) return null
    throw error
  }
}

export async function commitOffset(
  caller: Caller,
  at: QueueAt,
  options: { group: string; offset: number },
): Promise<void> {
  await caller.channels.call(at.address, REQUEST.updateConsumerOffset, {
    fields: { consumerGroup: options.group, commitOffset: options.offset, ...place(at) },
    timeoutMs: caller.timeoutMs,
  })
}

/** The offset a start position means for this queue now. */
export async function fetchStartOffset(
  caller: Caller,
  at: QueueAt,
  position: StartPosition,
): Promise<number> {
  const [bounds, timeOffset] = await Promise.all([
    fetchQueueBounds(caller, at),
    position.kind === 'time' ? searchOffset(caller, at, position.timestampMs) : null,
  ])
  return resolveStart(position, bounds, timeOffset)
}

export interface PullOptions {
  group: string
  offset: number
  messagesMax: number
  /** How long the broker may wait for a message. */
  suspendMs: number
  /** Sent along for readers without a group; members' heartbeats have told it already. */
  subscription: string | null
  subscriptionVersion: bigint
  /** The group's progress, told along the way so that a restart repeats little; null for none. */
  commitOffset: number | null
}

export type PullOutcome =
  /** Perhaps no messages, but the next pull begins at `nextOffset`. */
  | { kind: 'messages'; messages: ReceivedMessage[]; nextOffset: number }
  /** The offset is not in the queue (any more); the nearest one that is. */
  | { kind: 'moved'; nextOffset: number; minOffset: number; maxOffset: number }

/** The broker gets this much longer than it may wait. */
const PULL_ANSWER_MS = 15_000

export async function pullMessages(
  caller: Caller,
  at: QueueAt,
  options: PullOptions,
): Promise<PullOutcome> {
  const answer = await caller.channels.invoke(at.address, REQUEST.pullMessage, {
    fields: encodePullHeader({
      group: options.group,
      topic: at.queue.topic,
      queueId: at.queue.queueId,
      offset: options.offset,
      messagesMax: options.messagesMax,
      systemFlag:
        (options.suspendMs > 0 ? PULL_FLAG.suspend : 0) |
        (options.subscription === null ? 0 : PULL_FLAG.subscription) |
        (options.commitOffset === null ? 0 : PULL_FLAG.commitOffset),
      commitOffset: options.commitOffset ?? 0,
      suspendMs: options.suspendMs,
      subscription: options.subscription ?? '',
      subscriptionVersion: options.subscriptionVersion,
      expressionType: 'TAG',
      bytesMax: null,
    }),
    timeoutMs: options.suspendMs + PULL_ANSWER_MS,
  })
  switch (answer.code) {
    case RESPONSE.success:
      return {
        kind: 'messages',
        messages: receiveMessages(answer.body, at.queue.brokerName),
        nextOffset: decodePullAnswer(answer.fields).nextOffset,
      }
    case RESPONSE.pullNotFound:
    case RESPONSE.pullRetryImmediately:
      return {
        kind: 'messages',
        messages: [],
        nextOffset: decodePullAnswer(answer.fields).nextOffset,
      }
    case RESPONSE.pullOffsetMoved:
      return { kind: 'moved', ...decodePullAnswer(answer.fields) }
    default:
      throw errorFromResponse(answer, at.address)
  }
}

async function fetchOffset(
  caller: Caller,
  at: QueueAt,
  code: number,
  fields: Record<string, string | number | boolean> = {},
): Promise<number> {
  const answer = await caller.channels.call(at.address, code, {
    fields: { ...fields, ...place(at) },
    timeoutMs: caller.timeoutMs,
  })
  return intField(answer.fields, 'offset')
}

function place(at: QueueAt): Record<string, string | number> {
  return { topic: at.queue.topic, queueId: at.queue.queueId }
}
