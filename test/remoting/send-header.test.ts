// Goal: every form of a send says the same, and the fast decoder says what the general one says,
// also of headers nobody honest writes. Method: random headers from a seed through both decoders;
// the long names of Go, the raw numbers of ali-ons, the missing and the malformed.

import { describe, expect, test } from 'bun:test'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import {
  asFields,
  type Command,
  type FieldValues,
  requestParts,
} from '../../src/remoting/command.ts'
import { decodeFrame, encodeFrame } from '../../src/remoting/frame.ts'
import {
  type DecodedSendHeader,
  decodeSendFields,
  decodeSendHeader,
  decodeSendResult,
  encodeSendHeader,
  type SendHeader,
} from '../../src/remoting/send-header.ts'
import { pick, randomText } from '../support/frames.ts'

function received(code: number, fields: FieldValues, encoding: 'json' | 'binary'): Command {
  const parts = requestParts(code, {}, 1)
  return decodeFrame(
    encodeFrame({ ...parts, fields: asFields(fields), body: parts.body as Buffer, encoding }),
    4,
  )
}

const HEADER: SendHeader = {
  producerGroup: 'group',
  topic: 'topic',
  templateTopic: 'TBW102',
  templateQueueCount: 8,
  queueId: -1,
  systemFlag: 0,
  bornTimeMs: 1_767_225_600_123,
  flag: -5,
  properties: 'KEYS\x01é\x02',
  reconsumeTimes: 3,
  reconsumeTimesMax: 16,
  isBatch: false,
  layoutTag: '12-a1b2',
}

/** All a header says, whether its members are values or getters. */
function said(header: DecodedSendHeader): unknown {
  const keys = [...Object.keys(HEADER), 'propertyBytes'] as (keyof DecodedSendHeader)[]
  return Object.fromEntries(keys.map((key) => [key, header[key]]))
}

function outcome(decode: () => DecodedSendHeader): unknown {
  try {
    return said(decode())
  } catch (error) {
    return String(error)
  }
}

test('what we encode is decoded the same from either header encoding', () => {
  const expected = { ...HEADER, propertyBytes: Buffer.from(HEADER.properties) }
  for (const encoding of ['json', 'binary'] as const) {
    const request = received(REQUEST.sendMessageCompact, encodeSendHeader(HEADER), encoding)
    expect(said(decodeSendHeader(request))).toEqual(expected)
  }
  const batch = received(REQUEST.sendBatch, encodeSendHeader(HEADER), 'binary')
  expect(decodeSendHeader(batch).isBatch).toBe(true)
  expect(
    decodeSendHeader(
      received(REQUEST.sendMessageCompact, { ...encodeSendHeader(HEADER), m: true }, 'binary'),
    ).isBatch,
  ).toBe(true)
})

test('a send with long names, as Go writes it', () => {
  const fields = {
    producerGroup: 'g',
    topic: 't',
    defaultTopic: 'TBW102',
    defaultTopicQueueNums: '4',
    queueId: '2',
    sysFlag: '0',
    bornTimestamp: '1767225600000',
    flag: '0',
    properties: '',
    reconsumeTimes: '0',
    unitMode: 'false',
    maxReconsumeTimes: '0',
    batch: 'false',
    brokerName: 'b',
  }
  for (const encoding of ['json', 'binary'] as const) {
    expect(decodeSendHeader(received(REQUEST.sendMessage, fields, encoding))).toMatchObject({
      producerGroup: 'g',
      topic: 't',
      templateTopic: 'TBW102',
      templateQueueCount: 4,
      queueId: 2,
      properties: '',
      reconsumeTimesMax: 0,
      isBatch: false,
    })
  }
})

test('what a client may leave out has its default', () => {
  const request = received(
    REQUEST.sendMessageCompact,
    { a: 'group', b: 'topic', e: 0, f: 0, g: 1 },
    'binary',
  )
  const expected = {
    ...HEADER,
    templateTopic: '',
    templateQueueCount: 4,
    queueId: 0,
    bornTimeMs: 1,
    flag: 0,
    properties: '',
    reconsumeTimes: 0,
    reconsumeTimesMax: null,
    layoutTag: null,
    propertyBytes: Buffer.alloc(0),
  }
  expect(said(decodeSendHeader(request))).toEqual(expected)
})

