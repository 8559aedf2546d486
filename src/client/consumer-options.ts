// How a consumer is set up and what it counts.

import type { MessageQueue, ReceivedMessage } from './message.ts'
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
