// Goal: lines come out byte for byte, however the bytes are cut into chunks, and memory is bounded.
// Method: random bytes cut at random places against a split of the whole; seeds are printed.

import { expect, test } from 'bun:test'
import { splitLines } from '../../src/cli/lines.ts'
import { seededRandom } from '../../src/core/random.ts'

async function* chunksOf(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function collect(chunks: Uint8Array[], bytesMax = 1_000_000): Promise<string[]> {
  const found: string[] = []
  for await (const lines of splitLines(chunksOf(chunks), { bytesMax })) {
    found.push(...lines.map((line) => Buffer.from(line).toString('latin1')))
  }
  return found
}

test('empty lines count, carriage returns stay, a last line needs no newline', async () => {
  expect(await collect([Buffer.from('a\r\n\n b')])).toEqual(['a\r', '', ' b'])
  expect(await collect([Buffer.from('a\n')])).toEqual(['a'])
  expect(await collect([Buffer.from('\n')])).toEqual([''])
  expect(await collect([])).toEqual([])
})

test('any cutting gives the same lines', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const bytes = Buffer.from(
      Array.from({ length: random.below(300) }, () =>
        random.below(6) === 0 ? 10 : random.below(256),
      ),
    )
    const chunks: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + random.below(20))
      chunks.push(bytes.subarray(at, end))
      at = end
    }
    const expected = bytes.toString('latin1').split('\n')
    if (expected.at(-1) === '') expected.pop()
    expect(await collect(chunks), `seed ${seed}`).toEqual(expected)
  }
})

test('a line over the limit is refused before it is whole, with its number', async () => {
  const endless = [
    Buffer.from('ok\n'),
    ...Array.from({ length: 50 }, () => Buffer.alloc(1_000, 'x')),
  ]
  expect(collect(endless, 10_000)).rejects.toThrow('line 2 has more than 9.8 KiB')
  expect(await collect([Buffer.from('12345\n12345')], 5)).toEqual(['12345', '12345'])
  expect(collect([Buffer.from('123456\n')], 5)).rejects.toThrow('line 1')
})