describe('refused, naming the field', () => {
  const good = encodeSendHeader(HEADER)
  test.each([
    ['topic missing', { ...good, b: undefined }, '"b"'],
    ['group missing', { ...good, a: undefined }, '"a"'],
    ['queue id missing', { ...good, e: undefined }, '"e"'],
    ['queue id is text', { ...good, e: 'x' }, '"e" must be an integer, got "x"'],
    ['flag beyond 32 bits', { ...good, h: 4_294_967_296 }, '"h" must fit 32 bits'],
    ['queue id beyond 32 bits', { ...good, e: -2_147_483_649 }, '"e" must fit 32 bits'],
    ['born before 1970', { ...good, g: -1 }, '"g" must not be negative'],
    ['born beyond 2^53', { ...good, g: '9007199254740993' }, '"g" must be an integer'],
    ['limit is text', { ...good, l: 'many' }, '"l" must be an integer'],
  ] as [string, FieldValues, string][])('%s', (_name, fields, message) => {
    for (const encoding of ['json', 'binary'] as const) {
      expect(() =>
        decodeSendHeader(received(REQUEST.sendMessageCompact, fields, encoding)),
      ).toThrow(message)
    }
  })
})

function randomFields(random: Random): Record<string, string> {
  const fields: Record<string, string> = {}
  const numbers = [
    '0',
    '7',
    '-1',
    '007',
    '-0',
    '2147483647',
    '2147483648',
    '1767225600000',
    '9007199254740991',
    '9007199254740992',
    '12345678901234567890',
    '1e3',
    ' 5',
    '5 ',
    '+5',
    '0x10',
    '-',
    '1.5',
    'x',
    '',
  ]
  for (const letter of 'abcdefghijklmn') {
    if (random.below(12) === 0) continue
    const isText = 'abcikmn'.includes(letter)
    if (!isText)
      fields[letter] = random.below(4) > 0 ? String(random.below(1_000)) : pick(random, numbers)
    else if (letter === 'm' || letter === 'k')
      fields[letter] = pick(random, ['true', 'false', 'TRUE', '1', ''])
    else
      fields[letter] =
        random.below(2) === 0
          ? pick(random, ['topic-a', 'topic-b', 'g', '%RETRY%g'])
          : randomText(random, 300)
  }
  if (random.below(3) === 0) fields[pick(random, ['bname', 'A', 'z', 'é', 'ab'])] = 'extra'
  return fields
}

test('the fast decoder and the general one agree on random headers', () => {
  const seed = 4_711
  const random = seededRandom(seed)
  let accepted = 0
  for (let i = 0; i < 20_000; i++) {
    const code = pick(random, [REQUEST.sendMessageCompact, REQUEST.sendBatch])
    const fields = randomFields(random)
    const fast = outcome(() => decodeSendHeader(received(code, fields, 'binary')))
    const general = outcome(() => decodeSendFields(received(code, fields, 'binary')))
    expect(fast, `seed ${seed}, header ${i}: ${JSON.stringify(fields)}`).toEqual(general)
    if (typeof fast === 'object') accepted++
  }
  expect(accepted).toBeGreaterThan(1_000)
})

test('they agree on bytes changed at random as well', () => {
  const seed = 4_712
  const random = seededRandom(seed)
  const parts = requestParts(REQUEST.sendMessageCompact, {}, 1)
  const fields = asFields(encodeSendHeader(HEADER))
  const frame = encodeFrame({ ...parts, fields, body: parts.body as Buffer, encoding: 'binary' })
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(frame)
    for (let k = random.below(3); k >= 0; k--) {
      bytes[29 + random.below(bytes.length - 29)] =
        random.below(4) === 0 ? random.below(256) : random.below(10)
    }
    const fast = outcome(() => decodeSendHeader(decodeFrame(bytes, 4)))
    const general = outcome(() => decodeSendFields(decodeFrame(bytes, 4)))
    if (hasOddText(general)) continue
    expect(fast, `seed ${seed}, ${bytes.toString('hex')}`).toEqual(general)
  }
})

/** Bytes that are no text: the fast decoder keeps them, the general one has replaced them. */
function hasOddText(result: unknown): boolean {
  return typeof result === 'object' && (result as SendHeader).properties.includes('\ufffd')
}

test('a result is read, with and without the transaction id', () => {
  const fields = { msgId: 'AB', queueId: '3', queueOffset: '9007199254740991' }
  expect(decodeSendResult(fields)).toEqual({
    offsetMessageId: 'AB',
    queueId: 3,
    queueOffset: 9_007_199_254_740_991,
    transactionId: null,
  })
  expect(decodeSendResult({ ...fields, transactionId: 'T' }).transactionId).toBe('T')
  expect(() => decodeSendResult({ msgId: 'AB', queueId: '3' })).toThrow('"queueOffset"')
})
