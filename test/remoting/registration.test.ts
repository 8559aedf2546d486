// Goal: every registration a broker may send is read, and no body costs more than its bound. Method:
// the JSON vector of the Java implementation, compressed bodies built by hand as 4.9 and 5.x do, and
// a bomb.

import { describe, expect, test } from 'bun:test'
import { deflateSync } from 'node:zlib'
import {
  decodeRegistration,
  encodeRegistration,
  type RegistrationBody,
} from '../../src/remoting/registration.ts'

const TOPIC = {
  name: 'T',
  readQueueCount: 4,
  writeQueueCount: 8,
  permission: 6,
  systemFlag: 0,
  isOrdered: false,
}
const BODY: RegistrationBody = {
  dataVersion: { stateVersion: 0, timestampMs: 1, counter: 3 },
  topics: [TOPIC, { ...TOPIC, name: '%RETRY%g', permission: 2 }],
}

function lengthAnd(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}

function count(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const VERSION = '{"counter":3,"stateVersion":0,"timestamp":1}'

test('decoding what was encoded gives the same registration', () => {
  const body = { ...BODY, topics: [{ ...TOPIC, isOrdered: true, systemFlag: 1 }] }
  expect(decodeRegistration(encodeRegistration(body))).toEqual(body)
})

test('the vector of the Java implementation', () => {
  const java =
    '{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":3,"stateVersion":0,"timestamp":1},"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":1},"topicConfigTable":{"T":{"attributes":{},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":8}},"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}}'
  expect(decodeRegistration(Buffer.from(java))).toEqual({ ...BODY, topics: [TOPIC] })
})

test('the bare wrapper of brokers before 3.0.11', () => {
  const old = `{"dataVersion":${VERSION},"topicConfigTable":{"T":{"perm":6,"readQueueNums":4,"topicName":"T","writeQueueNums":8}}}`
  expect(decodeRegistration(Buffer.from(old))).toEqual({ ...BODY, topics: [TOPIC] })
})

describe('compressed', () => {
  const head = [lengthAnd(VERSION), count(2)]
  const topics = [
    lengthAnd('T 4 8 6 SINGLE_TAG'),
    lengthAnd('%RETRY%g 4 8 2 SINGLE_TAG {"+k":"v w"}'),
  ]
  const tail = [lengthAnd('[]')]

  test('as 4.9 and as 5.x write it: the first byte tells, not a field', () => {
    for (const mapping of [[], [count(0)], [count(1), lengthAnd('{"topic":"x"}')]]) {
      const body = deflateSync(Buffer.concat([...head, ...topics, ...tail, ...mapping]), {
        level: 9,
      })
      expect(body[0]).toBe(0x78)
      expect(decodeRegistration(body)).toEqual(BODY)
    }
  })

  test('cut, or with counts and lengths that lie', () => {
    const inner = Buffer.concat([...head, ...topics, ...tail])
    for (const length of [0, 3, 10, 50, 60, 75]) {
      expect(() => decodeRegistration(deflateSync(inner.subarray(0, length)))).toThrow('cut short')
    }
    const many = Buffer.concat([lengthAnd(VERSION), count(0x7fff_ffff), ...topics])
    expect(() => decodeRegistration(deflateSync(many))).toThrow('cut short')
    const negative = Buffer.concat([count(-5), ...head])
    expect(() => decodeRegistration(deflateSync(negative))).toThrow('cut short')
    const words = Buffer.concat([lengthAnd(VERSION), count(1), lengthAnd('T four 8 6')])
    expect(() => decodeRegistration(deflateSync(words))).toThrow('"T four 8 6"')
    expect(() => decodeRegistration(Buffer.from('78daffff', 'hex'))).toThrow('does not inflate')
  })

  test('a bomb is not inflated', () => {
    const bomb = deflateSync(Buffer.alloc(64 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(100_000)
    const before = process.memoryUsage().rss
    expect(() => decodeRegistration(bomb)).toThrow('does not inflate')
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * 1024 * 1024)
  })
})

test('what is no registration is refused', () => {
  for (const body of ['', '[]', 'x', '{"topicConfigTable":{"T":{}}}']) {
    expect(() => decodeRegistration(Buffer.from(body))).toThrow()
  }
  const huge = `{"topicConfigTable":{"T":{"topicName":"T","readQueueNums":1e99}}}`
  expect(() => decodeRegistration(Buffer.from(huge))).toThrow('"readQueueNums"')
})
