// The JSON form of a command header (serialize type 0). Java, Go and ali-ons all start with it.

import { MqError } from '../core/errors.ts'
import { FIELD_COUNT_MAX } from '../core/limits.ts'
import { LANGUAGE_OTHER, LANGUAGES } from './codes.ts'
import { asFields, type Command, type Fields } from './command.ts'
import type { HeaderParts } from './header-binary.ts'

const NO_TEXT_FIELDS: Fields = Object.freeze(Object.create(null))

export function encodeJsonHeader(parts: HeaderParts): string {
  // In Java's order; what is undefined is left out.
  return JSON.stringify({
    code: parts.code,
    extFields: asFields(parts.fields),
    flag: parts.flag,
    language: LANGUAGES[parts.language] ?? 'OTHER',
    opaque: parts.opaque,
    remark: parts.remark ?? undefined,
    serializeTypeCurrentRPC: 'JSON',
    version: parts.version,
  })
}

export function decodeJsonHeader(header: string, body: Buffer): Command {
  let parsed: unknown
  try {
    parsed = JSON.parse(header)
  } catch (cause) {
    throw new MqError('PROTOCOL', 'the JSON header does not parse', { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new MqError('PROTOCOL', 'the JSON header is not an object')
  }
  const raw = parsed as Record<string, unknown>
  return {
    code: int32(raw, 'code'),
    language: languageCode(raw['language']),
    version: raw['version'] === undefined ? 0 : int32(raw, 'version'),
    opaque: int32(raw, 'opaque'),
    flag: int32(raw, 'flag'),
    remark: typeof raw['remark'] === 'string' ? raw['remark'] : null,
    fields: textFields(raw['extFields']),
    body,
    encoding: 'json',
  }
}

function int32(raw: Record<string, unknown>, name: string): number {
  const value = raw[name]
  if (typeof value === 'number' && (value | 0) === value) return value
  throw new MqError('PROTOCOL', `the JSON header has no usable "${name}"`)
}

function languageCode(name: unknown): number {
  const index = LANGUAGES.indexOf((name ?? 'JAVA') as (typeof LANGUAGES)[number])
  return index < 0 ? LANGUAGE_OTHER : index
}

/**
 * ali-ons sends numbers and booleans where the protocol says text. The parsed object itself becomes
 * the fields: copying it would cost as much as parsing it.
 */
function textFields(raw: unknown): Fields {
  if (typeof raw !== 'object' || raw === null) return NO_TEXT_FIELDS
  const fields = raw as Record<string, unknown>
  let count = 0
  for (const name in fields) {
    if (++count > FIELD_COUNT_MAX) {
      throw new MqError('PROTOCOL', `the header has more than ${FIELD_COUNT_MAX} fields`)
    }
    const value = fields[name]
    if (typeof value === 'string') continue
    if (typeof value === 'object' && value !== null) {
      throw new MqError('PROTOCOL', `the header field "${name.slice(0, 40)}" is not a plain value`)
    }
    fields[name] = value === null ? undefined : String(value)
  }
  return Object.setPrototypeOf(fields, null) as Fields
}
