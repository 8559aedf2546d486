// Names that occur in every request (topics, groups), decoded once: a lookup compares bytes, which
// is cheaper than making a string, and the string found has its hash ready for the next table.
// Bounded by its shape: one name per slot, the newest wins.

import { NO_BODY } from './command.ts'

const SLOT_COUNT = 256
/** No valid name is longer, and longer texts must not be kept alive. */
const BYTES_MAX = 255

export class TextCache {
  readonly #bytes: Buffer[] = Array.from({ length: SLOT_COUNT }, () => NO_BODY)
  readonly #texts: string[] = Array.from({ length: SLOT_COUNT }, () => '')

  /** `bytes[start…end]` as text. */
  get(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length === 0 || length > BYTES_MAX) return bytes.toString('utf8', start, end)
    const slot = slotOf(bytes, start, length)
    const known = this.#bytes[slot] as Buffer
    if (isEqual(known, bytes, start, length)) return this.#texts[slot] as string
    const text = bytes.toString('utf8', start, end)
    this.#bytes[slot] = Buffer.from(bytes.subarray(start, end))
    this.#texts[slot] = text
    return text
  }
}

/** Names that differ mostly differ in length, in their first letter or near their end. */
function slotOf(bytes: Buffer, start: number, length: number): number {
  const first = bytes[start] as number
  const last = bytes[start + length - 1] as number
  const middle = bytes[start + (length >> 1)] as number
  const beforeLast = bytes[start + Math.max(0, length - 2)] as number
  return (length * 31 + first * 3 + last * 7 + beforeLast * 13 + middle) & (SLOT_COUNT - 1)
}

function isEqual(known: Buffer, bytes: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false
  for (let i = 0; i < length; i++) {
    if (known[i] !== bytes[start + i]) return false
  }
  return true
}
