// Goal: every queue has exactly one owner, and shares are what RocketMQ clients compute (R14).
// Method: the known examples, then every size up to 40 queues and 12 members as a property.

import { describe, expect, test } from 'bun:test'
import { type AllocationKind, allocate, ownersOf } from '../../src/client/allocation.ts'
import { compareQueues, type MessageQueue, queueName } from '../../src/client/message.ts'

function queues(spec: Record<string, number>): MessageQueue[] {
  return Object.entries(spec).flatMap(([brokerName, count]) =>
    Array.from({ length: count }, (_, queueId) => ({ topic: 't', brokerName, queueId })),
  )
}

function share(self: string, list: MessageQueue[], members: string[], kind: AllocationKind) {
  return allocate({ kind, queues: list, members, self }).map(
    (queue) => `${queue.brokerName}${queue.queueId}`,
  )
}

test('average: 8 queues and 3 members are runs of 3, 3 and 2', () => {
  const list = queues({ a: 4, b: 4 })
  expect(share('c1', list, ['c3', 'c1', 'c2'], 'average')).toEqual(['a0', 'a1', 'a2'])
  expect(share('c2', list, ['c3', 'c1', 'c2'], 'average')).toEqual(['a3', 'b0', 'b1'])
  expect(share('c3', list, ['c3', 'c1', 'c2'], 'average')).toEqual(['b2', 'b3'])
})

test('R14: c1 sees 8 queues, c2 sees 4: a:q2 and a:q3 twice, b without an owner', () => {
  const members = ['c1', 'c2']
  const c1 = share('c1', queues({ a: 4, b: 4 }), members, 'average')
  const c2 = share('c2', queues({ a: 4 }), members, 'average')
  expect(c1).toEqual(['a0', 'a1', 'a2', 'a3'])
  expect(c2).toEqual(['a2', 'a3'])
})

test('circle: dealt out like cards', () => {
  const list = queues({ a: 3, b: 2 })
  expect(share('c1', list, ['c1', 'c2'], 'circle')).toEqual(['a0', 'a2', 'b1'])
  expect(share('c2', list, ['c1', 'c2'], 'circle')).toEqual(['a1', 'b0'])
})

test('the order of the input does not matter, and ids sort as numbers', () => {
  const list = queues({ b: 2, a: 12 }).reverse()
  expect(share('c1', list, ['c2', 'c1'], 'average')).toEqual([
    'a0',
    'a1',
    'a2',
    'a3',
    'a4',
    'a5',
    'a6',
  ])
})

test('who is not a member, or comes too late for few queues, gets nothing', () => {
  expect(share('x', queues({ a: 4 }), ['c1'], 'average')).toEqual([])
  expect(share('c3', queues({ a: 2 }), ['c1', 'c2', 'c3'], 'average')).toEqual([])
  expect(share('c1', [], ['c1'], 'average')).toEqual([])
})

describe('property: exactly one owner, shares differ by at most one', () => {
  for (const kind of ['average', 'circle'] as const) {
    test(kind, () => {
      for (let queueCount = 0; queueCount <= 40; queueCount++) {
        const list = queues({ a: Math.ceil(queueCount / 2), b: Math.floor(queueCount / 2) })
        for (let memberCount = 1; memberCount <= 12; memberCount++) {
          const members = Array.from({ length: memberCount }, (_, i) => `m${i}`)
          const shares = members.map((self) => allocate({ kind, queues: list, members, self }))
          const owned = shares.flat().sort(compareQueues)
          expect(owned).toEqual([...list].sort(compareQueues))
          const sizes = shares.map((own) => own.length)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
          const owners = ownersOf({ kind, queues: list, members, nameOf: queueName })
          expect(owners.size).toBe(queueCount)
        }
      }
    })
  }
})
