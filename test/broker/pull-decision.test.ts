// Goal: every place an offset can have in a queue leads to the protocol's decision. Method: the table.

import { expect, test } from 'bun:test'
import { decidePull } from '../../src/broker/pull-decision.ts'

const BOUNDS = { minOffset: 5, maxOffset: 9 }

test.each([
  ['never written, at 0', { offset: 0, minOffset: 0, maxOffset: 0 }, 'wait'],
  ['never written, elsewhere', { offset: 7, minOffset: 0, maxOffset: 0 }, 0],
  ['at the first message', { offset: 5, minOffset: 5, maxOffset: 9 }, 'read'],
  ['at the last message', { offset: 8, minOffset: 5, maxOffset: 9 }, 'read'],
  ['at the end', { offset: 9, minOffset: 5, maxOffset: 9 }, 'wait'],
  ['past the end', { offset: 10, minOffset: 5, maxOffset: 9 }, 9],
  ['past the end, of a topic made anew', { ...BOUNDS, offset: 10, isAnew: true }, 5],
  ['at the end, of a topic made anew', { ...BOUNDS, offset: 9, isAnew: true }, 'wait'],
  ['before the first', { offset: 4, minOffset: 5, maxOffset: 9 }, 5],
  ['negative', { offset: -1, minOffset: 0, maxOffset: 9 }, 0],
  ['all retired, at the end', { offset: 9, minOffset: 9, maxOffset: 9 }, 'wait'],
  ['all retired, before', { offset: 3, minOffset: 9, maxOffset: 9 }, 9],
] as const)('%s', (_what, pull, expected) => {
  const decision = decidePull({ isAnew: false, ...pull })
  expect(decision.kind === 'moved' ? decision.nextOffset : decision.kind).toBe(expected)
})
