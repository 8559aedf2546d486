// `mq consume --format '{key} {body}'`: a template compiled once and filled with bytes, so that a
// body comes out exactly as it went in.

import type { ReceivedMessage } from '../client/message.ts'
import { systemClock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { PROPERTY } from '../remoting/properties.ts'
import { nearest } from './suggest.ts'

type Part = (message: ReceivedMessage) => Uint8Array | string

const PLACEHOLDERS: Readonly<Record<string, Part>> = {
  body: (message) => message.body,
  key: (message) => message.properties[PROPERTY.keys] ?? '',
  tag: (message) => message.properties[PROPERTY.tags] ?? '',
  topic: (message) => message.topic,
  broker: (message) => message.brokerName,
  queue: (message) => String(message.queueId),
  offset: (message) => String(message.queueOffset),
  id: (message) => message.messageId,
  flag: (message) => String(message.flag),
  born: (message) => new Date(message.bornTimeMs).toISOString(),
  stored: (message) => new Date(message.storeTimeMs).toISOString(),
  size: (message) => String(message.body.length),
  /** When it is printed, milliseconds since the epoch. */
  now: () => String(systemClock.wallMs()),
}

export const PLACEHOLDER_NAMES: readonly string[] = Object.keys(PLACEHOLDERS)

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '\0',
  '\\': '\\',
}

export type MessageFormat = (message: ReceivedMessage) => Buffer

/** The body and a newline: what is printed without --format. */
export const bodyFormat: MessageFormat = (message) => Buffer.concat([message.body, NEWLINE])
const NEWLINE = Buffer.from('\n')

/** Throws USAGE naming an unknown placeholder. Each message ends with a newline. */
export function compileFormat(template: string): MessageFormat {
  const parts: Part[] = []
  const pattern = /\{\{|\}\}|\{([^{}]*)\}|\\(.)|[^{}\\]+|[{}\\]/gs
  for (const match of template.matchAll(pattern)) {
    const [whole, name, letter] = match
    if (name !== undefined) parts.push(placeholder(name))
    else if (letter !== undefined) parts.push(literal(ESCAPES[letter] ?? whole))
    else parts.push(literal(whole === '{{' ? '{' : whole === '}}' ? '}' : whole))
  }
  return (message) => {
    const pieces = parts.map((part) => {
      const piece = part(message)
      return typeof piece === 'string' ? Buffer.from(piece) : piece
    })
    return Buffer.concat([...pieces, NEWLINE])
  }
}

function literal(text: string): Part {
  const bytes = Buffer.from(text)
  return () => bytes
}

function placeholder(name: string): Part {
  const property = /^property[.:](.+)$/.exec(name)?.[1]
  if (property !== undefined) return (message) => message.properties[property] ?? ''
  const known = Object.hasOwn(PLACEHOLDERS, name) ? PLACEHOLDERS[name] : undefined
  if (known !== undefined) return known
  const meant = nearest(name, PLACEHOLDER_NAMES)
  const question = meant === null ? '' : `, did you mean {${meant}}?`
  throw new MqError('USAGE', `--format has the unknown placeholder {${name}}${question}`, {
    hint: `there are ${PLACEHOLDER_NAMES.map((each) => `{${each}}`).join(' ')} {property.NAME}`,
  })
}
