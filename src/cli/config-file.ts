// mq.toml: read whole or refused whole. An error names file, line and key, and the key that was
// probably meant. Settings stand at the top level, for whichever role they belong to, or in a
// [nameserver] or [broker] table, which wins for its role.
//
// Bun's parser says what is wrong but not where (its `line` is its caller's), so the place is found
// here: the statement that breaks a file starts after the longest beginning that still parses.

import { readFileSync } from 'node:fs'
import { describeError, MqError } from '../core/errors.ts'
import { type Role, SETTINGS, type Setting, settingsOf } from './setting-list.ts'
import { expectedFor, readSettingValue, type SettingValue } from './settings.ts'
import { nearest } from './suggest.ts'

export interface ConfigEntry {
  value: SettingValue
  /** "mq.toml:3": where it stands. */
  origin: string
}

export class ConfigFile {
  readonly path: string
  /** "broker.listen" or "listen" → its value. */
  readonly #entries: ReadonlyMap<string, ConfigEntry>

  constructor(path: string, entries: ReadonlyMap<string, ConfigEntry>) {
    this.path = path
    this.#entries = entries
  }

  get(role: Role, key: string): ConfigEntry | undefined {
    return this.#entries.get(`${role}.${key}`) ?? this.#entries.get(key)
  }

  get keyCount(): number {
    return this.#entries.size
  }
}

export function readConfigFile(path: string): ConfigFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new MqError('CONFIG_INVALID', `cannot read the configuration ${path}: ${reason(cause)}`, {
      hint: 'name the file with --config FILE',
      cause,
    })
  }
  return parseConfigFile(text, path)
}

const TABLES: readonly Role[] = ['nameserver', 'broker']

export function parseConfigFile(text: string, path: string): ConfigFile {
  const lines = text.split('\n')
  const root = parseToml(text, lines, path)
  const places = locateKeys(lines)
  const found = new Map<string, ConfigEntry>()
  const readTable = (table: object, role: Role | null): void => {
    for (const [key, value] of Object.entries(table)) {
      const name = role === null ? key : `${role}.${key}`
      const origin = `${path}:${places.get(name) ?? 1}`
      if (role === null && TABLES.some((known) => known === key)) {
        if (!isTable(value)) throw invalid(origin, `[${key}] is a table, not a value`)
        readTable(value, key as Role)
        continue
      }
      const known = role === null ? SETTINGS : settingsOf(role)
      const setting = known.find((candidate) => candidate.key === key)
      if (setting === undefined) throw unknownKey({ origin, name, key, known })
      found.set(name, { value: readValue(setting, value, { origin, name }), origin })
    }
  }
  readTable(root, null)
  return new ConfigFile(path, found)
}

function readValue(
  setting: Setting,
  value: unknown,
  place: { origin: string; name: string },
): SettingValue {
  try {
    return readSettingValue(setting, value)
  } catch {
    throw invalid(
      place.origin,
      `${place.name} is ${JSON.stringify(value)}, expected ${expectedFor(setting)}`,
    )
  }
}

function unknownKey(options: {
  origin: string
  name: string
  key: string
  known: readonly Setting[]
}): MqError {
  const { origin, name, key, known } = options
  const tables = name === key ? TABLES : []
  const meant = nearest(key, [...known.map((setting) => setting.key), ...tables])
  const question = meant === null ? '' : `, did you mean "${meant}"?`
  return invalid(origin, `unknown key "${name}"${question}`)
}

function invalid(origin: string, message: string, cause?: unknown): MqError {
  const file = origin.replace(/:\d+$/, '')
  return new MqError('CONFIG_INVALID', `${origin}: ${message}`, {
    hint: `fix that line, then: mq config check ${file}`,
    cause,
  })
}

function parseToml(text: string, lines: readonly string[], path: string): object {
  try {
    return Bun.TOML.parse(text)
  } catch (cause) {
    const line = brokenLine(lines)
    const what = describeError(cause).replace(/^TOML Parse error: /, '')
    const shown = (lines[line - 1] ?? '').trim().slice(0, 60)
    throw invalid(`${path}:${line}`, `${what} (in: ${shown})`, cause)
  }
}

function brokenLine(lines: readonly string[]): number {
  let parsed = 0
  for (let count = 1; count <= lines.length; count++) {
    if (parses(lines.slice(0, count).join('\n'))) parsed = count
  }
  // Blank lines and comments parse, so what follows them is where the statement starts.
  return Math.min(parsed + 1, lines.length)
}

function parses(text: string): boolean {
  try {
    Bun.TOML.parse(text)
    return true
  } catch {
    return false
  }
}

/** "broker.listen" → its line. Good for plain keys and [tables], which is all this file has. */
function locateKeys(lines: readonly string[]): Map<string, number> {
  const places = new Map<string, number>()
  let prefix = ''
  for (const [index, line] of lines.entries()) {
    const table = /^\s*\[+\s*([^\]]+?)\s*\]/.exec(line)?.[1]
    const key = /^\s*(?:"([^"]+)"|'([^']+)'|([\w.-]+))\s*=/.exec(line)
    const name = table ?? key?.[1] ?? key?.[2] ?? key?.[3]
    if (name === undefined) continue
    if (table !== undefined) prefix = `${table}.`
    const full = table ?? prefix + name
    if (!places.has(full)) places.set(full, index + 1)
  }
  return places
}

function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function reason(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : ''
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'permission denied'
  if (code === 'EISDIR') return 'it is a folder'
  return describeError(cause)
}
