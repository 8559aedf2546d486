// Goal: the compact header is Apache's, byte for byte. Method: a header laid out by hand, the corner
// values of each kind of field, and every length inside it that can lie.

import { expect, test } from 'bun:test'
import { FIELD_COUNT_MAX } from '../../src/core/limits.ts'
import { requestParts } from '../../src/remoting/command.ts'
import { decodeFrame } from '../../src/remoting/frame.ts'
import {
  binaryHeaderBytesMax,
  decodeBinaryHeader,
  type HeaderParts,
  writeBinaryHeader,
} from '../../src/remoting/header-binary.ts'

const PARTS: HeaderParts = {
  code: 310,
  language: 9,
  version: 317,
  opaque: -2,
  flag: 1,
  remark: 'ok',
  fields: { a: 'x', queueId: 12, isOn: true, none: undefined },
}
// code 0136, language 09, version 013d, opaque fffffffe, flag 1, remark "ok", 37 bytes of fields
const HEX = [
  '0136',
  '09',
  '013d',
  'fffffffe',
  '00000001',
  '00000002',
  '6f6b',
  '00000025',
  '0001',
  '61',
  '00000001',
  '78',
  '0007',
  '71756575654964',
  '00000002',
  '3132',
  '0004',
  '69734f6e',
  '00000004',
  '74727565',
].join('')

function written(parts: HeaderParts): Buffer {
  const buffer = Buffer.alloc(binaryHeaderBytesMax(parts) + 3)
  return buffer.subarray(3, writeBinaryHeader(parts, buffer, 3))
}

test('bytes as laid out by hand', () => {
  expect(written(PARTS).toString('hex')).toBe(HEX)
  const decoded = decodeBinaryHeader(Buffer.from(HEX, 'hex'), 0, HEX.length / 2, Buffer.alloc(0))
  expect({ ...decoded.fields }).toEqual({ a: 'x', queueId: '12', isOn: 'true' })
  expect([decoded.code, decoded.language, decoded.version]).toEqual([310, 9, 317])
  expect([decoded.opaque, decoded.flag, decoded.remark]).toEqual([-2, 1, 'ok'])
})

test('numbers are written as String() would write them', () => {
  const values = [
    0,
    1,
    9,
    10,
    99,
    100,
    4_294_967_296,
    2 ** 53 - 1,
    -1,
    -(2 ** 53 - 1),
    0.5,
    1e21,
    -1.2345678901234567e-100,
  ]
  for (const value of values) {
    const parts = { ...PARTS, remark: null, fields: { v: value } }
    const header = written(parts)
    const decoded = decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0))
    expect(decoded.fields['v']).toBe(String(value))
  }
})

test('the size bound holds for text of any width', () => {
  const wide = '€'.repeat(200)
  const parts = { ...PARTS, remark: wide, fields: { [wide]: wide, short: '€' } }
  const header = written(parts)
  expect(header.length).toBeLessThanOrEqual(binaryHeaderBytesMax(parts))
  const decoded = decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0))
  expect({ ...decoded.fields }).toEqual({ [wide]: wide, short: '€' })
  expect(decoded.remark).toBe(wide)
})

test('a code beyond 16 bits comes out as Apache reads it', () => {
  const header = written({ ...PARTS, code: 200_050 })
  expect(decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0)).code).toBe(3_442)
})

test('empty names and values are absent', () => {
  const fields = Buffer.from(`0001${'61'}00000000${'0000'}00000001${'78'}`, 'hex')
  const head = Buffer.alloc(21)
  head.writeInt32BE(fields.length, 17)
  const header = Buffer.concat([head, fields])
  const command = decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0))
  expect({ ...command.fields }).toEqual({})
})

test('a field named __proto__ is a field', () => {
  const bytes = Buffer.concat([
    Buffer.from('000009', 'hex').subarray(1),
    Buffer.from('__proto__'),
    Buffer.from('0000000178', 'hex'),
  ])
  const head = Buffer.alloc(21)
  head.writeInt32BE(bytes.length, 17)
  const header = Buffer.concat([head, bytes])
  const { fields } = decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0))
  expect(Object.keys(fields)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(fields)).toBeNull()
})

test('every length that lies is a protocol error', () => {
  const good = Buffer.from(HEX, 'hex')
  const decodeWith = (at: number, value: number, bytes: 2 | 4): unknown => {
    const header = Buffer.from(good)
    if (bytes === 4) header.writeInt32BE(value, at)
    else header.writeUInt16BE(value, at)
    return decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0)).fields
  }
  for (const value of [-1, 1_000, 0x7fff_ffff, -0x8000_0000]) {
    expect(() => decodeWith(13, value, 4)).toThrow('remark')
    expect(() => decodeWith(19, value, 4)).toThrow('bytes of fields')
    expect(() => decodeWith(26, value, 4)).toThrow('run past their end')
  }
  expect(() => decodeWith(23, 0xffff, 2)).toThrow('run past their end')
  for (let bytes = 0; bytes < 21; bytes++) {
    expect(() => decodeBinaryHeader(good, 0, bytes, Buffer.alloc(0))).toThrow('at least 21')
  }
  // Cut anywhere, or with a field section of any wrong length: an error or fewer fields, never more.
  for (let value = 0; value < 0x25; value++) {
    try {
      expect(Object.keys(decodeWith(19, value, 4) as object).length).toBeLessThan(3)
    } catch (error) {
      expect(String(error)).toContain('run past their end')
    }
  }
})

test('more fields than any peer sends are refused', () => {
  const many = Object.fromEntries(
    Array.from({ length: FIELD_COUNT_MAX + 1 }, (_, i) => [`f${i}`, i]),
  )
  const header = written({ ...PARTS, fields: many })
  const command = decodeBinaryHeader(header, 0, header.length, Buffer.alloc(0))
  expect(() => command.fields).toThrow('more than 256 fields')
})

test('the fields are handed out undecoded', () => {
  const header = written({ ...requestParts(310, {}, 1), fields: { b: 'topic' } })
  const word = Buffer.alloc(4)
  word.writeUInt32BE(0x0100_0000 | header.length)
  const command = decodeFrame(Buffer.concat([word, header]))
  const hex = command.readFields?.((bytes, at, end) => bytes.toString('hex', at, end))
  expect(hex).toBe(`000162${'00000005'}${Buffer.from('topic').toString('hex')}`)
})
