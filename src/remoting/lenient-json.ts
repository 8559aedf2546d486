// Reads the JSON that fastjson writes: besides strict JSON it has maps with bare numbers as keys
// ({0:"addr"}), maps with objects as keys ({{"topic":"t"}:5}), single-quoted text, and {"$ref":…}
// for a value that occurred before. We write strict JSON only, which fastjson reads.
// Integers that a double cannot hold come out as bigint.

import { MqError } from '../core/errors.ts'
import { JSON_DEPTH_MAX } from '../core/limits.ts'

export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject
/** No prototype: a key such as __proto__ is a key like any other. */
export interface JsonObject {
  [key: string]: JsonValue | undefined
}

/** Throws PROTOCOL on anything that is not the dialect, or nests deeper than JSON_DEPTH_MAX. */
export function parseLenientJson(text: string): JsonValue {
  return new Parser(text).parseDocument()
}

export function parseLenientObject(bytes: Uint8Array): JsonObject {
  const value = parseLenientJson(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
  )
  if (isJsonObject(value)) return value
  throw new MqError('PROTOCOL', 'the body is not a JSON object')
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '0': '\0',
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0
  #root: JsonValue = null
  #references: { holder: JsonObject | JsonValue[]; key: string | number; path: string }[] = []

  constructor(text: string) {
    this.#text = text
  }

  parseDocument(): JsonValue {
    const value = this.#value()
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected()
    this.#root = value
    for (const { holder, key, path } of this.#references) {
      ;(holder as Record<string | number, JsonValue>)[key] = this.#resolve(path)
    }
    return value
  }

  #value(): JsonValue {
    this.#space()
    const c = this.#text[this.#at]
    if (c === '{') return this.#nested(() => this.#object())
    if (c === '[') return this.#nested(() => this.#array())
    if (c === '"' || c === "'") return this.#string(c)
    return this.#scalar()
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > JSON_DEPTH_MAX) {
      throw new MqError('PROTOCOL', `JSON nested deeper than ${JSON_DEPTH_MAX}`)
    }
    const value = read()
    this.#depth--
    return value
  }

  #object(): JsonObject {
    const object: JsonObject = Object.create(null)
    this.#at++
    for (;;) {
      this.#space()
      if (this.#take('}')) return object
      const key = this.#key()
      this.#space()
      if (!this.#take(':')) throw this.#unexpected()
      this.#put(object, key, this.#value())
      this.#space()
      if (this.#take(',')) continue
      if (!this.#take('}')) throw this.#unexpected()
      return object
    }
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = []
    this.#at++
    for (;;) {
      this.#space()
      if (this.#take(']')) return array
      this.#put(array, array.length, this.#value())
      this.#space()
      if (this.#take(',')) continue
      if (!this.#take(']')) throw this.#unexpected()
      return array
    }
  }

  #put(holder: JsonObject | JsonValue[], key: string | number, value: JsonValue): void {
    if (isJsonObject(value) && typeof value['$ref'] === 'string') {
      this.#references.push({ holder, key, path: value['$ref'] })
    }
    ;(holder as Record<string | number, JsonValue>)[key] = value
  }

  /** A map key: text, a bare number or word, or a whole object, kept as its own JSON text. */
  #key(): string {
    const c = this.#text[this.#at]
    if (c === '"' || c === "'") return this.#string(c)
    if (c === '{') return JSON.stringify(this.#nested(() => this.#object()))
    const start = this.#at
    while (/[\w$.+-]/.test(this.#text[this.#at] ?? '')) this.#at++
    if (this.#at === start) throw this.#unexpected()
    return this.#text.slice(start, this.#at)
  }

  #string(quote: string): string {
    let text = ''
    let start = ++this.#at
    for (;;) {
      const c = this.#text[this.#at]
      if (c === undefined) throw new MqError('PROTOCOL', 'JSON text without an end')
      if (c === quote) {
        text += this.#text.slice(start, this.#at++)
        return text
      }
      if (c === '\\') {
        text += this.#text.slice(start, this.#at)
        text += this.#escape()
        start = this.#at
      } else {
        this.#at++
      }
    }
  }

  #escape(): string {
    const c = this.#text[this.#at + 1] ?? ''
    const digits = c === 'u' ? 4 : c === 'x' ? 2 : 0
    if (digits === 0) {
      this.#at += 2
      return ESCAPES[c] ?? c
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 2 + digits)
    if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) throw this.#unexpected()
    this.#at += 2 + digits
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #scalar(): JsonValue {
    const start = this.#at
    while (/[\w.+-]/.test(this.#text[this.#at] ?? '')) this.#at++
    const word = this.#text.slice(start, this.#at)
    if (word === 'true') return true
    if (word === 'false') return false
    if (word === 'null') return null
    if (/^-?\d+$/.test(word)) {
      const number = Number(word)
      return Number.isSafeInteger(number) ? number : BigInt(word)
    }
    if (/^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[FDL]?$/.test(word)) return Number.parseFloat(word)
    this.#at = start
    throw this.#unexpected()
  }

  /** Paths as fastjson writes them: $ is the root, parts are split by dots, \ escapes one letter. */
  #resolve(path: string): JsonValue {
    let value: JsonValue | undefined = this.#root
    for (const part of splitPath(path)) {
      if (Array.isArray(value)) value = value[Number(part)]
      else if (isJsonObject(value)) value = value[part]
      else return null
    }
    return value ?? null
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #take(c: string): boolean {
    if (this.#text[this.#at] !== c) return false
    this.#at++
    return true
  }

  #unexpected(): MqError {
    const found = this.#text[this.#at]
    const what = found === undefined ? 'the end' : JSON.stringify(found)
    return new MqError('PROTOCOL', `JSON does not parse: ${what} at ${this.#at}`)
  }
}

function splitPath(path: string): string[] {
  const parts: string[] = []
  let part = ''
  for (let i = path.startsWith('$') ? 1 : 0; i < path.length; i++) {
    const c = path[i] as string
    if (c === '\\') part += path[++i] ?? ''
    else if (c === '.' || c === '[' || c === ']') {
      if (part !== '') parts.push(part)
      part = ''
    } else part += c
  }
  if (part !== '') parts.push(part)
  return parts
}
