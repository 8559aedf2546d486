// Goal: durations, sizes and numbers read as people write them, and nothing else reads.
// Method: tables of texts.

import { describe, expect, test } from 'bun:test'
import {
  formatBytes,
  formatCount,
  formatDuration,
  parseBytes,
  parseDurationMs,
  parseInteger,
} from '../../src/cli/units.ts'

describe('durations', () => {
  const good: [string, number][] = [
    ['0ms', 0],
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['2min', 120_000],
    ['72h', 259_200_000],
    ['3d', 259_200_000],
  ]
  for (const [text, ms] of good) test(text, () => expect(parseDurationMs(text)).toBe(ms))
  for (const text of ['', '10', '-1s', '1 y', '1e3s', 's', '10s 5s', `${'9'.repeat(20)}d`]) {
    test(`not ${JSON.stringify(text)}`, () => expect(parseDurationMs(text)).toBe(null))
  }
})

describe('sizes', () => {
  const good: [string, number][] = [
    ['0', 0],
    ['128', 128],
    ['1k', 1024],
    ['1KiB', 1024],
    ['1kb', 1000],
    ['4 MiB', 4_194_304],
    ['1.5G', 1_610_612_736],
  ]
  for (const [text, bytes] of good) test(text, () => expect(parseBytes(text)).toBe(bytes))
  for (const text of ['', '-1', '1 acre', 'KiB', '1e3']) {
    test(`not ${JSON.stringify(text)}`, () => expect(parseBytes(text)).toBe(null))
  }
})

test('whole numbers within bounds', () => {
  const bounds = { min: -5, max: 10 }
  expect(parseInteger('-5', bounds)).toBe(-5)
  expect(parseInteger('10', bounds)).toBe(10)
  for (const text of ['11', '-6', '1.0', '', ' ', '1e1', '0x1', '٣']) {
    expect(parseInteger(text, bounds)).toBe(null)
  }
})

test('what people read', () => {
  expect([0, 999, 1_000, 61_000, 3_600_000, 86_400_000 * 3].map(formatDuration)).toEqual([
    '0 ms',
    '999 ms',
    '1 s',
    '1 min 1 s',
    '1 h',
    '3 d',
  ])
  expect([0, 1023, 1024, 4 * 1024 ** 2].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1 KiB',
    '4 MiB',
  ])
  expect([0, 999, 1_000, 1_234_567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567'])
})
