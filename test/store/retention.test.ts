// Goal: segments go oldest first when they are over age or size, and the active one never goes.
// Method: the pure decision on made-up segments.

import { expect, test } from 'bun:test'
import type { SegmentInfo } from '../../src/store/append-log.ts'
import { isOldestRetired } from '../../src/store/retention.ts'

function segment(newestStoreTimeMs: number, bytes = 100): SegmentInfo {
  return { basePosition: 0, nextPosition: 0, bytes, newestStoreTimeMs, path: '' }
}

const WIDE = { ageMsMax: 1e9, bytesMax: 1e9 }

test('age counts from the newest message of the segment', () => {
  const segments = [segment(1000), segment(5000)]
  expect(isOldestRetired(segments, { ...WIDE, ageMsMax: 100 }, 1100)).toBe(false)
  expect(isOldestRetired(segments, { ...WIDE, ageMsMax: 100 }, 1101)).toBe(true)
})

test('size counts all segments', () => {
  const segments = [segment(1000), segment(1000), segment(1000)]
  expect(isOldestRetired(segments, { ...WIDE, bytesMax: 300 }, 1000)).toBe(false)
  expect(isOldestRetired(segments, { ...WIDE, bytesMax: 299 }, 1000)).toBe(true)
})

test('a segment without messages keeps nothing that a reader could miss', () => {
  expect(isOldestRetired([segment(0), segment(1000)], WIDE, 1e12)).toBe(true)
})

test('the active segment stays, and no segments are no reason', () => {
  expect(isOldestRetired([segment(0)], { ageMsMax: 0, bytesMax: 0 }, 1e12)).toBe(false)
  expect(isOldestRetired([], { ageMsMax: 0, bytesMax: 0 }, 1e12)).toBe(false)
})
