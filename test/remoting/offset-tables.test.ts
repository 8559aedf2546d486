// Goal: tables keyed by queues are strict JSON when we write them and are read in fastjson's dialect too.
// Method: the bytes of what we write, decode(encode(x)) = x, and bodies as Java writes them: objects as
// keys, and a reference where two queues share one value.

import { expect, test } from 'bun:test'
import {
  decodeConsumeStats,
  decodeQueuePositions,
  decodeTopicStats,
  encodeConsumeStats,
  encodeQueuePositions,
  encodeTopicStats,
} from '../../src/remoting/offset-tables.ts'

const QUEUE = { brokerName: 'b', topic: 'T', queueId: 0 }
const KEY = '{"brokerName":"b","queueId":0,"topic":"T"}'
const KEY_TEXT = JSON.stringify(KEY)

test('topic stats', () => {
  const stats = [{ ...QUEUE, minOffset: 1, maxOffset: 5, lastStoreTimeMs: 1_700_000_000_000 }]
  const body = encodeTopicStats(stats)
  expect(body.toString()).toBe(
    `{"offsetTable":{${KEY_TEXT}:{"lastUpdateTimestamp":1700000000000,"maxOffset":5,"minOffset":1}}}`,
  )
  expect(decodeTopicStats(body)).toEqual(stats)
  const second = '{"brokerName":"b","queueId":1,"topic":"T"}'
  const java = `{"offsetTable":{${KEY}:{"lastUpdateTimestamp":1700000000000,"maxOffset":5,"minOffset":1},${second}:{"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}}}`
  expect(decodeTopicStats(Buffer.from(java))).toEqual([
    ...stats,
    { ...QUEUE, queueId: 1, minOffset: 0, maxOffset: 0, lastStoreTimeMs: 0 },
  ])
})

test('consume stats', () => {
  const stats = [{ ...QUEUE, brokerOffset: 9, committedOffset: 4, lastStoreTimeMs: 7 }]
  const body = encodeConsumeStats(stats)
  expect(JSON.parse(body.toString())).toEqual({
    consumeTps: 0,
    offsetTable: {
      [KEY]: { brokerOffset: 9, consumerOffset: 4, lastTimestamp: 7, pullOffset: 4 },
    },
  })
  expect(decodeConsumeStats(body)).toEqual(stats)
  // 4.9 has no pull offset.
  const java = `{"consumeTps":0.0,"offsetTable":{${KEY}:{"brokerOffset":9,"consumerOffset":4,"lastTimestamp":7}}}`
  expect(decodeConsumeStats(Buffer.from(java))).toEqual(stats)
})

test('positions', () => {
  const positions = [{ ...QUEUE, offset: 7 }]
  const body = encodeQueuePositions(positions)
  expect(body.toString()).toBe(`{"offsetTable":{${KEY_TEXT}:7}}`)
  expect(decodeQueuePositions(body)).toEqual(positions)
  expect(decodeQueuePositions(Buffer.from(`{"offsetTable":{${KEY}:7}}`))).toEqual(positions)
})

test('an empty or missing table is no queues', () => {
  for (const text of ['{"offsetTable":{}}', '{}', '{"offsetTable":null}']) {
    expect(decodeTopicStats(Buffer.from(text))).toEqual([])
  }
})
