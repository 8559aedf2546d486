// One look at the property block of a message that is being sent: what the broker needs to know of
// it, in a single pass and without decoding it, because this runs for every message.

import type { Properties } from '../remoting/properties.ts'

const NAME_END = '\x01'
const PAIR_END = '\x02'

/** What would make a message behave in a way this broker does not offer. */
export type SpecialKind = 'delayed' | 'transactional'

/** Properties that ask for a later delivery, and the one that makes half a transaction. */
const SPECIAL_NAMES: readonly (readonly [string, SpecialKind])[] = [
  ['DELAY', 'delayed'],
  ['TIMER_DELAY_SEC', 'delayed'],
  ['TIMER_DELAY_MS', 'delayed'],
  ['TIMER_DELIVER_MS', 'delayed'],
  ['__STARTDELIVERTIME', 'delayed'],
  ['TRAN_MSG', 'transactional'],
]

export class SentProperties {
  /** Java hash of the tag; 0 without one. */
  tagsHash = 0
  /** Made by the client; null if it did not. */
  uniqueKey: string | null = null
  special: SpecialKind | null = null

  /** Reads another block into this object. */
  scan(text: string): void {
    this.tagsHash = 0
    this.uniqueKey = null
    this.special = null
    let hasTags = false
    for (let at = 0; at < text.length; ) {
      const pairEnd = text.indexOf(PAIR_END, at)
      const end = pairEnd < 0 ? text.length : pairEnd
      const nameEnd = text.indexOf(NAME_END, at)
      if (nameEnd > at && nameEnd < end - 1) {
        const length = nameEnd - at
        if (length === 4 && !hasTags && text.startsWith('TAGS', at)) {
          hasTags = true
          this.tagsHash = hashOf(text, nameEnd + 1, end)
        } else if (length === 8 && this.uniqueKey === null && text.startsWith('UNIQ_KEY', at)) {
          this.uniqueKey = text.slice(nameEnd + 1, end)
        } else if (length >= 5) {
          this.#noteSpecial(text, at, nameEnd, end)
        }
      }
      at = end + 1
    }
  }

  #noteSpecial(text: string, at: number, nameEnd: number, end: number): void {
    for (const [name, kind] of SPECIAL_NAMES) {
      if (name.length !== nameEnd - at || !text.startsWith(name, at)) continue
      const value = text.slice(nameEnd + 1, end)
      // Clients write "no delay" as level 0 and "no transaction" as false.
      if (kind === 'delayed' ? Number(value) !== 0 : value === 'true') this.special = kind
      return
    }
  }
}

/** Java's String.hashCode of a part of the text. */
function hashOf(text: string, start: number, end: number): number {
  let hash = 0
  for (let i = start; i < end; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}

/** The pairs of a batch, without those that a message of it has itself: its own ones count. */
export function inheritedProperties(batch: Readonly<Properties>, own: string): string {
  let text = ''
  for (const name in batch) {
    const pair = name + NAME_END
    if (own.startsWith(pair) || own.includes(PAIR_END + pair)) continue
    text += `${pair}${batch[name]}${PAIR_END}`
  }
  return text
}
