// Goal: queues are spread evenly over brokers when a topic is made and when it changes (R49, R54).
// Method: tables, and every number of queues on up to nine brokers.

import { expect, test } from 'bun:test'
import type { BrokerSummary } from '../../src/client/admin-results.ts'
import { planChange, planCreation, spreadEvenly } from '../../src/client/topic-plan.ts'

function brokers(count: number): BrokerSummary[] {
  return Array.from({ length: count }, (_, i) => ({
    cluster: 'c',
    brokerName: `broker-${i}`,
    brokerId: 0,
    address: `10.0.0.${i}:1`,
    seenBy: [],
  }))
}

test('8 on 3 are 3, 3 and 2', () => {
  expect(spreadEvenly(8, 3)).toEqual([3, 3, 2])
  expect(spreadEvenly(2, 3)).toEqual([1, 1, 0])
  expect(spreadEvenly(0, 2)).toEqual([0, 0])
})

test('property: the sum is right and no two differ by more than one', () => {
  for (let brokerCount = 1; brokerCount <= 9; brokerCount++) {
    for (let queueCount = 1; queueCount <= 40; queueCount++) {
      const placements = planCreation(brokers(brokerCount), { queueCount, permission: 6 })
      const counts = placements.map((placement) => placement.writeQueueCount)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(queueCount)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      expect(Math.min(...counts)).toBeGreaterThan(0)
    }
  }
})

test('a change touches only brokers that end up different', () => {
  const current = planCreation(brokers(3), { queueCount: 8, permission: 6 })
  const change = { queueCount: 9, permission: null }
  expect(planChange(current, brokers(3), change).map((p) => p.brokerName)).toEqual(['broker-2'])
  expect(planChange(current, brokers(3), { queueCount: 8, permission: null })).toEqual([])
  expect(planChange(current, brokers(3), { queueCount: null, permission: 4 })).toHaveLength(3)
})

test('growing takes in new brokers; the rest of a division goes to the old ones', () => {
  const current = planCreation(brokers(1), { queueCount: 2, permission: 6 })
  const [, , newcomer] = brokers(3)
  const planned = planChange(current, [newcomer!, ...brokers(2)], {
    queueCount: 4,
    permission: null,
  })
  expect(planned.map((p) => [p.brokerName, p.writeQueueCount])).toEqual([
    ['broker-2', 1],
    ['broker-1', 1],
  ])
})

test('shrinking closes queues to writers only', () => {
  const current = planCreation(brokers(2), { queueCount: 8, permission: 6 })
  expect(planChange(current, brokers(2), { queueCount: 1, permission: null })).toEqual([
    { ...current[0]!, writeQueueCount: 1, readQueueCount: 4 },
    { ...current[1]!, permission: 4 },
  ])
})
