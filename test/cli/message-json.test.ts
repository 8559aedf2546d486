// Goal: a message that is printed as JSON and read again is the same message, byte for byte.
// Method: random bodies, text and not; then objects with one mistake each.

import { describe, expect, test } from 'bun:test'
import { messageFromJson, messageToJson } from '../../src/cli/message-json.ts'
import { toJson } from '../../src/cli/output.ts'
import { seededRandom } from '../../src/core/random.ts'
import { receivedMessage } from '../support/received-message.ts'

function roundTrip(body: Uint8Array): Uint8Array {
  const line = toJson(messageToJson(receivedMessage({ body: Buffer.from(body) })))
  expect(line).not.toContain('\n')
  return messageFromJson(Buffer.from(line), 'orders').body
}

test('random bodies survive', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seededRandom(seed)
    const isText = random.below(2) === 0
    const bytes = isText
      ? Buffer.from(
          String.fromCodePoint(
            ...Array.from({ length: random.below(40) }, () => random.below(0xd7ff)),
          ),
        )
      : Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)))
    expect(Buffer.from(roundTrip(bytes)).equals(bytes), `seed ${seed}`).toBe(true)
  }
})

test('text stays readable, a byte-order mark and line ends stay, anything else is base64', () => {
  const json = (body: Buffer) => messageToJson(receivedMessage({ body }))
  expect(json(Buffer.from('grüße\r\n')).body).toBe('grüße\r\n')
  expect(json(Buffer.from([0xff, 0xfe])).bodyBase64).toBe('//4=')
  expect(json(Buffer.from([0xff])).body).toBe(undefined)
  const marked = Buffer.from('\ufeffx')
  expect(Buffer.from(roundTrip(marked)).equals(marked)).toBe(true)
})

test('key, tag, flag and properties come back; what the transport added does not', () => {
  const message = receivedMessage({
    flag: -7,
    properties: { KEYS: '007', TAGS: 'new', UNIQ_KEY: 'X', WAIT: 'true', colour: 'blue' },
  })
  const json = messageToJson(message)
  expect(json).toMatchObject({ key: '007', tag: 'new', properties: { colour: 'blue' }, flag: -7 })
  expect(messageFromJson(Buffer.from(toJson(json)), 'other')).toEqual({
    topic: 'other',
    key: '007',
    tag: 'new',
    flag: -7,
    properties: { colour: 'blue' },
    body: Buffer.from('hello'),
  })
})

describe('refused', () => {
  const cases: [string, string][] = [
    ['not json', 'not JSON'],
    ['[1]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{}', 'either "body" or "bodyBase64"'],
    ['{"body":"a","bodyBase64":"YQ=="}', 'either "body" or "bodyBase64"'],
    ['{"body":1}', 'body is not text'],
    ['{"bodyBase64":"***"}', 'not base64'],
    ['{"body":"","key":7}', 'key is not text'],
    ['{"body":"","flag":1.5}', '32-bit'],
    ['{"body":"","flag":4294967296}', '32-bit'],
    ['{"body":"","properties":[]}', 'properties is not an object'],
    ['{"body":"","properties":{"a":1}}', '"a" is not text'],
  ]
  for (const [line, expected] of cases) {
    test(line, () => expect(() => messageFromJson(Buffer.from(line), 't')).toThrow(expected))
  }
  test('bytes that are not UTF-8', () => {
    expect(() => messageFromJson(Buffer.from([0x7b, 0xff, 0x7d]), 't')).toThrow('not JSON')
  })
})
