// Goal: a subscription means the tags it names, by their text. Method: a table.

import { expect, test } from 'bun:test'
import { TagFilter } from '../../src/client/tag-filter.ts'

const tagged = (tag?: string) => ({ properties: tag === undefined ? {} : { TAGS: tag } })

test('which messages match', () => {
  const table: [string | undefined, string | undefined, boolean][] = [
    [undefined, undefined, true],
    ['*', 'a', true],
    ['', 'a', true],
    ['a', 'a', true],
    ['a', 'b', false],
    ['a', undefined, false],
    ['a || b', 'b', true],
    [' a||b ', 'a', true],
    ['a || b', 'a || b', false],
    // Equal Java hashes, different tags: only the client can tell.
    ['Aa', 'BB', false],
  ]
  for (const [expression, tag, isWanted] of table) {
    expect([expression, tag, new TagFilter(expression).matches(tagged(tag))]).toEqual([
      expression,
      tag,
      isWanted,
    ])
  }
})

test('as it travels in a heartbeat', () => {
  expect(new TagFilter('TagA||a').subscription('t', 5n)).toEqual({
    topic: 't',
    expression: 'TagA || a',
    expressionType: 'TAG',
    tags: ['TagA', 'a'],
    tagHashes: [2_598_919, 97],
    version: 5n,
  })
})
