// Goal: an index block gives back what went in, never serves damage, and selects what a scan would.
// Method: laws over random blocks (the seed is printed), and the exact bytes of one block.

import { describe, expect, test } from 'bun:test'
import { AssertionError } from '../../src/core/assert.ts'
import { seededRandom } from '../../src/core/random.ts'
import { queueKey } from '../../src/store/append-log.ts'
import {
  decodeIndexBlock,
  encodeIndexBlock,
  filterIndexBlock,
  fitsIndexBlock,
  INDEX_BLOCK_COUNT_MAX,
  type IndexBlock,
  indexBlockHeader,
} from '../../src/store/index-block.ts'
import { randomBlock } from '../support/random-batch.ts'
import { testSeed } from '../support/seed.ts'

const seed = testSeed()

/** With plain arrays, whatever kind they were. */
function plain(block: IndexBlock) {
  const { positions, payloadBytes, tagsHashes, ...header } = block
  const columns = [positions, payloadBytes, tagsHashes].map((column) => Array.from(column))
  return { header, columns }
}

test('has the bytes that docs/STORAGE.md shows', () => {
  const block = encodeIndexBlock({
    queue: queueKey(3, 1),
    firstOffset: 100,
    firstStoreTimeMs: 1_700_000_000_001,
    lastStoreTimeMs: 1_700_000_000_002,
    positions: [1000, 1007],
    payloadBytes: [300, 301],
    tagsHashes: [2_598_919, -2],
  })
  expect(block.toString('hex').match(/../g)!.join(' ')).toBe(
    '21 d6 01 c2 01 00 00 02 00 00 00 03 00 00 00 01 ' +
      '00 00 00 00 00 00 00 64 00 00 00 00 00 00 03 e8 ' +
      '00 00 01 8b cf e5 68 01 00 00 01 8b cf e5 68 02 ' +
      '00 00 00 00 00 00 01 2c 00 27 a8 07 ' +
      '00 00 00 07 00 00 01 2d ff ff ff fe',
  )
})

test('decodes what was encoded', () => {
  const random = seededRandom(seed)
  for (let run = 0; run < 300; run++) {
    const block = randomBlock(random)
    const bytes = encodeIndexBlock(block)
    const decoded = decodeIndexBlock(bytes)
    expect(plain(decoded)).toEqual(plain(block))
    const header = indexBlockHeader(bytes)
    expect(queueKey(header.topicId, header.queueId)).toBe(block.queue)
    expect(header.count).toBe(block.positions.length)
    expect(header.firstOffset).toBe(block.firstOffset)
    expect(header.firstStoreTimeMs).toBe(block.firstStoreTimeMs)
    expect(header.lastStoreTimeMs).toBe(block.lastStoreTimeMs)
  }
})

test('selects what a scan would', () => {
  const random = seededRandom(seed + 1)
  for (let run = 0; run < 500; run++) {
    const block = randomBlock(random)
    const { length } = block.positions
    const fromOffset = Math.max(0, block.firstOffset - 3 + random.below(length + 6))
    const countMax = random.below(length + 2)
    const tags = random.below(3) === 0 ? null : new Set([0, 1].slice(random.below(3)))
    const expected: number[] = []
    let nextOffset = Math.max(fromOffset, block.firstOffset)
    for (; nextOffset < block.firstOffset + length && expected.length < countMax; nextOffset++) {
      const i = nextOffset - block.firstOffset
      if (tags === null || tags.has(block.tagsHashes[i]!)) expected.push(block.positions[i]!)
    }
    const result = filterIndexBlock(encodeIndexBlock(block), { fromOffset, countMax, tags })
    expect(result).toEqual({ positions: expected, nextOffset })
  }
})

describe('damage', () => {
  const block = encodeIndexBlock(randomBlock(seededRandom(seed + 2)))

  test('of any single bit is noticed', () => {
    for (let bit = 0; bit < Math.min(block.length, 400) * 8; bit++) {
      const damaged = Buffer.from(block)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => decodeIndexBlock(damaged)).toThrow('index block:')
    }
  })

  test('of any length is noticed', () => {
    for (let bytes = 0; bytes < Math.min(block.length, 400); bytes++) {
      expect(() => decodeIndexBlock(block.subarray(0, bytes))).toThrow('index block:')
    }
    expect(() => decodeIndexBlock(Buffer.concat([block, block]))).toThrow('index block:')
  })
})

test('refuses what does not fit', () => {
  const of = (positions: number[]) => ({
    queue: 0,
    firstOffset: 0,
    firstStoreTimeMs: 0,
    lastStoreTimeMs: 0,
    positions,
    payloadBytes: positions.map(() => 0),
    tagsHashes: positions.map(() => 0),
  })
  expect(fitsIndexBlock({ basePosition: 5, position: 5 + 0xffff_ffff })).toBe(true)
  expect(fitsIndexBlock({ basePosition: 5, position: 6 + 0xffff_ffff })).toBe(false)
  expect(() => encodeIndexBlock(of([]))).toThrow(AssertionError)
  expect(() => encodeIndexBlock(of(Array(INDEX_BLOCK_COUNT_MAX + 1).fill(1)))).toThrow(
    AssertionError,
  )
  expect(() => encodeIndexBlock(of([0, 0x1_0000_0000]))).toThrow(AssertionError)
})
