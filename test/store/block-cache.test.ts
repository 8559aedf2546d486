// Goal: the cache of index blocks finds what covers an offset and never grows beyond its bound.
// Method: more blocks than fit, of several queues, read in between.

import { expect, test } from 'bun:test'
import { BlockCache } from '../../src/store/block-cache.ts'
import { IndexRun } from '../../src/store/index-run.ts'

function run(firstOffset: number, count: number): IndexRun {
  const made = new IndexRun(firstOffset)
  for (let i = 0; i < count; i++) made.push(firstOffset + i, 100, 0, 0)
  return made
}

test('finds the run that covers an offset, of the right queue', () => {
  const cache = new BlockCache({ blocksMax: 10 })
  cache.add(1, run(0, 5))
  cache.add(1, run(5, 5))
  expect(cache.find(1, 4)?.firstOffset).toBe(0)
  expect(cache.find(1, 5)?.firstOffset).toBe(5)
  expect(cache.find(1, 10)).toBeNull()
  expect(cache.find(2, 0)).toBeNull()
})

test('forgets the oldest block of the queue that was read longest ago', () => {
  const cache = new BlockCache({ blocksMax: 3 })
  cache.add(1, run(0, 5))
  cache.add(2, run(0, 5))
  cache.add(2, run(5, 5))
  cache.find(1, 0)
  cache.add(3, run(0, 5))
  expect(cache.count).toBe(3)
  expect(cache.find(1, 0)).not.toBeNull()
  expect(cache.find(2, 0)).toBeNull()
  expect(cache.find(2, 5)).not.toBeNull()
})

test('stays within its bound, whatever is added and dropped', () => {
  const cache = new BlockCache({ blocksMax: 20 })
  for (let i = 0; i < 500; i++) {
    cache.add(i % 7, run(i * 5, 5))
    if (i % 50 === 0) cache.drop(i % 7)
    expect(cache.count).toBeLessThanOrEqual(20)
  }
  for (let queue = 0; queue < 7; queue++) cache.drop(queue)
  expect(cache.count).toBe(0)
})
