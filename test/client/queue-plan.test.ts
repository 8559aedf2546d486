// Goal: the plan of a change says per broker what comes and goes, adds up, and is even (R54). Method:
// tables, and every change between 1 and 24 queues on up to five brokers.

import { expect, test } from 'bun:test'
import type { BrokerSummary } from '../../src/client/admin-results.ts'
import { layoutOf, layoutOfCounts, queuesOfLayout } from '../../src/client/queue-layout.ts'
import { planQueues, spreadOf } from '../../src/client/queue-plan.ts'
import { planCreation } from '../../src/client/topic-plan.ts'
import { MASTER_ID } from '../../src/remoting/codes.ts'
import type { TopicRoute } from '../../src/remoting/route.ts'

function brokers(count: number): BrokerSummary[] {
  return Array.from({ length: count }, (_, i) => ({
    cluster: 'c',
    brokerName: `b${i}`,
    brokerId: MASTER_ID,
    address: `10.0.0.${i}:1`,
    seenBy: [],
  }))
}

function routeOf(brokerCount: number, queueCount: number): TopicRoute {
  const all = brokers(brokerCount)
  return {
    brokers: all.map(({ cluster, brokerName, address }) => ({
      cluster,
      brokerName,
      addresses: new Map([[MASTER_ID, address]]),
    })),
    queues: planCreation(all, { queueCount, permission: 6 }).map((placement) => ({
      ...placement,
      systemFlag: 0,
    })),
    orderConfig: null,
  }
}

test('8 to 12 on three brokers: one or two more each', () => {
  const options = { topic: 't', route: routeOf(3, 8), brokers: brokers(3) }
  const plan = planQueues({ ...options, queueCount: 12 })
  expect(plan.brokers.map(({ beforeCount, afterCount }) => [beforeCount, afterCount])).toEqual([
    [3, 4],
    [3, 4],
    [2, 4],
  ])
  expect(plan.brokers.map(({ newQueueIds }) => newQueueIds)).toEqual([[3], [3], [2, 3]])
  expect(plan.before.queues).toBe('b0:3;b1:3;b2:2')
  expect(plan.after.queues).toBe('b0:4;b1:4;b2:4')
})

test('property: any change adds up and is even, and what goes was there', () => {
  for (let brokerCount = 1; brokerCount <= 5; brokerCount++) {
    for (let from = 1; from <= 24; from++) {
      for (let to = 1; to <= 24; to++) {
        const route = routeOf(brokerCount, from)
        const plan = planQueues({
          topic: 't',
          route,
          brokers: brokers(brokerCount),
          queueCount: to,
        })
        expect(plan.queueCount).toBe(to)
        const after = plan.brokers.map(({ afterCount }) => afterCount)
        if (to >= brokerCount) expect(spreadOf(after)).toBeLessThanOrEqual(1)
        for (const { beforeCount, afterCount, newQueueIds, retiredQueueIds } of plan.brokers) {
          expect(newQueueIds.length - retiredQueueIds.length).toBe(afterCount - beforeCount)
        }
      }
    }
  }
})

test('queues that are only readable any more are among those that go', () => {
  const route = routeOf(1, 4)
  const [queues] = route.queues
  if (queues !== undefined) queues.writeQueueCount = 2
  const plan = planQueues({ topic: 't', route, brokers: brokers(1), queueCount: 2 })
  expect(plan.brokers[0]).toMatchObject({ beforeCount: 2, afterCount: 2, retiredQueueIds: [2, 3] })
})

test('a layout is a list of queues and back, whatever the order it was made in', () => {
  const layout = layoutOfCounts([
    { brokerName: 'b', queueCount: 2 },
    { brokerName: 'a', queueCount: 1 },
    { brokerName: 'c', queueCount: 0 },
  ])
  expect(layout.queues).toBe('a:1;b:2')
  expect(layout.tag).toStartWith('3-')
  expect(layoutOf(queuesOfLayout('t', layout))).toEqual(layout)
})
