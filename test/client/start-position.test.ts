// Goal: every documented form of a start position is understood, everything else is refused by name.
// Method: tables of text → position and position × bounds → offset.

import { expect, test } from 'bun:test'
import {
  parseStartPosition,
  resolveStart,
  type StartPosition,
} from '../../src/client/start-position.ts'
import { MqError } from '../../src/core/errors.ts'

const NOW_MS = Date.UTC(2024, 4, 1, 12, 0, 0)

test('the forms there are', () => {
  const table: [string, StartPosition][] = [
    ['start', { kind: 'start' }],
    ['end', { kind: 'end' }],
    [' end ', { kind: 'end' }],
    ['-100', { kind: 'last', count: 100 }],
    ['0', { kind: 'offset', offset: 0 }],
    ['1234', { kind: 'offset', offset: 1_234 }],
    ['offset 77', { kind: 'offset', offset: 77 }],
    ['offset:77', { kind: 'offset', offset: 77 }],
    ['@-1h', { kind: 'time', timestampMs: NOW_MS - 3_600_000 }],
    ['@-90m', { kind: 'time', timestampMs: NOW_MS - 5_400_000 }],
    ['@-2d', { kind: 'time', timestampMs: NOW_MS - 172_800_000 }],
    ['@-500ms', { kind: 'time', timestampMs: NOW_MS - 500 }],
    ['@-999999999d', { kind: 'time', timestampMs: 0 }],
    ['@2024-05-01T10:00:00Z', { kind: 'time', timestampMs: NOW_MS - 7_200_000 }],
    ['@2024-05-01', { kind: 'time', timestampMs: NOW_MS - 43_200_000 }],
    ['@1714560000000', { kind: 'time', timestampMs: 1_714_560_000_000 }],
  ]
  for (const [text, position] of table) {
    expect([text, parseStartPosition(text, NOW_MS)]).toEqual([text, position])
  }
})

test('anything else is a usage error that shows the text', () => {
  for (const text of [
    '',
    'begin',
    '-',
    '-0',
    '1.5',
    '@',
    '@1h',
    '@-1y',
    '@May',
    'offset -3',
    '@12',
  ]) {
    let caught: unknown
    try {
      parseStartPosition(text, NOW_MS)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(MqError)
    expect((caught as MqError).code).toBe('USAGE')
    expect((caught as MqError).message).toContain(`"${text}"`)
  }
})

test('positions become offsets within the queue', () => {
  const bounds = { minOffset: 50, maxOffset: 200 }
  const table: [StartPosition, number | null, number][] = [
    [{ kind: 'start' }, null, 50],
    [{ kind: 'end' }, null, 200],
    [{ kind: 'last', count: 100 }, null, 100],
    [{ kind: 'last', count: 1_000 }, null, 50],
    [{ kind: 'offset', offset: 120 }, null, 120],
    [{ kind: 'offset', offset: 3 }, null, 50],
    [{ kind: 'offset', offset: 999 }, null, 200],
    [{ kind: 'time', timestampMs: 1 }, 130, 130],
    [{ kind: 'time', timestampMs: 1 }, 0, 50],
    [{ kind: 'time', timestampMs: 1 }, null, 200],
  ]
  for (const [position, timeOffset, offset] of table) {
    expect(resolveStart(position, bounds, timeOffset)).toBe(offset)
  }
})
