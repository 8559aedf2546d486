// Goal: many questions, never more under way than allowed; results in order; a failure ends it. Method:
// actions that end when the test says so.

import { expect, test } from 'bun:test'
import { mapBounded } from '../../src/client/bounded.ts'

test('results in the order of the items, and never more at once than allowed', async () => {
  let atOnce = 0
  let atOnceMax = 0
  const items = Array.from({ length: 50 }, (_, i) => i)
  const results = await mapBounded(items, 4, async (item) => {
    atOnceMax = Math.max(atOnceMax, ++atOnce)
    for (let turn = 0; turn < (item * 7) % 5; turn++) await Promise.resolve()
    atOnce--
    return item * 2
  })
  expect(results).toEqual(items.map((item) => item * 2))
  expect(atOnceMax).toBe(4)
})

test('nothing to do', async () => {
  expect(await mapBounded([], 4, async () => 1)).toEqual([])
})

test('the first failure is the result, and no new action begins after it', async () => {
  const begun: number[] = []
  const work = mapBounded([0, 1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item)
    await Promise.resolve()
    if (item === 1) throw new Error('one')
    await new Promise((resolve) => setImmediate(resolve))
  })
  expect(work).rejects.toThrow('one')
  await work.catch(() => {})
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toEqual([0, 1])
})
