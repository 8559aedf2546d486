// Goal: counters count for one node only and are read by name. Method: two Metrics side by side.

import { expect, test } from 'bun:test'
import { Metrics } from '../../src/core/metrics.ts'

test('a counter is one object per name and node', () => {
  const metrics = new Metrics()
  const other = new Metrics()
  metrics.counter('b').add()
  metrics.counter('b').add(4)
  metrics.counter('a')
  expect(metrics.counter('b').value).toBe(5)
  expect(other.counter('b').value).toBe(0)
  expect(Object.entries(metrics.snapshot())).toEqual([
    ['a', 0],
    ['b', 5],
  ])
})
