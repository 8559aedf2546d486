// Goal: a cached name is the name in the bytes, whatever was cached before. Method: random names that
// collide in every slot, and bytes that change under the cache.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { TextCache } from '../../src/remoting/text-cache.ts'
import { randomText } from '../support/frames.ts'

test('every lookup gives the text of its bytes', () => {
  const seed = 9
  const random = seededRandom(seed)
  const cache = new TextCache()
  const names = Array.from({ length: 2_000 }, () => randomText(random, 40))
  for (let i = 0; i < 20_000; i++) {
    const name = names[random.below(names.length)] as string
    const bytes = Buffer.from(`<${name}>`)
    expect(cache.get(bytes, 1, bytes.length - 1), `seed ${seed}`).toBe(name)
  }
})

test('the cache has its own copy of the bytes', () => {
  const cache = new TextCache()
  const bytes = Buffer.from('topic-a')
  cache.get(bytes, 0, 7)
  bytes.write('topic-b')
  expect(cache.get(bytes, 0, 7)).toBe('topic-b')
  expect(cache.get(Buffer.from('topic-a'), 0, 7)).toBe('topic-a')
})

test('long and empty texts pass uncached', () => {
  const cache = new TextCache()
  const long = 'x'.repeat(10_000)
  expect(cache.get(Buffer.from(long), 0, 10_000)).toBe(long)
  expect(cache.get(Buffer.from('abc'), 1, 1)).toBe('')
})
