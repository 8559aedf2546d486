// Goal: a field is read as what it must be, or refused by name. Method: a table of texts per reader.

import { describe, expect, test } from 'bun:test'
import {
  bigintField,
  booleanField,
  int32Field,
  intField,
  optionalFlag,
  optionalInt,
  optionalInt32,
  textField,
  timeField,
} from '../../src/remoting/field-reader.ts'

describe('integers', () => {
  test.each([
    ['0', 0],
    ['-1', -1],
    ['9007199254740991', 9_007_199_254_740_991],
    ['-9007199254740991', -9_007_199_254_740_991],
  ])('%s', (text, value) => {
    expect(intField({ x: text }, 'x')).toBe(value)
    expect(optionalInt({ x: text }, 'x', 7)).toBe(value)
  })

  test.each(['', ' ', 'x', '1.5', '9007199254740992', 'NaN', 'Infinity', '1,000'])(
    'refused: %p',
    (text) => {
      expect(() => intField({ x: text }, 'x')).toThrow('"x" must be an integer')
    },
  )

  test('absent or empty ones have the default where there is one', () => {
    expect(optionalInt({}, 'x', 7)).toBe(7)
    expect(optionalInt({ x: '' }, 'x', 7)).toBe(7)
    expect(() => intField({}, 'x')).toThrow('lacks the field "x"')
  })

  test('of 32 bits, and times', () => {
    expect(int32Field({ x: '-2147483648' }, 'x')).toBe(-2_147_483_648)
    expect(() => int32Field({ x: '2147483648' }, 'x')).toThrow('must fit 32 bits, got 2147483648')
    expect(optionalInt32({}, 'x', 3)).toBe(3)
    expect(() => optionalInt32({ x: '1e10' }, 'x', 3)).toThrow('32 bits')
    expect(timeField({ x: '0' }, 'x')).toBe(0)
    expect(() => timeField({ x: '-1' }, 'x')).toThrow('must not be negative')
  })

  test('of 64 bits, exactly', () => {
    expect(bigintField({ x: '9223372036854775807' }, 'x', 0n)).toBe(9_223_372_036_854_775_807n)
    expect(bigintField({}, 'x', 5n)).toBe(5n)
    for (const text of ['', '1.0', 'x', '1'.repeat(20)]) {
      expect(() => bigintField({ x: text }, 'x', 0n)).toThrow('"x" must be an integer')
    }
  })
})

test('text and flags', () => {
  expect(textField({ x: 'a b' }, 'x')).toBe('a b')
  expect(() => textField({}, 'x')).toThrow('lacks the field "x"')
  expect([
    optionalFlag({ x: 'true' }, 'x'),
    optionalFlag({ x: 'TRUE' }, 'x'),
    optionalFlag({}, 'x'),
  ]).toEqual([true, false, false])
  expect([booleanField({ x: 'true' }, 'x'), booleanField({ x: 'false' }, 'x')]).toEqual([
    true,
    false,
  ])
  expect(() => booleanField({ x: 'TRUE' }, 'x')).toThrow('"x" must be true or false, got "TRUE"')
})

test('a long value is not repeated to the log in full', () => {
  expect(() => intField({ x: 'y'.repeat(10_000) }, 'x')).toThrow(/^.{0,120}$/)
})
