// One request or response, independent of the bytes that carry it.

import { FLAG_ONEWAY, FLAG_RESPONSE, LANGUAGE_OTHER, PROTOCOL_VERSION } from './codes.ts'

export type HeaderEncoding = 'json' | 'binary'

/** The typed header of each code; every value is text on the wire. */
export type Fields = Readonly<Record<string, string | undefined>>

export interface Command {
  readonly code: number
  /** Index into LANGUAGES. */
  readonly language: number
  readonly version: number
  /** Chosen by the requester, repeated by the response. int32. */
  readonly opaque: number
  readonly flag: number
  readonly remark: string | null
  readonly fields: Fields
  readonly body: Buffer
  /** How the header came, or is to be written. A response mirrors its request. */
  readonly encoding: HeaderEncoding
  /** The undecoded field section of a binary header: lets the send path skip building `fields`. */
  readonly fieldBytes?: Buffer
}

export interface RequestOptions {
  fields?: Record<string, string | number | boolean | undefined>
  body?: Uint8Array
}

export interface Response {
  code: number
  remark?: string | null
  fields?: Record<string, string | number | boolean | undefined>
  body?: Uint8Array
}

export const NO_BODY = Buffer.alloc(0)

export function isResponse(command: Command): boolean {
  return (command.flag & FLAG_RESPONSE) !== 0
}

export function isOneway(command: Command): boolean {
  return (command.flag & FLAG_ONEWAY) !== 0
}

function asBuffer(bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) return NO_BODY
  if (Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Values become text; undefined ones are left out. */
export function asFields(values: RequestOptions['fields']): Fields {
  const fields: Record<string, string> = Object.create(null)
  if (values !== undefined) {
    for (const name in values) {
      const value = values[name]
      if (value !== undefined) fields[name] = typeof value === 'string' ? value : String(value)
    }
  }
  return fields
}

export function requestCommand(
  code: number,
  options: RequestOptions & { opaque: number; isOneway?: boolean },
): Command {
  return {
    code,
    language: LANGUAGE_OTHER,
    version: PROTOCOL_VERSION,
    opaque: options.opaque,
    flag: options.isOneway ? FLAG_ONEWAY : 0,
    remark: null,
    fields: asFields(options.fields),
    body: asBuffer(options.body),
    encoding: 'json',
  }
}

export function responseCommand(request: Command, response: Response): Command {
  return {
    code: response.code,
    language: LANGUAGE_OTHER,
    version: PROTOCOL_VERSION,
    opaque: request.opaque,
    flag: FLAG_RESPONSE,
    remark: response.remark ?? null,
    fields: asFields(response.fields),
    body: asBuffer(response.body),
    encoding: request.encoding,
  }
}
