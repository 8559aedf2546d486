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

/** 64 bits take 20 with the sign; turning longer ones into a bigint takes time that grows fast. */
const BIGINT_DIGITS_MAX = 40

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '0': '\0',
}

/** What ends a number, a word or a bare key: everything that is not one of these. */
const WORD_CODES = codeTable('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$.+-')
const SPACE_CODES = codeTable(' \t\r\n\f\v\u00a0')

const QUOTE = 0x22
const APOSTROPHE = 0x27
const COMMA = 0x2c
const COLON = 0x3a
const BRACKET_OPEN = 0x5b
const BACKSLASH = 0x5c
const BRACKET_CLOSE = 0x5d
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0
  #isInKey = false
  #references: { holder: JsonObject | JsonValue[]; key: string | number; path: string }[] = []

  constructor(text: string) {
    this.#text = text
  }

  parseDocument(): JsonValue {
    const root = this.#value()
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected()
    for (const { holder, key, path } of this.#references) {
      ;(holder as Record<string | number, JsonValue>)[key] = resolvePath(root, path)
    }
    return root
  }

  #value(): JsonValue {
    this.#space()
    const code = this.#text.charCodeAt(this.#at)
    if (code === BRACE_OPEN) return this.#object()
    if (code === BRACKET_OPEN) return this.#array()
    if (code === QUOTE || code === APOSTROPHE) return this.#string(code)
    return this.#scalar()
  }

  #object(): JsonObject {
    const object: JsonObject = Object.create(null)
    this.#enter()
    for (;;) {
      this.#space()
      if (this.#take(BRACE_CLOSE)) break
      const key = this.#key()
      this.#space()
      if (!this.#take(COLON)) throw this.#unexpected()
      this.#put(object, key, this.#value())
      this.#space()
      if (this.#take(COMMA)) continue
      if (!this.#take(BRACE_CLOSE)) throw this.#unexpected()
      break
    }
    this.#depth--
    return object
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = []
    this.#enter()
    for (;;) {
      this.#space()
      if (this.#take(BRACKET_CLOSE)) break
      this.#put(array, array.length, this.#value())
      this.#space()
      if (this.#take(COMMA)) continue
      if (!this.#take(BRACKET_CLOSE)) throw this.#unexpected()
      break
    }
    this.#depth--
    return array
  }

  #enter(): void {
    this.#at++
    if (++this.#depth <= JSON_DEPTH_MAX) return
    throw new MqError('PROTOCOL', `JSON nested deeper than ${JSON_DEPTH_MAX}`)
  }

  #put(holder: JsonObject | JsonValue[], key: string | number, value: JsonValue): void {
    if (isJsonObject(value) && typeof value['$ref'] === 'string') {
      this.#references.push({ holder, key, path: value['$ref'] })
    }
    ;(holder as Record<string | number, JsonValue>)[key] = value
  }

  /** A map key: text, a bare number or word, or a whole object, kept as its own JSON text. */
  #key(): string {
    const code = this.#text.charCodeAt(this.#at)
    if (code === QUOTE || code === APOSTROPHE) return this.#string(code)
    if (code === BRACE_OPEN) return this.#objectAsKey()
    const word = this.#word()
    if (word === '') throw this.#unexpected()
    return word
  }

  #objectAsKey(): string {
    // Never one within another: its text would double with every level.
    if (this.#isInKey) throw this.#unexpected()
    this.#isInKey = true
    const object = this.#object()
    this.#isInKey = false
    return JSON.stringify(object, bigintAsNumber)
  }

  #string(quote: number): string {
    const source = this.#text
    let start = ++this.#at
    let text = ''
    for (;;) {
      const code = source.charCodeAt(this.#at)
      if (code === quote) {
        const last = source.slice(start, this.#at++)
        return text === '' ? last : text + last
      }
      if (code === BACKSLASH) {
        text += source.slice(start, this.#at) + this.#escape()
        start = this.#at
      } else if (this.#at >= source.length) {
        throw new MqError('PROTOCOL', 'JSON text without an end')
      } else {
        this.#at++
      }
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? ''
    const digits = letter === 'u' ? 4 : letter === 'x' ? 2 : 0
    if (digits === 0) {
      this.#at += 2
      return ESCAPES[letter] ?? letter
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 2 + digits)
    if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) throw this.#unexpected()
    this.#at += 2 + digits
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #scalar(): JsonValue {
    const start = this.#at
    const word = this.#word()
    if (word === 'true') return true
    if (word === 'false') return false
    if (word === 'null') return null
    // Most numbers are short; only they can be taken by their value alone.
    if (/^-?\d+$/.test(word)) {
      const number = Number(word)
      return Number.isSafeInteger(number) ? number : this.#bigint(word)
    }
    if (/^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[FDL]?$/.test(word)) return Number.parseFloat(word)
    this.#at = start
    throw this.#unexpected()
  }

  #bigint(digits: string): bigint {
    if (digits.length <= BIGINT_DIGITS_MAX) return BigInt(digits)
    throw new MqError('PROTOCOL', `JSON has a number of ${digits.length} digits`)
  }

  #word(): string {
    const start = this.#at
    while (WORD_CODES[this.#text.charCodeAt(this.#at)] === 1) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #space(): void {
    while (SPACE_CODES[this.#text.charCodeAt(this.#at)] === 1) this.#at++
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }

  #unexpected(): MqError {
    const found = this.#text[this.#at]
    const what = found === undefined ? 'the end' : JSON.stringify(found)
    return new MqError('PROTOCOL', `JSON does not parse: ${what} at ${this.#at}`)
  }
}

function codeTable(characters: string): Uint8Array {
  const table = new Uint8Array(256)
  for (let i = 0; i < characters.length; i++) table[characters.charCodeAt(i)] = 1
  return table
}

/** Keys that are objects are only compared and shown; JSON.stringify refuses a bigint. */
function bigintAsNumber(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Paths as fastjson writes them: $ is the root, parts are split by dots, \ escapes one letter. */
function resolvePath(root: JsonValue, path: string): JsonValue {
  let value: JsonValue | undefined = root
  for (const part of splitPath(path)) {
    if (Array.isArray(value)) value = value[Number(part)]
    else if (isJsonObject(value)) value = value[part]
    else return null
  }
  return value ?? null
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
