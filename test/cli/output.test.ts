// Goal: tables line up, values cannot drive a terminal, JSON keeps 64-bit numbers.
// Method: render without a terminal.

import { expect, test } from 'bun:test'
import colours from 'picocolors'
import { type Column, tableLines, toJson } from '../../src/cli/output.ts'

const COLUMNS: Column<{ name: string; count: number }>[] = [
  { title: 'name', value: (row) => row.name },
  { title: 'count', value: (row) => String(row.count), align: 'right' },
  { title: 'end', value: () => 'x' },
]

test('columns line up and the header says what they are', () => {
  const lines = tableLines(
    COLUMNS,
    [
      { name: 'a', count: 1 },
      { name: 'longer', count: 12_345_678 },
    ],
    colours.createColors(false),
  )
  expect(lines).toEqual(['NAME       COUNT  END', 'a              1  x', 'longer  12345678  x'])
})

test('control characters in values are shown, not obeyed', () => {
  const [, line] = tableLines(
    COLUMNS,
    [{ name: '\x1b[2J\n', count: 0 }],
    colours.createColors(false),
  )
  expect(line).toContain('\\x1b[2J\\x0a')
})

test('colours do not count as width', () => {
  const painted: Column<{ name: string }>[] = [
    { title: 'name', value: (row) => row.name, paint: (_, palette) => palette.red },
    { title: 'end', value: () => 'x' },
  ]
  const [, line] = tableLines(painted, [{ name: 'ab' }], colours.createColors(true))
  expect(Bun.stripANSI(line ?? '')).toBe('ab    x')
})

test('integers beyond 2^53 are decimal text', () => {
  expect(toJson({ big: 9_223_372_036_854_775_807n, small: 1 })).toBe(
    '{"big":"9223372036854775807","small":1}',
  )
})
