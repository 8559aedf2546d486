// Random but repeatable wire values, for the property tests of the codecs.

import type { Random } from '../../src/core/random.ts'
import { FLAG_ONEWAY, FLAG_RESPONSE, LANGUAGES } from '../../src/remoting/codes.ts'
import type { Command, HeaderEncoding } from '../../src/remoting/command.ts'

const ALPHABETS = [
  'abcdefghijklmnopqrstuvwxyz',
  'ABC xyz_%|-09:;,.{}[]"\\/\'',
  '\u0001\u0002\n\t\u007fäöüß€',
  '日本語のメッセージ🚀🎈',
]

export function randomText(random: Random, lengthMax: number): string {
  const letters = [...(ALPHABETS[random.below(ALPHABETS.length)] as string)]
  return Array.from({ length: random.below(lengthMax + 1) }, () => pick(random, letters)).join('')
}

export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}

export function randomInt32(random: Random): number {
  return (random.below(0x1_0000_0000) >>> random.below(32)) | 0
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)] as T
}

export function randomCommand(random: Random, encoding: HeaderEncoding): Command {
  const fields: Record<string, string> = {}
  for (let i = random.below(12); i > 0; i--) {
    // Empty values are absent in the binary form, in Apache as here.
    fields[`f${i}${randomText(random, 5)}`] = `v${randomText(random, 100)}`
  }
  const remark = randomText(random, 80)
  return {
    code: encoding === 'binary' ? random.below(0x8000) : randomInt32(random),
    language: random.below(LANGUAGES.length),
    version: random.below(600),
    opaque: randomInt32(random),
    flag: pick(random, [0, FLAG_ONEWAY, FLAG_RESPONSE]),
    remark: remark === '' ? null : remark,
    fields,
    body: randomBytes(random, random.below(300)),
    encoding,
  }
}

/** Without the prototype and the lazy getters that a decoded command may have. */
export function plainCommand(command: Command): unknown {
  const { code, language, version, opaque, flag, remark, encoding } = command
  const body = command.body.toString('hex')
  return {
    code,
    language,
    version,
    opaque,
    flag,
    remark,
    encoding,
    body,
    fields: { ...command.fields },
  }
}
