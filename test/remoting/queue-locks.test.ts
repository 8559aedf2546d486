// Goal: lock bodies are read as clients and brokers write them. Method: the bodies of the golden frames,
// then encode and decode of our own.

import { expect, test } from 'bun:test'
import {
  decodeLockAnswer,
  decodeLockRequest,
  encodeLockAnswer,
  encodeLockRequest,
} from '../../src/remoting/queue-locks.ts'

const FROM_4_9 =
  '{"clientId":"127.0.0.1@1#2","consumerGroup":"g","mqSet":[{"brokerName":"b","queueId":0,"topic":"T"}]}'

test('reads a request of a 4.9 client, and writes one that reads the same', () => {
  const request = decodeLockRequest(Buffer.from(FROM_4_9))
  expect(request).toEqual({
    group: 'g',
    clientId: '127.0.0.1@1#2',
    queues: [{ brokerName: 'b', topic: 'T', queueId: 0 }],
  })
  expect(decodeLockRequest(encodeLockRequest(request))).toEqual(request)
})

test('reads back its answer, and one without queues', () => {
  const queues = [{ brokerName: 'b', topic: 'T', queueId: 3 }]
  expect(decodeLockAnswer(encodeLockAnswer(queues))).toEqual(queues)
  expect(decodeLockAnswer(Buffer.from('{}'))).toEqual([])
})

test('refuses a body without group or client', () => {
  expect(() => decodeLockRequest(Buffer.from('{"mqSet":[]}'))).toThrow('consumerGroup')
  expect(() => decodeLockRequest(Buffer.from('{"consumerGroup":"g"}'))).toThrow('clientId')
})
