// Goal: expressions mean the tags that Java clients mean by them. Method: a table.

import { expect, test } from 'bun:test'
import { parseTags, tagHashes } from '../../src/remoting/tag-expression.ts'

test.each([
  ['*', null],
  ['', null],
  [' * ', null],
  ['a', ['a']],
  ['a||b', ['a', 'b']],
  [' a || b || ', ['a', 'b']],
  ['a || a', ['a']],
  ['||', []],
])('%p', (expression, tags) => {
  expect(parseTags(expression)).toEqual(tags)
})

test('hashes are those of Java', () => {
  expect(tagHashes('TagA || a')).toEqual(new Set([2_598_919, 97]))
  expect(tagHashes('*')).toBeNull()
})
