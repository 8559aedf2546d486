// Goal: batches keep the order, stay within their bounds and never take apart what belongs together.
// Method: a table of walks, and a seeded property.

import { expect, test } from 'bun:test'
import type { PreparedMessage } from '../../src/client/prepared-message.ts'
import { deadlineOf, type PendingSend, sizeOf, takeBatch } from '../../src/client/send-batch.ts'
import { seededRandom } from '../../src/core/random.ts'

function message(bytes: number, isBatchable = true): PreparedMessage {
  return {
    messageId: '',
    key: null,
    isBatchable,
    flag: 0,
    body: Buffer.alloc(bytes),
    properties: Buffer.alloc(0),
  }
}

function send(sequence: number, messages: PreparedMessage[]): PendingSend {
  return {
    messages,
    bytes: sizeOf(messages),
    sequence,
    deadlineMs: sequence,
    attempts: 0,
    lastError: null,
    resolve: () => {},
    reject: () => {},
  }
}

const LIMITS = { messagesMax: 4, bytesMax: 1_000 }

function batches(sends: PendingSend[]): number[][] {
  const pending = [...sends]
  const taken: number[][] = []
  for (;;) {
    const batch = takeBatch(pending, LIMITS)
    if (batch === null) return taken
    taken.push(batch.sends.map((each) => each.sequence))
  }
}

test('by count, by bytes, alone when it must be', () => {
  const small = (sequence: number): PendingSend => send(sequence, [message(10)])
  expect(batches([0, 1, 2, 3, 4, 5].map(small))).toEqual([
    [0, 1, 2, 3],
    [4, 5],
  ])
  expect(batches([0, 1, 2].map((i) => send(i, [message(400)])))).toEqual([[0, 1], [2]])
  expect(batches([small(0), send(1, [message(5_000)]), small(2)])).toEqual([[0], [1], [2]])
  const delayed = send(1, [message(10, false)])
  expect(batches([small(0), delayed, small(2), small(3)])).toEqual([[0], [1], [2, 3]])
  expect(batches([])).toEqual([])
})

test('several messages of one send stay together', () => {
  const triple = send(1, [message(1), message(1), message(1)])
  const single = (sequence: number): PendingSend => send(sequence, [message(1)])
  expect(batches([single(0), triple, single(2), single(3)])).toEqual([
    [0, 1],
    [2, 3],
  ])
  expect(batches([single(0), single(9), triple])).toEqual([[0, 9], [1]])
})

test('a batch waits as long as anybody in it may', () => {
  const batch = takeBatch([send(5, [message(1)]), send(9, [message(1)])], LIMITS)!
  expect(deadlineOf(batch)).toBe(9)
})

test('property: everything leaves once, in order, within the bounds', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed)
    const pending = Array.from({ length: 100 }, (_, i) => {
      const count = 1 + random.below(3)
      return send(
        i,
        Array.from({ length: count }, () => message(random.below(600), random.below(10) > 0)),
      )
    })
    const order: number[] = []
    for (;;) {
      const batch = takeBatch(pending, LIMITS)
      if (batch === null) break
      order.push(...batch.sends.map((each) => each.sequence))
      const isWithin =
        batch.messages.length <= LIMITS.messagesMax && sizeOf(batch.messages) <= LIMITS.bytesMax
      expect({ seed, isFine: isWithin || batch.sends.length === 1 }).toEqual({ seed, isFine: true })
    }
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i))
  }
})
