// Goal: pulls and their answers survive the wire. Method: encode and decode; the pull of a Go client;
// what is missing or too large.

import { expect, test } from 'bun:test'
import { asFields } from '../../src/remoting/command.ts'
import {
  decodePullAnswer,
  decodePullHeader,
  encodePullAnswer,
  encodePullHeader,
  PULL_FLAG,
  type PullHeader,
} from '../../src/remoting/pull-header.ts'

const PULL: PullHeader = {
  group: 'g',
  topic: 't',
  queueId: 3,
  offset: 9_007_199_254_740_991,
  messagesMax: 32,
  systemFlag: PULL_FLAG.suspend | PULL_FLAG.subscription,
  commitOffset: 5,
  suspendMs: 15_000,
  subscription: 'a || b',
  subscriptionVersion: 1_767_225_600_123_456_789n,
  expressionType: 'TAG',
  bytesMax: 262_144,
}

test('decoding what was encoded gives the same pull', () => {
  expect(decodePullHeader(asFields(encodePullHeader(PULL)))).toEqual(PULL)
  const without = { ...PULL, bytesMax: null }
  expect(decodePullHeader(asFields(encodePullHeader(without)))).toEqual(without)
})

test('the pull of a Go client: empty subscription, version 0', () => {
  const fields = {
    consumerGroup: 'g',
    topic: 't',
    queueId: '0',
    queueOffset: '0',
    maxMsgNums: '32',
    sysFlag: '2',
    commitOffset: '0',
    suspendTimeoutMillis: '20000',
    subscription: '',
    subVersion: '0',
    expressionType: 'TAG',
  }
  expect(decodePullHeader(fields)).toMatchObject({
    subscription: '',
    subscriptionVersion: 0n,
    bytesMax: null,
  })
})

test('refused, naming the field', () => {
  const fields = asFields(encodePullHeader(PULL))
  for (const name of [
    'consumerGroup',
    'topic',
    'queueId',
    'queueOffset',
    'maxMsgNums',
    'sysFlag',
  ]) {
    expect(() => decodePullHeader({ ...fields, [name]: undefined })).toThrow(`"${name}"`)
  }
  expect(() => decodePullHeader({ ...fields, queueOffset: '9223372036854775807' })).toThrow(
    '"queueOffset"',
  )
  expect(() => decodePullHeader({ ...fields, subVersion: '1x' })).toThrow('"subVersion"')
})

test('an answer always has the four numbers that Java unboxes', () => {
  const answer = { nextOffset: 7, minOffset: 0, maxOffset: 9 }
  const fields = asFields(encodePullAnswer(answer))
  expect({ ...fields }).toEqual({
    suggestWhichBrokerId: '0',
    nextBeginOffset: '7',
    minOffset: '0',
    maxOffset: '9',
  })
  expect(decodePullAnswer(fields)).toEqual(answer)
})
