// The JSON form of a command header (serialize type 0). Java, Go and ali-ons all start with it.

import { MqError } from '../core/errors.ts'
import { FIELD_COUNT_MAX } from '../core/limits.ts'
import { LANGUAGE_OTHER, LANGUAGES } from './codes.ts'
import { type Command, type Fields, NO_BODY } from './command.ts'

export function encodeJsonHeader(command: Command): Buffer {
  const header: Record<string, unknown> = {
    code: command.code,
    extFields: command.fields,
    flag: command.flag,
    language: LANGUAGES[command.language] ?? 'OTHER',
    opaque: command.opaque,
    serializeTypeCurrentRPC: 'JSON',
    version: command.version,
  }
  if (command.remark !== null) header['remark'] = command.remark
  return Buffer.from(JSON.stringify(header))
}

export function decodeJsonHeader(header: Buffer, body: Buffer): Command {
  let parsed: unknown
  try {
    parsed = JSON.parse(header.toString('utf8'))
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
    body: body.length === 0 ? NO_BODY : body,
    encoding: 'json',
  }
}

function int32(raw: Record<string, unknown>, name: string): number {
  const value = raw[name]
  if (typeof value === 'number' && Number.isInteger(value) && (value | 0) === value) return value
  throw new MqError('PROTOCOL', `the JSON header has no usable "${name}"`)
}

function languageCode(name: unknown): number {
  const index = LANGUAGES.indexOf((name ?? 'JAVA') as (typeof LANGUAGES)[number])
  return index < 0 ? LANGUAGE_OTHER : index
}

/** ali-ons sends numbers and booleans where the protocol says text. */
function textFields(raw: unknown): Fields {
  const fields: Record<string, string> = Object.create(null)
  if (typeof raw !== 'object' || raw === null) return fields
  let count = 0
  for (const [name, value] of Object.entries(raw)) {
    if (value === null || value === undefined) continue
    if (++count > FIELD_COUNT_MAX) {
      throw new MqError('PROTOCOL', `the header has more than ${FIELD_COUNT_MAX} fields`)
    }
    if (typeof value === 'object') {
      throw new MqError('PROTOCOL', `the header field "${name.slice(0, 40)}" is not a plain value`)
    }
    fields[name] = String(value)
  }
  return fields
}
