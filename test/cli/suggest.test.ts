// Goal: a slip of the finger finds the word that was meant, another word finds nothing.
// Method: pairs.

import { expect, test } from 'bun:test'
import { editDistance, nearest } from '../../src/cli/suggest.ts'

test('distance counts insertions, deletions, changes and swaps', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'abd', 1],
    ['abc', 'acb', 1],
    ['kitten', 'sitting', 3],
  ]
  for (const [a, b, distance] of cases) {
    expect(editDistance(a, b)).toBe(distance)
    expect(editDistance(b, a)).toBe(distance)
  }
})

test('nearest', () => {
  const known = ['produce', 'consume', 'topic', 'up']
  expect(nearest('porduce', known)).toBe('produce')
  expect(nearest('consumer', known)).toBe('consume')
  expect(nearest('prod', known)).toBe('produce')
  expect(nearest('zzz', known)).toBe(null)
  expect(nearest('x', [])).toBe(null)
})
