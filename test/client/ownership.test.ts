// Goal: who holds a queue, and whether that is as it should be, for every case there is. Method: a table.

import { expect, test } from 'bun:test'
import { mergedRoute } from '../../src/client/merged-route.ts'
import { holdersOf, ownershipOf } from '../../src/client/ownership.ts'

const queue = (queueId: number) => ({ topic: 't', brokerName: 'a', queueId })

test('holders, each once, sorted; members that could not be asked hold nothing', () => {
  const holders = holdersOf([
    { clientId: 'c2', queues: [queue(0), queue(1), queue(0)] },
    { clientId: 'c1', queues: [queue(1)] },
    { clientId: 'c3', queues: null },
  ])
  expect([...holders]).toEqual([
    ['t@a:0', ['c2']],
    ['t@a:1', ['c1', 'c2']],
  ])
})

test.each([
  [0, false, true, false, 'none'],
  [0, false, true, true, 'unknown'],
  [0, false, false, false, 'idle'],
  [0, false, false, true, 'idle'],
  [1, false, true, true, 'one'],
  [1, false, false, false, 'one'],
  [2, false, true, false, 'several'],
  [3, true, true, false, 'each'],
  [0, true, true, true, 'each'],
] as const)(
  '%d holders, broadcast %p, wanted %p, silent member %p: %s',
  (holderCount, isBroadcast, isWanted, hasSilentMember, expected) => {
    expect(ownershipOf({ holderCount, isBroadcast, isWanted, hasSilentMember })).toBe(expected)
  },
)

test('routes of several nameservers are put together, the larger count of a broker wins', () => {
  const routeOf = (counts: Record<string, number>) => ({
    brokers: Object.keys(counts).map((brokerName) => ({
      cluster: 'C',
      brokerName,
      addresses: new Map([[0, `${brokerName}:1`]]),
    })),
    queues: Object.entries(counts).map(([brokerName, count]) => ({
      brokerName,
      readQueueCount: count,
      writeQueueCount: count,
      permission: 6,
      systemFlag: 0,
    })),
    orderConfig: null,
  })
  const merged = mergedRoute([routeOf({ a: 4 }), routeOf({ a: 8, b: 2 })])
  expect(merged?.brokers.map(({ brokerName }) => brokerName)).toEqual(['a', 'b'])
  expect(merged?.queues.map((part) => [part.brokerName, part.readQueueCount])).toEqual([
    ['a', 8],
    ['b', 2],
  ])
  expect(mergedRoute([])).toBeNull()
})
