// Goal: bodies about members are the protocol's, both ways. Method: decode(encode(x)) = x, the bytes of
// one, and what Java writes.

import { expect, test } from 'bun:test'
import {
  decodeConsumerConnections,
  decodeConsumerList,
  decodeGroupList,
  decodeProducerConnections,
  encodeConsumerConnections,
  encodeConsumerList,
  encodeGroupList,
  encodeProducerConnections,
} from '../../src/remoting/client-connections.ts'

const CONNECTION = { clientId: 'ip@1', address: '10.0.0.9:4000', language: 9, version: 317 }

test('consumers with their subscriptions', () => {
  const view = {
    connections: [CONNECTION],
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
    subscriptions: [
      {
        topic: 'T',
        expression: 'a',
        expressionType: 'TAG',
        tags: ['a'],
        tagHashes: [97],
        version: 5n,
      },
    ],
  }
  const body = encodeConsumerConnections(view)
  expect(decodeConsumerConnections(body)).toEqual(view)
  expect(JSON.parse(body.toString()).subscriptionTable.T).toMatchObject({
    subString: 'a',
    codeSet: [97],
  })
})

test('producers, and a language nobody knows yet', () => {
  const body = encodeProducerConnections([CONNECTION])
  expect(body.toString()).toBe(
    '{"connectionSet":[{"clientAddr":"10.0.0.9:4000","clientId":"ip@1","language":"GO","version":317}]}',
  )
  expect(decodeProducerConnections(body)).toEqual([CONNECTION])
  const newer = body.toString().replace('"GO"', '"NODE_JS"')
  expect(decodeProducerConnections(Buffer.from(newer))[0]?.language).toBe(7)
})

test('lists of clients and groups', () => {
  expect(encodeConsumerList(['a', 'b']).toString()).toBe('{"consumerIdList":["a","b"]}')
  expect(decodeConsumerList(encodeConsumerList(['a', 'b']))).toEqual(['a', 'b'])
  expect(decodeConsumerList(Buffer.from('{}'))).toEqual([])
  expect(encodeGroupList(['g']).toString()).toBe('{"groupList":["g"]}')
  expect(decodeGroupList(encodeGroupList(['g']))).toEqual(['g'])
})
