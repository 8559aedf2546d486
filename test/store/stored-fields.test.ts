// Goal: the store finds the few fields it needs in a stored message, for every layout a broker may
// have written. Method: messages put together by hand, with IPv4 and IPv6 hosts, short and long
// topics, and properties of all the writers known.

import { expect, test } from 'bun:test'
import {
  javaHash,
  storedQueueOffset,
  storedTagsHash,
  storedTimeMs,
} from '../../src/store/stored-fields.ts'

interface Made {
  bornV6?: boolean
  storeV6?: boolean
  longTopic?: boolean
  properties: string
}

function made({ bornV6 = false, storeV6 = false, longTopic = false, properties }: Made): Buffer {
  const parts: Buffer[] = []
  const put = (bytes: number, value: number): void => {
    const part = Buffer.alloc(bytes)
    part.writeUIntBE(value, Math.max(0, bytes - 6), Math.min(bytes, 6))
    parts.push(part)
  }
  put(4, 0)
  put(4, longTopic ? 0xdaa320ab : 0xdaa320a7)
  for (const bytes of [4, 4, 4]) put(bytes, 0)
  put(8, 2 ** 40 + 5)
  put(8, 99)
  put(4, (bornV6 ? 16 : 0) | (storeV6 ? 32 : 0))
  put(8, 1000)
  parts.push(Buffer.alloc(bornV6 ? 20 : 8, 1))
  put(8, 1_767_225_600_123)
  parts.push(Buffer.alloc(storeV6 ? 20 : 8, 2))
  put(4, 0)
  put(8, 0)
  const body = Buffer.from('TAGS\u0001wrong\u0002')
  put(4, body.length)
  parts.push(body)
  put(longTopic ? 2 : 1, 6)
  parts.push(Buffer.from('orders'))
  const text = Buffer.from(properties)
  put(2, text.length)
  parts.push(text)
  return Buffer.concat(parts)
}

test('queue offset, store time and tag in every layout', () => {
  for (let bits = 0; bits < 8; bits++) {
    const layout = { bornV6: (bits & 1) > 0, storeV6: (bits & 2) > 0, longTopic: (bits & 4) > 0 }
    const message = made({ ...layout, properties: 'KEYS\u0001k\u0002TAGS\u0001TagA\u0002' })
    expect(storedQueueOffset(message)).toBe(2 ** 40 + 5)
    expect(storedTimeMs(message)).toBe(1_767_225_600_123)
    expect(storedTagsHash(message)).toBe(2598919)
  }
})

test('tags: none, empty, last without separator, names that only look like it', () => {
  const hashOf = (properties: string): number => storedTagsHash(made({ properties }))
  expect(hashOf('')).toBe(0)
  expect(hashOf('TAGS\u0001\u0002')).toBe(0)
  expect(hashOf('a\u0001b\u0002TAGS\u0001TagA')).toBe(2598919)
  expect(hashOf('XTAGS\u0001TagA\u0002')).toBe(0)
  expect(hashOf('TAGSX\u0001TagA\u0002')).toBe(0)
  expect(hashOf('a\u0001TAGS\u0002b\u0001c\u0002')).toBe(0)
  expect(hashOf('TAGS\u0001größe 🐇\u0002')).toBe(javaHash('größe 🐇'))
})

test("Java's string hash", () => {
  expect(javaHash('')).toBe(0)
  expect(javaHash('TagA')).toBe(2598919)
  expect(javaHash('polygenelubricants')).toBe(-2147483648)
})
