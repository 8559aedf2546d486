// Goal: what a broker is told of a change of queues survives the wire, and is something it can keep.
// Method: a round trip, and plans that are wrong in one thing each.

import { expect, test } from 'bun:test'
import { CHANGE_HOLD_MS_MAX, REGISTRATION_COUNT_MAX } from '../../src/core/limits.ts'
import { jsonBody } from '../../src/remoting/route.ts'
import {
  type ChangePlan,
  decodeChangePlan,
  encodeChangePlan,
} from '../../src/remoting/topic-change.ts'

const PLAN: ChangePlan = {
  order: 'drain',
  before: { queues: 'broker-a:2', tag: '2-x' },
  after: { queues: 'broker-a:3;broker-b:0', tag: '3-y' },
  holdMs: 60_000,
  birthId: '00ff',
  attempt: 7,
}

test('decode(encode(x)) = x', () => {
  for (const plan of [PLAN, { ...PLAN, birthId: null, holdMs: 0 }]) {
    expect(decodeChangePlan(encodeChangePlan(plan))).toEqual(plan)
  }
})

const queues = (text: string) => ({ after: { queues: text, tag: 't' } })

const WRONG: [string, object][] = [
  ['queues on no broker', queues(':3')],
  ['a broker that cannot be called so', queues('../etc:3')],
  ['half a queue', queues('a:1.5')],
  ['fewer queues than none', queues('a:-1')],
  ['more queues than a client could list', queues(`a:${Number.MAX_SAFE_INTEGER}`)],
  ['more brokers than there may be', queues(`${'a:1;'.repeat(REGISTRATION_COUNT_MAX)}a:1`)],
  ['a tag that is a novel', { before: { queues: 'a:1', tag: 't'.repeat(1_000) } }],
  ['a hold without end', { holdMs: CHANGE_HOLD_MS_MAX + 1 }],
  ['a hold that is over before', { holdMs: -1 }],
  ['a birth id that is none', { birthId: 'a b' }],
  ['an attempt beyond all others', { attempt: 1e308 }],
]

for (const [name, part] of WRONG) {
  test(`${name} is refused`, () => {
    expect(() => decodeChangePlan(jsonBody({ ...PLAN, ...part }))).toThrow()
  })
}
