// Goal: what a broker says of a group's members survives the wire, and members that want different things
// are told apart from members that say the same in other words. Method: round trips, and a table.

import { expect, test } from 'bun:test'
import {
  decodeGroupView,
  describeDifference,
  differingSubscriptions,
  encodeGroupView,
  type GroupView,
  subscriptionsKey,
  type Wanted,
} from '../../src/remoting/group-view.ts'

const want = (topic: string, expression = '*', expressionType = 'TAG'): Wanted => ({
  topic,
  expression,
  expressionType,
})

test('decode(encode(x)) = x', () => {
  const view: GroupView = {
    group: 'g',
    members: [
      {
        clientId: 'c1',
        address: '10.0.0.1:5000',
        language: 0,
        version: 407,
        lastHeartbeatAgeMs: 12,
        subscriptions: [want('t', 'a || b'), want('u', 'x > 1', 'SQL92')],
      },
    ],
    unequalForMs: 5,
  }
  expect(decodeGroupView(encodeGroupView(view))).toEqual(view)
  const equal = { ...view, unequalForMs: null }
  expect(decodeGroupView(encodeGroupView(equal))).toEqual(equal)
})

const CASES: [string, Wanted[], Wanted[], string | null][] = [
  ['the same', [want('t', 'a')], [want('t', 'a')], null],
  ['the same tags in another order', [want('t', 'a || b')], [want('t', ' b||a ')], null],
  ['all, in two spellings', [want('t', '*')], [want('t', '')], null],
  ['another order of topics', [want('t'), want('u')], [want('u'), want('t')], null],
  ['retry topics of their own', [want('t'), want('%RETRY%g')], [want('t')], null],
  ['other tags', [want('t', 'a')], [want('t', 'b')], 't: "a" (c1), "b" (c2)'],
  ['all and some', [want('t')], [want('t', 'b')], 't: "*" (c1), "b" (c2)'],
  [
    'another topic',
    [want('t')],
    [want('u')],
    't: "*" (c1), nothing (c2); u: nothing (c1), "*" (c2)',
  ],
  [
    'a tag and SQL of the same text',
    [want('t', 'a')],
    [want('t', 'a', 'SQL92')],
    't: "a" (c1), "SQL92 a" (c2)',
  ],
]

for (const [name, first, second, expected] of CASES) {
  test(name, () => {
    const differences = differingSubscriptions([
      { clientId: 'c1', subscriptions: first },
      { clientId: 'c2', subscriptions: second },
    ])
    const text = differences.map(describeDifference).join('; ')
    expect(text === '' ? null : text).toBe(expected)
    if (expected !== null) expect(subscriptionsKey(first)).not.toBe(subscriptionsKey(second))
  })
}

test('a crowd is not listed name by name', () => {
  const members = Array.from({ length: 9 }, (_, i) => ({
    clientId: `c${i}`,
    subscriptions: [want('t', i === 0 ? 'a' : 'b')],
  }))
  const [difference] = differingSubscriptions(members)
  expect(describeDifference(difference!)).toBe('t: "a" (c0), "b" (c1, c2, c3, c4, c5, …)')
})
