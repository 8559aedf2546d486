// Reading by queue offset and by time: which positions a pull selects, and where a time falls. Pure
// over the queue index; the bytes themselves come from the log.

import { MqError } from '../core/errors.ts'
import { PULL_SCAN_MAX } from '../core/limits.ts'
import type { IndexRun } from './index-run.ts'
import type { ReadRequest } from './message-store.ts'
import type { QueueIndex } from './queue-index.ts'
import type { QueueTail } from './queue-tail.ts'

export interface Selection {
  /** Ascending log positions. */
  positions: number[]
  /** Bytes of all of them. */
  bytes: number
  /** One past the last offset looked at. */
  nextOffset: number
}

/** At least one message if any matches, however large; the rest within the limits of the request. */
export function selectMessages(
  index: QueueIndex,
  tail: QueueTail,
  request: ReadRequest,
): Selection {
  const { messagesMax, bytesMax, tags } = request
  const scanEnd = Math.min(tail.nextOffset, request.offset + PULL_SCAN_MAX)
  const end = Math.min(scanEnd, request.endOffset ?? scanEnd)
  const positions: number[] = []
  let bytes = 0
  let offset = request.offset
  while (offset < end && positions.length < messagesMax) {
    const run = runAt(index, tail, offset)
    const at = offset - run.firstOffset
    const size = run.sizes[at]!
    if (tags === null || tags.has(run.tags[at]!)) {
      if (positions.length > 0 && bytes + size > bytesMax) break
      positions.push(run.positions[at]!)
      bytes += size
    }
    offset++
  }
  return { positions, bytes, nextOffset: offset }
}

/** First offset stored at or after `timeMs`; the queue's end if all are older. */
export function lowerOffset(index: QueueIndex, tail: QueueTail, timeMs: number): number {
  // The run before the first that starts at `timeMs` may end with messages of the same millisecond.
  const run = index.runAtTime(tail, timeMs - 1)
  if (run === null) return tail.minOffset
  return bounded(tail, run.firstOffset + index.lowerBound(run, timeMs))
}

/** Last offset stored at or before `timeMs`; the queue's start if all are newer. */
export function upperOffset(index: QueueIndex, tail: QueueTail, timeMs: number): number {
  const run = index.runAtTime(tail, timeMs)
  if (run === null) return tail.minOffset
  return bounded(tail, run.firstOffset + index.lowerBound(run, timeMs + 1) - 1)
}

export function runAt(index: QueueIndex, tail: QueueTail, offset: number): IndexRun {
  const run = index.runAt(tail, offset)
  if (run !== null) return run
  throw new MqError(
    'DATA_CORRUPT',
    `the index of queue ${tail.topicId}/${tail.queueId} has a hole at offset ${offset}`,
    { hint: `its messages reach from ${tail.minOffset} to ${tail.nextOffset}; check the segments` },
  )
}

function bounded(tail: QueueTail, offset: number): number {
  return Math.min(Math.max(offset, tail.minOffset), tail.nextOffset)
}
