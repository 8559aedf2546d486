// Bodies that say something of many queues: the bounds of a topic's queues (code 202), how far a group
// has read them (208), and where it was set back to (222).

import { isJsonObject, parseLenientObject } from './lenient-json.ts'
import { type QueueName, queueEntries, queueNameKey } from './message-queue.ts'
import { integer, jsonBody } from './route.ts'

export interface QueueBounds extends QueueName {
  minOffset: number
  maxOffset: number
  /** Store time of the newest message, wall milliseconds; 0 if there is none. */
  lastStoreTimeMs: number
}

export interface QueueProgress extends QueueName {
  /** The end of the queue. */
  brokerOffset: number
  committedOffset: number
  /** Store time of the last consumed message, wall milliseconds; 0 if there is none. */
  lastStoreTimeMs: number
}

export interface QueuePosition extends QueueName {
  offset: number
}

export function encodeTopicStats(queues: readonly QueueBounds[]): Buffer {
  return offsetTable(queues, (queue) => ({
    lastUpdateTimestamp: queue.lastStoreTimeMs,
    maxOffset: queue.maxOffset,
    minOffset: queue.minOffset,
  }))
}

export function decodeTopicStats(body: Uint8Array): QueueBounds[] {
  return queueEntries(parseLenientObject(body)['offsetTable']).map(([queue, value]) => {
    const stats = isJsonObject(value) ? value : Object.create(null)
    return {
      ...queue,
      minOffset: integer(stats, 'minOffset', 0),
      maxOffset: integer(stats, 'maxOffset', 0),
      lastStoreTimeMs: integer(stats, 'lastUpdateTimestamp', 0),
    }
  })
}

/** `pullOffset` is 5.x; without it mqadmin counts everything committed as "in flight". */
export function encodeConsumeStats(queues: readonly QueueProgress[]): Buffer {
  return offsetTable(
    queues,
    (queue) => ({
      brokerOffset: queue.brokerOffset,
      consumerOffset: queue.committedOffset,
      lastTimestamp: queue.lastStoreTimeMs,
      pullOffset: queue.committedOffset,
    }),
    { consumeTps: 0 },
  )
}

export function decodeConsumeStats(body: Uint8Array): QueueProgress[] {
  return queueEntries(parseLenientObject(body)['offsetTable']).map(([queue, value]) => {
    const stats = isJsonObject(value) ? value : Object.create(null)
    return {
      ...queue,
      brokerOffset: integer(stats, 'brokerOffset', 0),
      committedOffset: integer(stats, 'consumerOffset', 0),
      lastStoreTimeMs: integer(stats, 'lastTimestamp', 0),
    }
  })
}

export function encodeQueuePositions(queues: readonly QueuePosition[]): Buffer {
  return offsetTable(queues, (queue) => queue.offset)
}

export function decodeQueuePositions(body: Uint8Array): QueuePosition[] {
  return queueEntries(parseLenientObject(body)['offsetTable']).map(([queue, offset]) => ({
    ...queue,
    offset: Number(offset),
  }))
}

function offsetTable<T extends QueueName>(
  queues: readonly T[],
  value: (queue: T) => unknown,
  rest: Record<string, unknown> = {},
): Buffer {
  const table: Record<string, unknown> = Object.create(null)
  for (const queue of queues) table[queueNameKey(queue)] = value(queue)
  return jsonBody({ ...rest, offsetTable: table })
}
