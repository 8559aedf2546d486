// Goal: from a route exactly the queues, in exactly the order, that RocketMQ clients derive from it.
// Method: routes with each reason to leave a broker out.

import { expect, test } from 'bun:test'
import {
  masterAddress,
  publishQueues,
  readAddress,
  readableQueues,
} from '../../src/client/publish-queues.ts'
import type { TopicRoute } from '../../src/remoting/route.ts'

function route(
  brokers: Record<string, { ids?: number[]; read?: number; write?: number; permission?: number }>,
): TopicRoute {
  return {
    brokers: Object.entries(brokers).map(([brokerName, { ids = [0] }]) => ({
      cluster: 'c',
      brokerName,
      addresses: new Map(ids.map((id) => [id, `${brokerName}:${10_000 + id}`])),
    })),
    queues: Object.entries(brokers).map(
      ([brokerName, { read = 2, write = 2, permission = 6 }]) => ({
        brokerName,
        readQueueCount: read,
        writeQueueCount: write,
        permission,
        systemFlag: 0,
      }),
    ),
    orderConfig: null,
  }
}

const names = (queues: { brokerName: string; queueId: number }[]): string[] =>
  queues.map((queue) => `${queue.brokerName}${queue.queueId}`)

test('queues come by broker name, then id, whatever the order in the route', () => {
  expect(names(publishQueues('t', route({ b: {}, a: {} })))).toEqual(['a0', 'a1', 'b0', 'b1'])
})

test('producers skip brokers without a master or without write permission; readers do not', () => {
  const view = route({ a: { ids: [1] }, b: { permission: 4 }, c: { permission: 2 }, d: {} })
  expect(names(publishQueues('t', view))).toEqual(['c0', 'c1', 'd0', 'd1'])
  expect(names(readableQueues('t', view))).toEqual(['a0', 'a1', 'b0', 'b1', 'd0', 'd1'])
})

test('read and write counts are separate', () => {
  const view = route({ a: { read: 3, write: 1 } })
  expect(names(publishQueues('t', view))).toEqual(['a0'])
  expect(names(readableQueues('t', view))).toEqual(['a0', 'a1', 'a2'])
})

test('a template is capped', () => {
  expect(names(publishQueues('t', route({ a: { write: 8 } }), 4))).toHaveLength(4)
})

test('an order configuration is the list itself, even for a broker that is gone', () => {
  const view = { ...route({ a: {} }), orderConfig: 'b:2;a:1;junk' }
  expect(names(publishQueues('t', view))).toEqual(['b0', 'b1', 'a0'])
})

test('a count no broker can mean does not take our memory', () => {
  const view = route({
    a: { read: 2_000_000_000, write: 2_000_000_000 },
    b: { read: -5, write: -5 },
  })
  expect(publishQueues('t', view).length).toBeLessThan(20_000)
  expect(readableQueues('t', view).length).toBeLessThan(20_000)
})

test('addresses: sends go to the master only, reads to any when it is gone', () => {
  const view = route({ a: { ids: [0, 1] }, b: { ids: [2] } })
  expect(masterAddress(view, 'a')).toBe('a:10000')
  expect(masterAddress(view, 'b')).toBeNull()
  expect(masterAddress(view, 'x')).toBeNull()
  expect(readAddress(view, 'a')).toBe('a:10000')
  expect(readAddress(view, 'b')).toBe('b:10002')
})
