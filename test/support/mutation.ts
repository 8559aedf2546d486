// Malformed frames made from well-formed ones, by a seed.

import type { Random } from '../../src/core/random.ts'
import { encodeFrame } from '../../src/remoting/frame.ts'
import { pick, randomBytes, randomCommand } from './frames.ts'
import { goldenFrames } from './golden-frames.ts'

/** Numbers at the edges of what lengths, offsets and counts can be. */
const EDGES = [
  0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0xff_ffff, 0x7fff_ffff, 0x8000_0000,
  0xffff_ffff,
]

const TEXT_EDGES = [
  '-1',
  '0',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '2147483648',
  '1e400',
  'NaN',
  '',
  ' ',
  'null',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '\u0000',
  '%RETRY%',
  '%DLQ%x',
  'TBW102',
  'a'.repeat(5_000),
  '🚀',
  '\ud800',
  '{"$ref":"$"}',
  '*',
  'true',
]

export class Mutator {
  readonly #random: Random
  readonly #corpus: Buffer[]

  constructor(random: Random) {
    this.#random = random
    const recorded = goldenFrames().map((frame) => frame.bytes)
    const made = Array.from({ length: 200 }, (_, i) =>
      encodeFrame(randomCommand(random, i % 2 === 0 ? 'json' : 'binary')),
    )
    // Recorded requests several times: what they lead to is deeper than what chance finds.
    this.#corpus = [...recorded, ...recorded, ...recorded, ...made]
  }

  next(): Buffer {
    let frame: Buffer = Buffer.from(pick(this.#random, this.#corpus))
    for (let i = this.#random.below(4); i >= 0; i--) frame = this.#mutated(frame)
    // Most keep a true length, or nothing behind the first bytes would ever be looked at.
    if (this.#random.below(10) > 0 && frame.length >= 4) frame.writeUInt32BE(frame.length - 4, 0)
    return frame
  }

  #mutated(frame: Buffer): Buffer {
    const random = this.#random
    const at = random.below(Math.max(1, frame.length))
    switch (random.below(9)) {
      case 0:
        frame[at] = random.below(256)
        return frame
      case 1:
        frame[at] = (frame[at] ?? 0) ^ (1 << random.below(8))
        return frame
      case 2:
        if (at + 4 <= frame.length) frame.writeUInt32BE(pick(random, EDGES), at)
        return frame
      case 3:
        return frame.subarray(0, Math.max(4, at))
      case 4:
        return Buffer.concat([frame, randomBytes(random, random.below(100))])
      case 5:
        return Buffer.concat([
          frame.subarray(0, at),
          randomBytes(random, random.below(20)),
          frame.subarray(at),
        ])
      case 6:
        return Buffer.concat([
          frame.subarray(0, at),
          frame.subarray(Math.min(frame.length, at + random.below(50))),
        ])
      case 7:
        return this.#changedCode(frame)
      default:
        return this.#changedText(frame)
    }
  }

  /** The same fields for another request. */
  #changedCode(frame: Buffer): Buffer {
    const other = pick(
      this.#random,
      [
        10, 11, 14, 15, 17, 29, 33, 34, 35, 36, 37, 38, 41, 42, 103, 104, 105, 200, 202, 208, 215,
        222, 310, 320, 322, 351, 61_000,
      ],
    )
    if (frame[4] === 1 && frame.length > 10) {
      frame.writeUInt16BE(other & 0xffff, 8)
      return frame
    }
    return Buffer.from(frame.toString('latin1').replace(/"code":\d+/, `"code":${other}`), 'latin1')
  }

  /** One value of a JSON header or body becomes an odd one; the lengths are put right. */
  #changedText(frame: Buffer): Buffer {
    if (frame[4] !== 0 || frame.length < 8) return frame
    const headerBytes = Math.min(frame.length - 8, frame.readUInt32BE(4))
    const header = frame.toString('utf8', 8, 8 + headerBytes)
    const body = frame.toString('latin1', 8 + headerBytes)
    const change = (text: string): string => {
      const values = [...text.matchAll(/:("[^"]*"|-?\d+|true|false|null)/g)]
      const chosen = values[this.#random.below(values.length)]
      if (chosen === undefined) return text
      const edge = pick(this.#random, TEXT_EDGES)
      const value = this.#random.below(3) === 0 ? edge : JSON.stringify(edge)
      return `${text.slice(0, chosen.index + 1)}${value}${text.slice(chosen.index + chosen[0].length)}`
    }
    const inBody = body.startsWith('{') && this.#random.below(2) === 0
    const newHeader = Buffer.from(inBody ? header : change(header))
    const newBody = inBody ? Buffer.from(change(body)) : Buffer.from(body, 'latin1')
    const head = Buffer.alloc(8)
    head.writeUInt32BE(4 + newHeader.length + newBody.length, 0)
    head.writeUInt32BE(newHeader.length, 4)
    return Buffer.concat([head, newHeader, newBody])
  }
}
