// Goal: frames mean the same after the wire as before, whichever header they have, and nothing
// malformed gets past the decoder. Method: random commands from a seed through encode and decode;
// the two header vectors of the Java implementation; each broken length by hand.

import { describe, expect, test } from 'bun:test'
import { FRAME_BYTES_MAX, HEADER_BYTES_MAX } from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'
import { NO_BODY, requestParts } from '../../src/remoting/command.ts'
import { decodeFrame, encodeFrame } from '../../src/remoting/frame.ts'
import { plainCommand, randomCommand } from '../support/frames.ts'

for (const encoding of ['json', 'binary'] as const) {
  test(`${encoding}: decoding what was encoded gives the same command`, () => {
    const seed = 20_001
    const random = seededRandom(seed)
    for (let i = 0; i < 1_000; i++) {
      const command = randomCommand(random, encoding)
      const frame = encodeFrame(command)
      expect(frame.readUInt32BE(0)).toBe(frame.length - 4)
      expect(frame[4]).toBe(encoding === 'json' ? 0 : 1)
      const decoded = decodeFrame(frame, 4)
      expect(plainCommand(decoded), `seed ${seed}, command ${i}`).toEqual(plainCommand(command))
      expect(encodeFrame(decoded)).toEqual(frame)
    }
  })
}

test('a frame is decoded where it lies in a larger buffer', () => {
  const random = seededRandom(5)
  const commands = [randomCommand(random, 'binary'), randomCommand(random, 'json')]
  const frames = commands.map(encodeFrame)
  const first = frames[0] as Buffer
  const bytes = Buffer.concat(frames)
  expect(plainCommand(decodeFrame(bytes, 4, first.length))).toEqual(
    plainCommand(commands[0] as never),
  )
  expect(plainCommand(decodeFrame(bytes, first.length + 4))).toEqual(
    plainCommand(commands[1] as never),
  )
})

describe('malformed', () => {
  const frame = (word: number, rest = ''): Buffer => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(word)
    return Buffer.concat([head, Buffer.from(rest)])
  }
  const cases: [string, Buffer, string][] = [
    ['shorter than its fixed part', Buffer.alloc(3), 'too short'],
    ['header longer than the frame', frame(100, 'abc'), 'claims a header of 100'],
    [
      'header over the limit',
      frame(HEADER_BYTES_MAX + 1, ' '.repeat(HEADER_BYTES_MAX + 1)),
      'claims',
    ],
    ['unknown encoding', frame(0x0200_0000), 'unknown header encoding 2'],
    ['no JSON', frame(3, '{"a'), 'does not parse'],
    ['JSON, but no object', frame(2, '[]'), 'not an object'],
    ['binary header too short', frame(0x0100_0005, 'abcde'), 'at least 21 bytes'],
  ]
  test.each(cases)('%s', (_name, bytes, message) => {
    expect(() => decodeFrame(bytes)).toThrow(message)
  })
})

test('a frame that no peer would take is not encoded', () => {
  const body = Buffer.alloc(FRAME_BYTES_MAX)
  for (const encoding of ['json', 'binary'] as const) {
    const command = { ...requestParts(10, {}, 1), fields: {}, body, encoding }
    expect(() => encodeFrame(command)).toThrow('exceeds 16777216')
  }
})

test('an empty body takes no memory of its own', () => {
  const command = {
    ...requestParts(10, {}, 1),
    fields: {},
    body: NO_BODY,
    encoding: 'json' as const,
  }
  expect(decodeFrame(encodeFrame(command), 4).body).toBe(NO_BODY)
})
