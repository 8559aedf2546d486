// One look at the property block of a message that is being sent: what the broker needs to know of
// it, in a single pass over its bytes, because this runs for every message.

import { type Properties, tagsHash } from '../remoting/properties.ts'

const NAME_END = 0x01
const PAIR_END = 0x02

/** What would make a message behave in a way this broker does not offer. */
export type SpecialKind = 'delayed' | 'transactional'

const TAGS = Buffer.from('TAGS')
const UNIQUE_KEY = Buffer.from('UNIQ_KEY')
/** Properties that ask for a later delivery, and the one that makes half a transaction. */
const SPECIAL_NAMES: readonly (readonly [Buffer, SpecialKind])[] = [
  [Buffer.from('DELAY'), 'delayed'],
  [Buffer.from('TIMER_DELAY_SEC'), 'delayed'],
  [Buffer.from('TIMER_DELAY_MS'), 'delayed'],
  [Buffer.from('TIMER_DELIVER_MS'), 'delayed'],
  [Buffer.from('__STARTDELIVERTIME'), 'delayed'],
  [Buffer.from('TRAN_MSG'), 'transactional'],
]

export class SentProperties {
  /** Java hash of the tag; 0 without one. */
  tagsHash = 0
  /** Made by the client; null if it did not. */
  uniqueKey: string | null = null
  special: SpecialKind | null = null
  #hasTags = false

  /** Reads another block into this object. Of two properties of one name the first counts. */
  scan(bytes: Buffer): void {
    this.tagsHash = 0
    this.uniqueKey = null
    this.special = null
    this.#hasTags = false
    let start = 0
    let nameEnd = -1
    for (let at = 0; at <= bytes.length; at++) {
      const byte = at === bytes.length ? PAIR_END : bytes[at]
      if (byte === NAME_END && nameEnd < 0) {
        nameEnd = at
      } else if (byte === PAIR_END) {
        if (nameEnd > start && at > nameEnd + 1) this.#notePair(bytes, start, nameEnd, at)
        start = at + 1
        nameEnd = -1
      }
    }
  }

  #notePair(bytes: Buffer, start: number, nameEnd: number, end: number): void {
    const length = nameEnd - start
    if (length === 4 && !this.#hasTags && isName(bytes, start, TAGS)) {
      this.#hasTags = true
      this.tagsHash = hashOf(bytes, nameEnd + 1, end)
    } else if (length === 8 && this.uniqueKey === null && isName(bytes, start, UNIQUE_KEY)) {
      this.uniqueKey = bytes.toString('latin1', nameEnd + 1, end)
    } else if (length >= 5) {
      this.#noteSpecial(bytes, start, nameEnd, end)
    }
  }

  #noteSpecial(bytes: Buffer, start: number, nameEnd: number, end: number): void {
    for (const [name, kind] of SPECIAL_NAMES) {
      if (name.length !== nameEnd - start || !isName(bytes, start, name)) continue
      const value = bytes.toString('utf8', nameEnd + 1, end)
      // Clients write "no delay" as level 0 and "no transaction" as false.
      if (kind === 'delayed' ? Number(value) !== 0 : value === 'true') this.special = kind
      return
    }
  }
}

function isName(bytes: Buffer, start: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false
  return true
}

/** Java's String.hashCode of UTF-8 text, which for ASCII needs no text. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if (byte > 0x7f) return tagsHash(bytes.toString('utf8', start, end))
    hash = (Math.imul(31, hash) + byte) | 0
  }
  return hash
}

/** The pairs of a batch, without those that a message of it has itself: its own ones count. */
export function inheritedProperties(batch: Readonly<Properties>, own: string): string {
  let text = ''
  for (const name in batch) {
    const pair = `${name}\x01`
    if (own.startsWith(pair) || own.includes(`\x02${pair}`)) continue
    text += `${pair}${batch[name]}\x02`
  }
  return text
}

/** Puts encoded pairs behind a block, which a peer may have left open. */
export function joinProperties(own: string, more: string): string {
  return own === '' || own.endsWith('\x02') ? own + more : `${own}\x02${more}`
}
