// Goal: a stored message is Apache's, byte for byte. Method: the vector of the Java implementation,
// random records through write and decode, the forms only Apache writes, and cut records.

import { describe, expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { encodeProperties } from '../../src/remoting/properties.ts'
import {
  bodyCrc,
  decodeMessage,
  decodeMessages,
  type MessageRecord,
  messageBytes,
  offsetMessageId,
  parseOffsetMessageId,
  readUint53,
  SYSTEM_FLAG,
  writeMessage,
  writeUint53,
} from '../../src/remoting/stored-message.ts'
import { randomBytes, randomInt32 } from '../support/frames.ts'

/** Topic T, tag TagA, property a=1, body "hello", 10.0.0.1:1000 → 10.0.0.2:10911. */
const VECTOR = `
0000006F DAA320A7 3610A686 00000003 00000000 0000000000000007 0000000000000063 00000000 00000000000003E8
0A000001000003E8 00000000000007D0 0A00000200002A9F 00000000 0000000000000000 00000005 68656C6C6F 01 54
000E 6101310254414753015461674102`.replaceAll(/\s/g, '')

const RECORD: MessageRecord = {
  queueId: 3,
  flag: 0,
  queueOffset: 7,
  position: 99,
  systemFlag: 0,
  bornTimeMs: 1000,
  bornHost: 0x0a00_0001,
  bornPort: 1000,
  storeTimeMs: 2000,
  storeHost: 0x0a00_0002,
  storePort: 10911,
  reconsumeTimes: 0,
  preparedPosition: 0,
  body: Buffer.from('hello'),
  topic: Buffer.from('T'),
  properties: Buffer.from(encodeProperties({ a: '1', TAGS: 'TagA' })),
}

function written(record: MessageRecord): Buffer {
  const target = Buffer.alloc(messageBytes(record) + 5)
  const end = writeMessage(record, target, 5)
  expect(end).toBe(target.length)
  return target.subarray(5)
}

describe('the vector of the Java implementation', () => {
  test('is what we write', () => {
    expect(written(RECORD).toString('hex').toUpperCase()).toBe(VECTOR)
  })

  test('is read', () => {
    const { properties, body, ...rest } = decodeMessage(Buffer.from(VECTOR, 'hex'))
    expect(rest).toEqual({
      topic: 'T',
      queueId: 3,
      queueOffset: 7,
      position: 99,
      flag: 0,
      systemFlag: 0,
      bodyCrc: 907060870,
      bornTimeMs: 1000,
      bornHost: '10.0.0.1:1000',
      storeTimeMs: 2000,
      storeHost: '10.0.0.2:10911',
      reconsumeTimes: 0,
      preparedPosition: 0,
    })
    expect({ ...properties }).toEqual({ a: '1', TAGS: 'TagA' })
    expect(body.toString()).toBe('hello')
  })

  test('CRC of "hello" with the top bit cleared', () => {
    expect(bodyCrc(Buffer.from('hello'))).toBe(907060870)
  })
})

test('decoding random records gives what was written, also several in a row', () => {
  const seed = 31
  const random = seededRandom(seed)
  const uint53 = (): number => random.below(2 ** 53)
  for (let round = 0; round < 200; round++) {
    const records = Array.from(
      { length: 1 + random.below(4) },
      (): MessageRecord => ({
        queueId: random.below(1024),
        flag: randomInt32(random),
        queueOffset: uint53(),
        position: uint53(),
        systemFlag: randomInt32(random) & ~(SYSTEM_FLAG.bornHostV6 | SYSTEM_FLAG.storeHostV6),
        bornTimeMs: uint53(),
        bornHost: random.below(2 ** 32),
        bornPort: random.below(65_536),
        storeTimeMs: uint53(),
        storeHost: random.below(2 ** 32),
        storePort: random.below(65_536),
        reconsumeTimes: random.below(20),
        preparedPosition: uint53(),
        body: randomBytes(random, random.below(200)),
        topic: Buffer.from('t'.repeat(1 + random.below(127))),
        properties: Buffer.from(encodeProperties({ KEYS: `k${random.below(1e9)}` })),
      }),
    )
    const messages = decodeMessages(Buffer.concat(records.map(written)))
    expect(messages.length).toBe(records.length)
    messages.forEach((message, i) => {
      const record = records[i] as MessageRecord
      for (const name of [
        'queueId',
        'flag',
        'queueOffset',
        'position',
        'systemFlag',
        'bornTimeMs',
        'storeTimeMs',
        'reconsumeTimes',
        'preparedPosition',
      ] as const) {
        expect(message[name], `seed ${seed}: ${name}`).toBe(record[name])
      }
      expect(message.body.equals(record.body)).toBe(true)
      expect(message.bodyCrc).toBe(bodyCrc(record.body))
      expect(message.topic).toBe(record.topic.toString())
    })
  }
})

test('hosts of 16 bytes and long topics, which Apache writes, are read', () => {
  const flag = SYSTEM_FLAG.bornHostV6 | SYSTEM_FLAG.storeHostV6
  const v4 = written({ ...RECORD, systemFlag: flag })
  const v6 = Buffer.from('20010db8000000000000000000000001', 'hex')
  const head = v4.subarray(0, 48)
  const tail = v4.subarray(72, 88 + 5)
  const topic = Buffer.from('0001'.concat('54'), 'hex')
  const record = Buffer.concat([
    head,
    v6,
    v4.subarray(52, 56),
    v4.subarray(56, 64),
    v6,
    v4.subarray(68, 72),
    tail,
    topic,
    v4.subarray(88 + 5 + 2),
  ])
  record.writeUInt32BE(record.length, 0)
  record.writeUInt32BE(0xdaa3_20ab, 4)
  const message = decodeMessage(record)
  expect(message.bornHost).toBe('[2001:db8:0:0:0:0:0:1]:1000')
  expect(message.storeHost).toBe('[2001:db8:0:0:0:0:0:1]:10911')
  expect([message.topic, message.body.toString(), message.storeTimeMs]).toEqual([
    'T',
    'hello',
    2000,
  ])
})

test('a record cut anywhere, or of another kind, is a protocol error', () => {
  const record = written(RECORD)
  for (let length = 1; length < record.length; length++) {
    expect(() => decodeMessages(record.subarray(0, length)), `cut at ${length}`).toThrow('claims')
    expect(() => decodeMessage(record.subarray(0, length)), `cut at ${length}`).toThrow(
      'a stored message',
    )
  }
  const filler = Buffer.from(record)
  filler.writeUInt32BE(0xcbd4_3194, 4)
  expect(() => decodeMessage(filler)).toThrow('unknown magic cbd43194')
  const liar = Buffer.from(record)
  liar.writeUInt32BE(0xffff_ffff, 84)
  expect(() => decodeMessage(liar)).toThrow('cut short')
})

test('64-bit numbers by halves', () => {
  const buffer = Buffer.alloc(8)
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    writeUint53(buffer, value, 0)
    expect(buffer.readBigUInt64BE(0)).toBe(BigInt(value))
    expect(readUint53(buffer, 0)).toBe(value)
  }
})

test('offset ids are hosts, ports and positions in hex', () => {
  const id = offsetMessageId(0x0a00_0001, 10_097, 1_000)
  expect(id).toBe('0A0000010000277100000000000003E8')
  expect(parseOffsetMessageId(id)).toEqual({ host: '10.0.0.1', port: 10_097, position: 1_000 })
  expect(parseOffsetMessageId(offsetMessageId(0xffff_ffff, 65_535, 2 ** 53 - 1))).toEqual({
    host: '255.255.255.255',
    port: 65_535,
    position: 2 ** 53 - 1,
  })
  for (const other of ['', 'xyz', id.slice(1), `${id}00`])
    expect(parseOffsetMessageId(other)).toBeNull()
})
