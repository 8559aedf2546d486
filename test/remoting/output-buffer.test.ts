// Goal: bytes leave in the order they were added, whatever the transport takes at a time. Method:
// random frames against a transport that takes random amounts, compared with the frames encoded one
// by one; memory and cost under a full one.

import { expect, test } from 'bun:test'
import { systemClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { encodeFrame } from '../../src/remoting/frame.ts'
import { OutputBuffer } from '../../src/remoting/output-buffer.ts'
import { randomCommand } from '../support/frames.ts'

test('random frames, random takes', () => {
  const seed = 21
  const random = seededRandom(seed)
  const outputs = [new OutputBuffer(), new OutputBuffer(), new OutputBuffer()]
  const sent = outputs.map((): Buffer[] => [])
  const taken = outputs.map((): Buffer[] => [])
  const flush = (i: number, most: number): void => {
    outputs[i]?.flush((bytes) => {
      const size = Math.min(bytes.length, random.below(most))
      taken[i]?.push(Buffer.from(bytes.subarray(0, size)))
      return size
    })
  }
  for (let step = 0; step < 5_000; step++) {
    const i = random.below(outputs.length)
    const encoding = random.below(2) === 0 ? 'json' : 'binary'
    const command = randomCommand(random, encoding)
    outputs[i]?.append(command, encoding)
    sent[i]?.push(encodeFrame(command))
    if (random.below(3) === 0) flush(i, 2_000)
  }
  outputs.forEach((output, i) => {
    while (output.bytes > 0) flush(i, 100_000)
    expect(Buffer.concat(taken[i] ?? []).equals(Buffer.concat(sent[i] ?? [])), `seed ${seed}`).toBe(
      true,
    )
  })
})

test('a frame that is too large adds nothing', () => {
  const output = new OutputBuffer()
  const command = randomCommand(seededRandom(1), 'json')
  output.append(command, 'json')
  const before = output.bytes
  for (const encoding of ['json', 'binary'] as const) {
    const large = { ...command, body: Buffer.alloc(17 * 1024 * 1024) }
    expect(() => output.append(large, encoding)).toThrow('exceeds')
    expect(output.bytes).toBe(before)
  }
})

test('a transport that takes a little at a time does not make every frame move megabytes', () => {
  const output = new OutputBuffer()
  const command = { ...randomCommand(seededRandom(2), 'binary'), body: Buffer.alloc(10_000) }
  for (let i = 0; i < 800; i++) output.append(command, 'binary')
  const startedMs = systemClock.monoMs()
  for (let i = 0; i < 5_000; i++) {
    let hasTaken = false
    output.flush(() => {
      if (hasTaken) return 0
      hasTaken = true
      return 10_000
    })
    output.append(command, 'binary')
  }
  // Moving 8 MB for each of them would be 40 GB.
  expect(systemClock.monoMs() - startedMs).toBeLessThan(3_000)
})
