// The property block of a message:  name 0x01 value 0x02 name 0x01 value 0x02 …
// Some 4.9 writers leave the last separator out, so both forms are read.

import { MqError } from '../core/errors.ts'

const NAME_END = '\x01'
const PAIR_END = '\x02'

/** Property names the broker and our own client use. */
export const PROPERTY = {
  keys: 'KEYS',
  tags: 'TAGS',
  waitStored: 'WAIT',
  delayLevel: 'DELAY',
  uniqueKey: 'UNIQ_KEY',
  cluster: 'CLUSTER',
  region: 'MSG_REGION',
  trace: 'TRACE_ON',
  retryTopic: 'RETRY_TOPIC',
  originMessageId: 'ORIGIN_MESSAGE_ID',
  transactionPrepared: 'TRAN_MSG',
} as const

/** Set by clients and servers on the way; a message that is sent on gets its own. */
export const TRANSPORT_PROPERTIES: ReadonlySet<string> = new Set([
  PROPERTY.keys,
  PROPERTY.tags,
  PROPERTY.waitStored,
  PROPERTY.uniqueKey,
  PROPERTY.cluster,
  PROPERTY.region,
  PROPERTY.trace,
  PROPERTY.originMessageId,
  PROPERTY.retryTopic,
  'MIN_OFFSET',
  'MAX_OFFSET',
])

export type Properties = Record<string, string>

export function encodeProperties(properties: Readonly<Properties>): string {
  let text = ''
  for (const name in properties) {
    const value = properties[name] as string
    if (hasSeparator(name) || hasSeparator(value)) {
      throw new MqError('MESSAGE_INVALID', `the property "${name}" holds a control character`, {
        hint: 'remove the characters U+0001 and U+0002 from it',
      })
    }
    text += name + NAME_END + value + PAIR_END
  }
  return text
}

export function decodeProperties(text: string): Properties {
  const properties: Properties = Object.create(null)
  for (const pair of text.split(PAIR_END)) {
    const at = pair.indexOf(NAME_END)
    if (at > 0 && at < pair.length - 1) properties[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return properties
}

/** One property without decoding the rest; null if absent or empty. */
export function findProperty(text: string, name: string): string | null {
  const needle = name + NAME_END
  let at = text.startsWith(needle) ? 0 : text.indexOf(PAIR_END + needle)
  if (at < 0) return null
  at += text.startsWith(needle) ? needle.length : needle.length + 1
  const end = text.indexOf(PAIR_END, at)
  const value = end < 0 ? text.slice(at) : text.slice(at, end)
  return value === '' ? null : value
}

/** Appends a pair to an encoded block, first ending a block that a peer left open. */
export function appendProperty(text: string, name: string, value: string): string {
  const head = text === '' || text.endsWith(PAIR_END) ? text : text + PAIR_END
  return `${head}${name}${NAME_END}${value}${PAIR_END}`
}

function hasSeparator(text: string): boolean {
  return text.includes(NAME_END) || text.includes(PAIR_END)
}

/** Java's String.hashCode: brokers and clients compare tags by it. */
export function tagsHash(tag: string | null): number {
  if (tag === null) return 0
  let hash = 0
  for (let i = 0; i < tag.length; i++) hash = (Math.imul(31, hash) + tag.charCodeAt(i)) | 0
  return hash
}
