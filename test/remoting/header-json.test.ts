// Goal: JSON headers as Java, Go and ali-ons write them are read, and ours are strict. Method: the
// vectors of the Java implementation, each quirk by itself, and what must be refused.

import { expect, test } from 'bun:test'
import { FIELD_COUNT_MAX } from '../../src/core/limits.ts'
import { LANGUAGE_OTHER } from '../../src/remoting/codes.ts'
import { NO_BODY } from '../../src/remoting/command.ts'
import { decodeJsonHeader, encodeJsonHeader } from '../../src/remoting/header-json.ts'

const BASE = '"code":30,"flag":0,"opaque":0'

test('a request as Java writes it', () => {
  const command = decodeJsonHeader(
    '{"code":30,"extFields":{"queueId":"1","committed":"true","topic":"T"},"flag":0,"language":"JAVA","opaque":0,"serializeTypeCurrentRPC":"JSON","version":0}',
    NO_BODY,
  )
  expect(command).toMatchObject({
    code: 30,
    flag: 0,
    language: 0,
    opaque: 0,
    version: 0,
    remark: null,
  })
  expect({ ...command.fields }).toEqual({ queueId: '1', committed: 'true', topic: 'T' })
})

test('a response as Java writes it, without fields', () => {
  const command = decodeJsonHeader(
    '{"code":0,"flag":1,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":0}',
    NO_BODY,
  )
  expect(command).toMatchObject({ code: 0, flag: 1, opaque: 1 })
  expect(Object.keys(command.fields)).toEqual([])
})

test('numbers and booleans in fields become text, as ali-ons needs; null is absent', () => {
  const header = `{${BASE},"extFields":{"queueId":3,"offset":9007199254740991,"ok":false,"none":null}}`
  const { fields } = decodeJsonHeader(header, NO_BODY)
  expect([fields['queueId'], fields['offset'], fields['ok']]).toEqual([
    '3',
    '9007199254740991',
    'false',
  ])
  expect(fields['none']).toBeUndefined()
})

test('unknown languages and keys are tolerated, a missing language is Java', () => {
  expect(decodeJsonHeader(`{${BASE},"language":"NODE_JS","x":[1]}`, NO_BODY).language).toBe(
    LANGUAGE_OTHER,
  )
  expect(decodeJsonHeader(`{${BASE}}`, NO_BODY).language).toBe(0)
})

test('fields have no prototype, and __proto__ is a field like any other', () => {
  const { fields } = decodeJsonHeader(`{${BASE},"extFields":{"__proto__":"p","a":"b"}}`, NO_BODY)
  expect(Object.getPrototypeOf(fields)).toBeNull()
  expect(Object.entries(fields)).toEqual([
    ['__proto__', 'p'],
    ['a', 'b'],
  ])
  expect(fields['constructor']).toBeUndefined()
  expect(decodeJsonHeader(`{${BASE},"extFields":{}}`, NO_BODY).fields['toString']).toBeUndefined()
})

test.each([
  ['no code', '{"flag":0,"opaque":0}', '"code"'],
  ['a code that is text', '{"code":"30","flag":0,"opaque":0}', '"code"'],
  ['an opaque beyond 32 bits', '{"code":1,"flag":0,"opaque":4294967296}', '"opaque"'],
  ['a flag with a fraction', '{"code":1,"flag":0.5,"opaque":0}', '"flag"'],
  ['a field that is an object', `{${BASE},"extFields":{"a":{}}}`, '"a" is not a plain value'],
  ['a field that is a list', `{${BASE},"extFields":{"a":[]}}`, '"a" is not a plain value'],
  [
    'too many fields',
    `{${BASE},"extFields":{${Array.from({ length: FIELD_COUNT_MAX + 1 }, (_, i) => `"f${i}":"1"`)}}}`,
    'more than 256 fields',
  ],
  ['text', '"text"', 'not an object'],
  ['half an object', '{"code":', 'does not parse'],
])('refused: %s', (_name, header, message) => {
  expect(() => decodeJsonHeader(header, NO_BODY)).toThrow(message)
})

test('ours is strict JSON: text values only, no remark when there is none', () => {
  const parts = { code: 0, language: 7, version: 407, opaque: 5, flag: 1, remark: null }
  const fields = { queueId: 3, isOn: true, text: 'a"b\\c\u2028', none: undefined }
  const header = JSON.parse(encodeJsonHeader({ ...parts, fields })) as Record<string, unknown>
  expect(header).toEqual({
    code: 0,
    extFields: { queueId: '3', isOn: 'true', text: 'a"b\\c\u2028' },
    flag: 1,
    language: 'OTHER',
    opaque: 5,
    serializeTypeCurrentRPC: 'JSON',
    version: 407,
  })
  expect(JSON.parse(encodeJsonHeader({ ...parts, fields: {}, remark: 'why' }))).toMatchObject({
    remark: 'why',
  })
})
