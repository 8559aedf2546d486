// The hot path of sends: Apache's own producers use code 310 and, where asked to, binary headers.
// Its single-letter fields are read straight from the bytes, without an object of strings between.
// Whatever is not plainly well-formed is left to the general decoder, so that both say the same.

import { readInt32, readUint16 } from '../core/big-endian.ts'
import { FIELD_COUNT_MAX } from '../core/limits.ts'
import { NO_BODY } from './command.ts'
import type { DecodedSendHeader } from './send-header.ts'
import { TextCache } from './text-cache.ts'

const LETTER_A = 0x61
const LETTER_COUNT = 26
const DIGIT_0 = 0x30
/** Numbers of up to this many digits are exact. */
const DIGITS_MAX = 15

const names = new TextCache()
/** Where each letter's value lies in the header being read, and its length; 0 if it is absent. */
const valueAt = new Int32Array(LETTER_COUNT)
const valueBytes = new Int32Array(LETTER_COUNT)

/** Decodes its property block on first use: most messages pass without anybody looking at it. */
class CompactSendHeader implements DecodedSendHeader {
  producerGroup = ''
  topic = ''
  templateTopic = ''
  templateQueueCount = 0
  queueId = 0
  systemFlag = 0
  bornTimeMs = 0
  flag = 0
  reconsumeTimes = 0
  reconsumeTimesMax: number | null = null
  isBatch = false
  layoutTag: string | null = null
  readonly propertyBytes: Buffer
  #properties: string | null = null

  constructor(propertyBytes: Buffer) {
    this.propertyBytes = propertyBytes
  }

  get properties(): string {
    this.#properties ??= this.propertyBytes.toString('utf8')
    return this.#properties
  }
}

/** Reads `bytes[start…end]`; null if the general decoder has to look at it. */
export function readCompactSendHeader(
  bytes: Buffer,
  start: number,
  end: number,
): DecodedSendHeader | null {
  if (!locateValues(bytes, start, end)) return null
  const header = new CompactSendHeader(view(bytes, 'i'))
  header.producerGroup = text(bytes, 'a')
  header.topic = text(bytes, 'b')
  header.templateTopic = text(bytes, 'c')
  header.templateQueueCount = integer(bytes, 'd', 4)
  header.queueId = integer(bytes, 'e', Number.NaN)
  header.systemFlag = integer(bytes, 'f', Number.NaN)
  header.bornTimeMs = integer(bytes, 'g', Number.NaN)
  header.flag = integer(bytes, 'h', 0)
  header.reconsumeTimes = integer(bytes, 'j', 0)
  header.reconsumeTimesMax = valueBytes[index('l')] === 0 ? null : integer(bytes, 'l', 0)
  header.isBatch = isTrue(bytes, 'm')
  if (valueBytes[index('z')] !== 0) header.layoutTag = text(bytes, 'z')
  return isPlain(header) ? header : null
}

/** NaN marks what is missing or odd, and fails every comparison. */
function isPlain(header: DecodedSendHeader): boolean {
  return (
    header.topic !== '' &&
    header.producerGroup !== '' &&
    isInt32(header.templateQueueCount) &&
    isInt32(header.queueId) &&
    isInt32(header.systemFlag) &&
    isInt32(header.flag) &&
    isInt32(header.reconsumeTimes) &&
    isInt32(header.reconsumeTimesMax ?? 0) &&
    header.bornTimeMs >= 0
  )
}

function isInt32(value: number): boolean {
  return (value | 0) === value
}

function locateValues(bytes: Buffer, start: number, end: number): boolean {
  valueBytes.fill(0)
  let count = 0
  let at = start
  while (at < end) {
    if (++count > FIELD_COUNT_MAX || at + 6 > end) return false
    const nameBytes = readUint16(bytes, at)
    const lengthAt = at + 2 + nameBytes
    if (lengthAt + 4 > end) return false
    const length = readInt32(bytes, lengthAt)
    if (length < 0 || lengthAt + 4 + length > end) return false
    const letter = (bytes[at + 2] as number) - LETTER_A
    // As in the general decoder: an empty value is no value, and of two the later counts.
    if (nameBytes === 1 && length > 0 && letter >= 0 && letter < LETTER_COUNT) {
      valueAt[letter] = lengthAt + 4
      valueBytes[letter] = length
    }
    at = lengthAt + 4 + length
  }
  return true
}

function index(letter: string): number {
  return letter.charCodeAt(0) - LETTER_A
}

function text(bytes: Buffer, letter: string): string {
  const at = valueAt[index(letter)] as number
  return names.get(bytes, at, at + (valueBytes[index(letter)] as number))
}

function view(bytes: Buffer, letter: string): Buffer {
  const length = valueBytes[index(letter)] as number
  const at = valueAt[index(letter)] as number
  return length === 0 ? NO_BODY : bytes.subarray(at, at + length)
}

/** Plain decimal digits, perhaps after a minus; anything else is NaN. */
function integer(bytes: Buffer, letter: string, fallback: number): number {
  const length = valueBytes[index(letter)] as number
  if (length === 0) return fallback
  const at = valueAt[index(letter)] as number
  const isNegative = bytes[at] === 0x2d
  const digitsAt = isNegative ? at + 1 : at
  const end = at + length
  if (digitsAt === end || end - digitsAt > DIGITS_MAX) return Number.NaN
  let value = 0
  for (let i = digitsAt; i < end; i++) {
    const digit = (bytes[i] as number) - DIGIT_0
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return isNegative ? -value : value
}

function isTrue(bytes: Buffer, letter: string): boolean {
  if (valueBytes[index(letter)] !== 4) return false
  return readInt32(bytes, valueAt[index(letter)] as number) === 0x7472_7565
}
