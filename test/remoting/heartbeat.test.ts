// Goal: heartbeats of Java, Go and ours are read alike. Method: a body as each writes it.

import { expect, test } from 'bun:test'
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from '../../src/remoting/heartbeat.ts'

const BEAT: Heartbeat = {
  clientId: '10.0.0.9@1234#99',
  producerGroups: ['p'],
  consumers: [
    {
      group: 'g',
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptions: [
        {
          topic: 't',
          expression: 'a||b',
          expressionType: 'TAG',
          tags: ['a', 'b'],
          tagHashes: [97, 98],
          version: 1_700_000_000_000n,
        },
      ],
    },
  ],
}

test('decoding what was encoded gives the same heartbeat', () => {
  expect(decodeHeartbeat(encodeHeartbeat(BEAT))).toEqual(BEAT)
})

test('as Java 5 writes it, with what we do not need', () => {
  const java =
    '{"clientID":"10.0.0.9@1234#99","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"g","messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[97,98],"expressionType":"TAG","subString":"a||b","subVersion":1700000000000,"tagsSet":["a","b"],"topic":"t"}],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"p"}],"withoutSub":false}'
  expect(decodeHeartbeat(Buffer.from(java))).toEqual(BEAT)
})

test('as Go writes it: nulls, hashes as text, versions in nanoseconds', () => {
  const go =
    '{"clientID":"c","producerDataSet":null,"consumerDataSet":[{"groupName":"g","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":null,"subscriptionDataSet":[{"classFilterMode":false,"topic":"t","subString":"a","tagsSet":null,"codeSet":["97"],"subVersion":1767225600123456789,"expressionType":""},{"topic":"u","subString":"*","tagsSet":[],"codeSet":[],"subVersion":1}],"unitMode":false}]}'
  const { producerGroups, consumers } = decodeHeartbeat(Buffer.from(go))
  expect(producerGroups).toEqual([])
  expect(consumers[0]).toMatchObject({ consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' })
  expect(consumers[0]?.subscriptions).toEqual([
    {
      topic: 't',
      expression: 'a',
      expressionType: 'TAG',
      tags: [],
      tagHashes: [97],
      version: 1_767_225_600_123_456_789n,
    },
    { topic: 'u', expression: '*', expressionType: 'TAG', tags: [], tagHashes: [], version: 1n },
  ])
})

test('a heartbeat without a client or a group name is refused', () => {
  expect(() => decodeHeartbeat(Buffer.from('{}'))).toThrow('"clientID"')
  expect(() => decodeHeartbeat(Buffer.from('{"clientID":"c","consumerDataSet":[{}]}'))).toThrow(
    '"groupName"',
  )
})
