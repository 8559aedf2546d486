// Goal: what consumers say of themselves is read alike from ours, Java's and Go's. Method: a round trip,
// and bodies as the other two write them: queues as keys without quotes, sets as null.

import { expect, test } from 'bun:test'
import {
  type ConsumerRunningInfo,
  decodeConsumerRunningInfo,
  encodeConsumerRunningInfo,
} from '../../src/remoting/consumer-running-info.ts'

const INFO: ConsumerRunningInfo = {
  nameservers: ['ns1:9876', 'ns2:9876'],
  consumeType: 'CONSUME_PASSIVELY',
  isOrdered: true,
  concurrency: 2,
  version: '407',
  startTimeMs: 1_767_225_600_000,
  subscriptions: [
    {
      topic: 't',
      expression: 'a || b',
      expressionType: 'TAG',
      tags: ['a', 'b'],
      tagHashes: [97, 98],
      version: 5n,
    },
  ],
  queues: [
    {
      topic: 't',
      brokerName: 'broker-a',
      queueId: 3,
      commitOffset: 7,
      cachedCount: 2,
      cachedMinOffset: 7,
      cachedMaxOffset: 8,
      cachedBytes: 0,
      isLocked: true,
      lastLockTimeMs: 1,
      lastPullTimeMs: 2,
      lastConsumeTimeMs: 3,
    },
  ],
}

test('decode(encode(x)) = x', () => {
  expect(decodeConsumerRunningInfo(encodeConsumerRunningInfo(INFO))).toEqual(INFO)
})

test("as Java's serializer writes it", () => {
  const body = `{"jstack":null,"mqPopTable":{},"mqTable":{{"brokerName":"b","queueId":1,"topic":"t"}:{
    "cachedMsgCount":0,"commitOffset":4,"droped":false,"locked":false,"lastPullTimestamp":9},
    {"brokerName":"b","queueId":2,"topic":"t"}:{"commitOffset":5}},
    "properties":{"PROP_CONSUMEORDERLY":"false","PROP_CONSUME_TYPE":"CONSUME_PASSIVELY"},
    "statusTable":{},"subscriptionSet":[{"classFilterMode":false,"codeSet":[],"expressionType":"TAG",
    "subString":"*","subVersion":3,"tagsSet":[],"topic":"t"}],"userConsumerInfo":{}}`
  const { queues, subscriptions, isOrdered } = decodeConsumerRunningInfo(Buffer.from(body))
  const held = queues.map((queue) => [queue.brokerName, queue.queueId, queue.commitOffset])
  expect(held).toEqual([
    ['b', 1, 4],
    ['b', 2, 5],
  ])
  expect(subscriptions.map(({ topic, expression }) => [topic, expression])).toEqual([['t', '*']])
  expect(isOrdered).toBe(false)
})

test('as Go writes it', () => {
  const body = `{"properties":{},"statusTable":{},"subscriptionSet":[{"classFilterMode":false,"topic":"t",
    "subString":"*","tagsSet":null,"codeSet":null,"subVersion":1767225600000000000,"expressionType":"TAG"}],
    "mqTable":{{"topic":"t","brokerName":"b","queueId":0}:{"commitOffset":1,"dropped":false}}, "jstack":"" }`
  const { queues, subscriptions } = decodeConsumerRunningInfo(Buffer.from(body))
  expect(queues.map(({ topic, brokerName, queueId }) => [topic, brokerName, queueId])).toEqual([
    ['t', 'b', 0],
  ])
  expect(subscriptions[0]?.version).toBe(1_767_225_600_000_000_000n)
})
