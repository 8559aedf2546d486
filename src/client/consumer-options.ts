// How a consumer is set up and what it counts.

import { MqError } from '../core/errors.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import type { MessageQueue, ReceivedMessage } from './message.ts'
import type { WindowLimits } from './process-window.ts'
import type { StartPosition } from './start-position.ts'

export interface TopicSubscription {
  topic: string
  /** "*" (default) for everything, or tags: "a || b". */
  tags?: string
}

/**
 * Nothing, or how many from the front of the batch are done: the rest is handed out again later. A
 * handler that throws has done none. What was not done is never committed.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: most handlers have no return statement
export type HandlerResult = void | number

export interface ConsumerOptions {
  group: string
  topics: readonly TopicSubscription[]
  onMessages: (
    messages: readonly ReceivedMessage[],
    queue: MessageQueue,
  ) => HandlerResult | Promise<HandlerResult>
  /** Clustering: members share the queues. Broadcasting: each reads all, and commits nothing. */
  model?: 'clustering' | 'broadcasting'
  /**
   * Where to start on queues without a committed offset. Absent: the protocol's own rule, the end of
   * an old queue and the start of a young one.
   */
  from?: StartPosition
  allocation?: 'average' | 'circle'
  /**
   * Work on a queue only while its broker's lock is held, one batch at a time: each queue's messages in
   * order, by one member of the group at a time, even while members disagree about who owns it.
   */
  isOrdered?: boolean
  /** Batches of one queue handled at once. 1 (default) keeps each queue's order. */
  concurrency?: number
  /** Messages per call of the handler. */
  batchMessagesMax?: number
  /** Cached and unprocessed messages per queue before pulling pauses. */
  cachedMessagesMax?: number
  cachedBytesMax?: number
  /** Distance between the oldest and newest unprocessed offset of a queue before pulling pauses. */
  cachedSpanMax?: number
  commitIntervalMs?: number
  rebalanceIntervalMs?: number
  /** Told after each rebalance that changed something. */
  onAssigned?: (queues: readonly MessageQueue[]) => void
}

export interface ConsumerStats {
  received: number
  processed: number
  handlerFailures: number
  pullFailures: number
  rebalances: number
}

const DEFAULTS = {
  model: 'clustering',
  allocation: 'average',
  isOrdered: false,
  concurrency: 1,
  batchMessagesMax: 32,
  // The bounds and intervals of RocketMQ's push consumer.
  cachedMessagesMax: 1_000,
  cachedBytesMax: 100 * 1024 * 1024,
  cachedSpanMax: 2_000,
  commitIntervalMs: 5_000,
  rebalanceIntervalMs: 20_000,
} as const

export type ConsumerSettings = ConsumerOptions &
  Required<Omit<ConsumerOptions, 'from' | 'onAssigned'>> & { windowLimits: WindowLimits }

/** Fills in what was left out. Throws the error that names what cannot be. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  const settings = { ...DEFAULTS, ...options }
  checkGroupName(settings.group)
  if (settings.topics.length === 0) {
    throw new MqError('USAGE', 'a consumer needs at least one topic')
  }
  for (const { topic } of settings.topics) checkTopicName(topic)
  for (const name of [
    'concurrency',
    'batchMessagesMax',
    'cachedMessagesMax',
    'cachedBytesMax',
    'cachedSpanMax',
    'commitIntervalMs',
    'rebalanceIntervalMs',
  ] as const) {
    if (settings[name] < 1) {
      throw new MqError('USAGE', `${name} must be at least 1, got ${settings[name]}`)
    }
  }
  if (settings.isOrdered && settings.concurrency > 1) {
    throw new MqError(
      'USAGE',
      `consuming in order is one after the other, not ${settings.concurrency}`,
    )
  }
  if (settings.isOrdered && settings.model === 'broadcasting') {
    throw new MqError('USAGE', 'consuming in order is for groups that share the queues')
  }
  return {
    ...settings,
    windowLimits: {
      countMax: settings.cachedMessagesMax,
      bytesMax: settings.cachedBytesMax,
      spanMax: settings.cachedSpanMax,
    },
  }
}
