// Goal: property blocks of every writer are read, and ours are read by every reader. Method: blocks
// laid out by hand, and random properties from a seed through encode, decode and lookup.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import {
  appendProperty,
  decodeProperties,
  encodeProperties,
  findProperty,
  tagsHash,
} from '../../src/remoting/properties.ts'
import { randomText } from '../support/frames.ts'

test('decoding what was encoded gives the same properties, and each is found alone', () => {
  const seed = 11
  const random = seededRandom(seed)
  const clean = (text: string): string => text.replaceAll('\x01', '').replaceAll('\x02', '')
  for (let i = 0; i < 1_000; i++) {
    const properties: Record<string, string> = {}
    for (let k = random.below(8); k > 0; k--) {
      properties[`k${k}${clean(randomText(random, 6))}`] = `v${clean(randomText(random, 20))}`
    }
    const text = encodeProperties(properties)
    expect({ ...decodeProperties(text) }, `seed ${seed}`).toEqual(properties)
    for (const name in properties) expect(findProperty(text, name)).toBe(properties[name] as string)
    expect(findProperty(text, 'absent')).toBeNull()
  }
})

test('blocks with and without the last separator, empty values, and junk', () => {
  expect({ ...decodeProperties('a\x011\x02TAGS\x01TagA\x02') }).toEqual({ a: '1', TAGS: 'TagA' })
  expect({ ...decodeProperties('a\x011\x02TAGS\x01TagA') }).toEqual({ a: '1', TAGS: 'TagA' })
  expect({ ...decodeProperties('a\x01\x02\x01x\x02\x02junk\x02c\x01x\x01y\x02') }).toEqual({
    c: 'x\x01y',
  })
})

test('a name is found only where a name stands', () => {
  const text = 'XTAGS\x01no\x02A\x01TAGS\x02TAGS\x01yes\x02E\x01\x02'
  expect(findProperty(text, 'TAGS')).toBe('yes')
  expect(findProperty(text, 'XTAGS')).toBe('no')
  expect(findProperty(text, 'E')).toBeNull()
  expect(findProperty('TAGS\x01open', 'TAGS')).toBe('open')
})

test('appending ends an open block first', () => {
  expect(appendProperty('', 'a', '1')).toBe('a\x011\x02')
  expect(appendProperty('a\x011', 'b', '2')).toBe('a\x011\x02b\x012\x02')
  expect(appendProperty('a\x011\x02', 'b', '2')).toBe('a\x011\x02b\x012\x02')
})

test('separators in a name or a value are refused by name', () => {
  expect(() => encodeProperties({ bad: 'a\x01b' })).toThrow('"bad" holds a control character')
  expect(() => encodeProperties({ 'b\x02d': 'x' })).toThrow('control character')
})

test('tags hash as in Java, also those beyond the basic plane', () => {
  expect([tagsHash('TagA'), tagsHash('a'), tagsHash(''), tagsHash(null)]).toEqual([
    2598919, 97, 0, 0,
  ])
  // A text known for its hash: the sum wraps around to the smallest integer.
  expect(tagsHash('polygenelubricants')).toBe(-2_147_483_648)
  expect(tagsHash('🚀')).toBe(31 * 0xd83d + 0xde80)
})
