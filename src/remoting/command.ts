// One request or response, independent of the bytes that carry it.

import { FLAG_ONEWAY, FLAG_RESPONSE, LANGUAGE_OTHER, PROTOCOL_VERSION } from './codes.ts'

export type HeaderEncoding = 'json' | 'binary'

/** The typed header of each code; every value is text on the wire. */
export type Fields = Readonly<Record<string, string | undefined>>
/** Fields to be sent: numbers and booleans become text, undefined ones are left out. */
export type FieldValues = Readonly<Record<string, string | number | boolean | undefined>>

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
  /** Of a binary header: hands out the undecoded fields, so that the send path makes no object. */
  readFields?<T>(read: (bytes: Buffer, at: number, end: number) => T): T
}

export interface RequestOptions {
  fields?: FieldValues
  body?: Uint8Array
}

export interface Response {
  code: number
  remark?: string | null
  fields?: FieldValues
  body?: Uint8Array
}

export const NO_BODY = Buffer.alloc(0)
export const NO_FIELDS: FieldValues = Object.freeze({})

export function isResponse(command: Command): boolean {
  return (command.flag & FLAG_RESPONSE) !== 0
}

export function isOneway(command: Command): boolean {
  return (command.flag & FLAG_ONEWAY) !== 0
}

/** Values become text; undefined ones are left out. */
export function asFields(values: FieldValues): Fields {
  // Our own names only, so a plain object does, and is several times as fast as one without a
  // prototype.
  const fields: Record<string, string> = {}
  for (const name in values) {
    const value = values[name]
    if (value !== undefined) fields[name] = typeof value === 'string' ? value : String(value)
  }
  return fields
}

/** What a frame of ours says; written to the wire without becoming a Command first. */
export interface OutgoingParts {
  code: number
  language: number
  version: number
  opaque: number
  flag: number
  remark: string | null
  fields: FieldValues
  body: Uint8Array
}

export function requestParts(
  code: number,
  options: RequestOptions,
  opaque: number,
  isOneway = false,
): OutgoingParts {
  return {
    code,
    language: LANGUAGE_OTHER,
    version: PROTOCOL_VERSION,
    opaque,
    flag: isOneway ? FLAG_ONEWAY : 0,
    remark: null,
    fields: options.fields ?? NO_FIELDS,
    body: options.body ?? NO_BODY,
  }
}

export function responseParts(request: Command, response: Response): OutgoingParts {
  return {
    code: response.code,
    language: LANGUAGE_OTHER,
    version: PROTOCOL_VERSION,
    opaque: request.opaque,
    flag: FLAG_RESPONSE,
    remark: response.remark ?? null,
    fields: response.fields ?? NO_FIELDS,
    body: response.body ?? NO_BODY,
  }
}
