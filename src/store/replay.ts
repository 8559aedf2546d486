// Rebuilds what the store and the broker know from what the log recovered: the snapshot, then every
// entry since, in order. Leaves the index exactly as it was when the last commit was published.

import { MqError } from '../core/errors.ts'
import { ENTRY_KIND, type IndexedRange, type LogEntry, type Recovery } from './append-log.ts'
import type { StateMachine } from './message-store.ts'
import type { QueueIndex } from './queue-index.ts'
import type { QueueTail } from './queue-tail.ts'
import { decodeSnapshot } from './store-snapshot.ts'
import { storedQueueOffset, storedTagsHash, storedTimeMs } from './stored-fields.ts'

export interface Replayed {
  newestStoreTimeMs: number
  /** Entries after the snapshot: what the next start would have to replay again. */
  entryCount: number
}

export function replay(recovery: Recovery, state: StateMachine, index: QueueIndex): Replayed {
  const indexed = new Map(recovery.indexed.map((range) => [range.queue, range]))
  let newestStoreTimeMs = 0
  if (recovery.snapshot !== null) {
    const snapshot = decodeSnapshot(recovery.snapshot.state)
    newestStoreTimeMs = snapshot.newestStoreTimeMs
    state.restore(snapshot.state)
    for (const { queue, nextOffset } of snapshot.queues) {
      const minOffset = indexed.get(queue)?.minOffset ?? nextOffset
      index.restore(queue, { minOffset, nextOffset })
    }
  }
  let entryCount = 0
  for (const entry of recovery.tail) {
    entryCount++
    if (entry.kind === ENTRY_KIND.state) state.apply(entry.payload)
    else if (state.hasQueue(entry.queue)) {
      newestStoreTimeMs = replayMessage(entry, index, indexed.get(entry.queue))
    }
  }
  for (const tail of index.tails()) {
    tail.assignedOffset = tail.nextOffset
    if (!state.hasQueue(tail.queue)) index.drop(tail.queue)
  }
  return { newestStoreTimeMs, entryCount }
}

function replayMessage(
  entry: LogEntry,
  index: QueueIndex,
  range: IndexedRange | undefined,
): number {
  const { position, payload } = entry
  const tail =
    index.find(entry.queue) ??
    index.restore(entry.queue, { minOffset: range?.minOffset ?? 0, nextOffset: 0 })
  checkOffset(tail, entry)
  const storeTimeMs = storedTimeMs(payload)
  // A full block rode along with a later batch: the message is indexed already.
  if (range !== undefined && tail.nextOffset < range.nextOffset) tail.nextOffset++
  else index.push(tail, position, payload.length, storedTagsHash(payload), storeTimeMs)
  return storeTimeMs
}

function checkOffset(tail: QueueTail, entry: LogEntry): void {
  const offset = storedQueueOffset(entry.payload)
  if (offset === tail.nextOffset) return
  throw new MqError(
    'DATA_CORRUPT',
    `entry ${entry.position} says it is message ${offset} of queue ${tail.topicId}/${tail.queueId}, ` +
      `but the log holds ${tail.nextOffset} before it`,
    { hint: 'keep the data folder; restore it from a copy or start the broker on a new folder' },
  )
}
