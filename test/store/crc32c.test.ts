// Goal: the checksum is CRC32C. Method: the published check values (RFC 3720, B.4), and the law that
// a checksum can be continued.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { crc32c } from '../../src/store/crc32c.ts'

test('gives the published values', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i)
  expect(crc32c(new Uint8Array(0))).toBe(0)
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(ascending)).toBe(0x46dd794e)
})

test('continues from the checksum of what came before', () => {
  const random = seededRandom(7)
  for (let run = 0; run < 200; run++) {
    const bytes = Buffer.from(random.hex(random.below(60)), 'hex')
    const split = random.below(bytes.length + 1)
    expect(crc32c(bytes.subarray(split), crc32c(bytes.subarray(0, split)))).toBe(crc32c(bytes))
  }
})
