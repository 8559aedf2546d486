// Goal: batch bodies survive the wire, and one that does not add up is refused whole. Method: a
// batch laid out by hand, random batches from a seed, and every cut and every wrong length.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { type BatchItem, decodeBatch, encodeBatch } from '../../src/remoting/message-batch.ts'
import { randomBytes, randomInt32 } from '../support/frames.ts'

test('bytes as laid out by hand', () => {
  const item = { flag: 7, body: Buffer.from('hi'), properties: Buffer.from('a\x01b\x02') }
  const hex = `0000001c${'00000000'.repeat(2)}00000007${'00000002'}6869${'0004'}61016202`
  expect(encodeBatch([item]).toString('hex')).toBe(hex)
  expect(decodeBatch(Buffer.from(hex.repeat(2), 'hex'))).toEqual([item, item])
})

test('decoding what was encoded gives the same messages', () => {
  const seed = 12
  const random = seededRandom(seed)
  for (let round = 0; round < 300; round++) {
    const items = Array.from(
      { length: 1 + random.below(5) },
      (): BatchItem => ({
        flag: randomInt32(random),
        body: randomBytes(random, random.below(60)),
        properties: randomBytes(random, random.below(40)),
      }),
    )
    expect(decodeBatch(encodeBatch(items)), `seed ${seed}`).toEqual(items)
  }
})

test('cut anywhere or with any length changed it is refused, and nothing else happens', () => {
  const item = { flag: 0, body: Buffer.from('body'), properties: Buffer.from('a\x01b\x02') }
  const bytes = encodeBatch([item, item])
  for (let length = 0; length < bytes.length; length++) {
    if (length === bytes.length / 2) continue
    expect(() => decodeBatch(bytes.subarray(0, length)), `cut at ${length}`).toThrow(
      'does not add up',
    )
  }
  for (const at of [0, 16, 24]) {
    for (const value of [0, 1, 21, 0x7fff, 0xffff]) {
      const broken = Buffer.from(bytes)
      if (at === 24) broken.writeUInt16BE(value, at)
      else broken.writeUInt32BE(value * 0x1_0001, at)
      expect(() => decodeBatch(broken), `${value} at ${at}`).toThrow('does not add up')
    }
  }
})
