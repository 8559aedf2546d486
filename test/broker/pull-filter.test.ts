// Goal: a pull is filtered by its own subscription or the group's, or refused with the protocol's code.
// Method: the table of subscription bits, versions and expression types.

import { expect, test } from 'bun:test'
import type { ConsumerGroup } from '../../src/broker/consumer-groups.ts'
import { pullFilter, SQL_REFUSED } from '../../src/broker/pull-filter.ts'
import { MqError } from '../../src/core/errors.ts'
import { tagsHash } from '../../src/remoting/properties.ts'
import { PULL_FLAG, type PullHeader } from '../../src/remoting/pull-header.ts'
import { wireCode } from '../../src/remoting/wire-errors.ts'

const HEADER: PullHeader = {
  group: 'g',
  topic: 'T',
  queueId: 0,
  offset: 0,
  messagesMax: 32,
  systemFlag: 0,
  commitOffset: 0,
  suspendMs: 0,
  subscription: 'own',
  subscriptionVersion: 5n,
  expressionType: 'TAG',
  bytesMax: null,
}
const OWN = { ...HEADER, systemFlag: PULL_FLAG.subscription }

function groupOf(options: {
  topic?: string
  version?: bigint
  expression?: string
  expressionType?: string
}): ConsumerGroup<object> {
  const topic = options.topic ?? 'T'
  const subscription = {
    topic,
    expression: options.expression ?? 'beat',
    expressionType: options.expressionType ?? 'TAG',
    tags: [],
    tagHashes: [],
    version: options.version ?? 5n,
  }
  return {
    name: 'g',
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
    members: new Map(),
    subscriptions: new Map([[topic, subscription]]),
    changeCount: 1,
  }
}

const hashes = (...tags: string[]): Set<number> => new Set(tags.map(tagsHash))

test.each([
  ['its own, with the bit', OWN, null, hashes('own')],
  ['its own, several tags', { ...OWN, subscription: ' a || b||' }, null, hashes('a', 'b')],
  ['its own, all', { ...OWN, subscription: '*' }, null, null],
  ['its own, empty', { ...OWN, subscription: '' }, null, null],
  ["the group's, without the bit", HEADER, groupOf({}), hashes('beat')],
  ["the group's is newer", HEADER, groupOf({ version: 9n }), hashes('beat')],
  ["the group's, Go sends no type", HEADER, groupOf({ expressionType: '' }), hashes('beat')],
  ['no heartbeat yet', HEADER, null, 24],
  ['another topic', HEADER, groupOf({ topic: 'U' }), 24],
  ["the group's is older", HEADER, groupOf({ version: 4n }), 25],
  ["the group's is SQL", HEADER, groupOf({ expressionType: 'SQL92' }), 1],
  ['its own is SQL', { ...OWN, expressionType: 'SQL92' }, null, 1],
  ['a type nobody knows', { ...OWN, expressionType: 'X' }, null, 23],
] as const)('%s', (_what, header, group, expected) => {
  let outcome: unknown
  try {
    outcome = pullFilter(header, group)
  } catch (error) {
    if (!(error instanceof MqError)) throw error
    outcome = wireCode(error)
    if (outcome === 1) expect(error.message).toBe(SQL_REFUSED)
  }
  expect(outcome).toEqual(expected)
})
