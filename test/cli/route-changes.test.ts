// Goal: a change of a route is told in words that say what it was and what it is. Method: a table of
// routes before and after.

import { expect, test } from 'bun:test'
import { type RouteChange, routeChanges } from '../../src/cli/route-changes.ts'
import type { TopicRoute } from '../../src/remoting/route.ts'

function route(...brokers: [string, string[], number, number][]): TopicRoute {
  return {
    brokers: brokers.map(([brokerName, addresses]) => ({
      cluster: 'c',
      brokerName,
      addresses: new Map(addresses.map((address, id) => [id, address])),
    })),
    queues: brokers.map(([brokerName, , queueCount, permission]) => ({
      brokerName,
      readQueueCount: queueCount,
      writeQueueCount: queueCount,
      permission,
      systemFlag: 0,
    })),
    orderConfig: null,
  }
}

const A: [string, string[], number, number] = ['a', ['h:1'], 4, 6]
const A_TEXT = '4 read, 4 write, rw at h:1'

const table: [string, TopicRoute | null, TopicRoute | null, RouteChange[]][] = [
  ['nothing', null, null, []],
  ['the same', route(A), route(A), []],
  [
    'a topic appears',
    null,
    route(A),
    [{ change: 'joined', brokerName: 'a', before: null, after: A_TEXT }],
  ],
  ['and goes', route(A), null, [{ change: 'left', brokerName: 'a', before: A_TEXT, after: null }]],
  [
    'permission, and somebody new',
    route(A),
    route(['a', ['h:1'], 4, 4], ['b', ['h:2', 'h:3'], 1, 6]),
    [
      { change: 'changed', brokerName: 'a', before: A_TEXT, after: '4 read, 4 write, r at h:1' },
      {
        change: 'joined',
        brokerName: 'b',
        before: null,
        after: '1 read, 1 write, rw at h:2, h:3 (id 1)',
      },
    ],
  ],
  [
    'an address',
    route(A),
    route(['a', ['h:9'], 4, 6]),
    [
      {
        change: 'changed',
        brokerName: 'a',
        before: A_TEXT,
        after: '4 read, 4 write, rw at h:9',
      },
    ],
  ],
]

for (const [title, before, after, expected] of table) {
  test(title, () => {
    expect(routeChanges(before, after)).toEqual(expected)
  })
}
