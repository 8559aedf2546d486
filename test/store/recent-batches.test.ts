// Goal: recent batches give back exactly the payloads that were appended, forget what was rejected,
// and stay within their bound. Method: batches of random messages, read by random positions.

import { expect, test } from 'bun:test'
import { RECENT_BATCHES_BYTES_MAX } from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { BatchBuffer } from '../../src/store/batch-buffer.ts'
import { QueueTail } from '../../src/store/queue-tail.ts'
import { RecentBatches } from '../../src/store/recent-batches.ts'
import { draftOf, storedMessages } from '../support/stored-draft.ts'

const QUEUE = queueKey(1, 0)
const TAIL = new QueueTail(QUEUE, { minOffset: 0, nextOffset: 0 })

/** A batch of messages that say their position, with a state change after every third. */
function batchFrom(firstPosition: number, entryCount: number, padding: string): BatchBuffer {
  const batch = new BatchBuffer({ firstPosition, bytesExpected: 0 })
  for (let position = firstPosition; position < firstPosition + entryCount; position++) {
    if (position % 4 === 3) {
      batch.addState(Buffer.from('change'))
      continue
    }
    const draft = draftOf({ queue: QUEUE, body: `m${position}${padding}` })
    batch.addMessage(draft, TAIL, { position, queueOffset: position, storeTimeMs: 1 })
  }
  return batch
}

function read(recent: RecentBatches, positions: number[], padding: string): string[] {
  const body = (position: number): string => `m${position}${padding}`
  const sizes = positions.map((each) => draftOf({ queue: QUEUE, body: body(each) }).bytes)
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  return storedMessages(recent.read(positions, bytes)).map((message) => message.body)
}

test('reads across batches, whatever is selected', () => {
  const random = seededRandom(12)
  const recent = new RecentBatches()
  expect(recent.firstPosition).toBe(Number.POSITIVE_INFINITY)
  let end = 0
  for (let i = 0; i < 50; i++) {
    const batch = batchFrom(end, 1 + random.below(9), '')
    recent.keep(batch)
    end += batch.entryCount
  }
  expect(recent.firstPosition).toBe(0)
  for (let round = 0; round < 200; round++) {
    const positions = Array.from({ length: end }, (_, position) => position).filter(
      (position) => position % 4 !== 3 && random.below(5) === 0,
    )
    if (positions.length === 0) continue
    expect(read(recent, positions, '')).toEqual(positions.map((position) => `m${position}`))
  }
})

test('a rejected batch is forgotten, its positions may come again', () => {
  const recent = new RecentBatches()
  recent.keep(batchFrom(0, 2, ''))
  recent.keep(batchFrom(2, 1, 'rejected'))
  recent.forgetFrom(2)
  recent.keep(batchFrom(2, 1, ''))
  expect(read(recent, [0, 1, 2], '')).toEqual(['m0', 'm1', 'm2'])
})

test('old batches go when the bound is reached', () => {
  const recent = new RecentBatches()
  const padding = 'x'.repeat(RECENT_BATCHES_BYTES_MAX / 10)
  for (let i = 0; i < 30; i++) recent.keep(batchFrom(i * 4, 1, padding))
  expect(recent.firstPosition).toBeGreaterThan(4 * 19)
  expect(read(recent, [29 * 4], padding)[0]?.slice(0, 4)).toBe('m116')
})
