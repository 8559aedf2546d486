// Goal: a target is given out once, for its group and queue only. Method: each operation in turn.

import { expect, test } from 'bun:test'
import { OffsetResets } from '../../src/broker/offset-resets.ts'

test('a target waits until it is taken, the newest one counts', () => {
  const resets = new OffsetResets()
  resets.set('g', 1, 10)
  resets.set('g', 1, 20)
  resets.set('g', 2, 0)
  expect([resets.has('g', 1), resets.has('h', 1), resets.has('g', 3)]).toEqual([true, false, false])
  expect([resets.take('h', 1), resets.take('g', 1), resets.take('g', 1)]).toEqual([null, 20, null])
  expect(resets.take('g', 2)).toBe(0)
  resets.set('g', 1, 5)
  resets.forgetGroup('g')
  expect(resets.has('g', 1)).toBe(false)
})
