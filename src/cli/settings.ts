// How a setting's value is read from a flag's text or from the configuration file, and written again.

import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { LOG_LEVELS } from '../core/logger.ts'
import { isBrokerName } from '../core/names.ts'
import { formatAddress, isIpAddress, parseAddress } from '../remoting/address.ts'
import { parseSeedList } from '../remoting/seeds.ts'
import type { OptionSpec } from './flags.ts'
import type { Kind, Role, Setting } from './setting-list.ts'
import { parseBytes, parseDurationMs, parseInteger, writeBytes, writeDuration } from './units.ts'

export type SettingValue = string | number | boolean | readonly string[]

export const FLUSH_MODES = ['sync', 'async'] as const

/** Timers of more than 2^31 ms fire at once; three weeks are no interval anybody waits for. */
const INTERVAL_MS_MAX = 21 * 86_400_000

const PLACEHOLDERS: Record<Kind, string> = {
  name: ' <name>',
  address: ' <host:port>',
  seeds: ' <host:port,…>',
  server: ' <ip:port>',
  path: ' <folder>',
  duration: ' <duration>',
  interval: ' <duration>',
  bytes: ' <size>',
  count: ' <n>',
  switch: '',
  flush: ' <mode>',
  level: ' <level>',
}

export function settingOption(setting: Setting, role: Role): OptionSpec {
  const fallback = setting.fallback[role]
  return {
    flag: `--${setting.key}${PLACEHOLDERS[setting.kind]}`,
    help: setting.help + (fallback === undefined ? '' : ` (default ${fallback})`),
  }
}

/** Reads a flag's text. Throws MqError with the sentence's second half in `expected` form. */
export function readSettingText(setting: Setting, text: string): SettingValue {
  return checked(setting, text, fromText(setting, text))
}

/** Reads a value of the configuration file, which has types of its own. */
export function readSettingValue(setting: Setting, value: unknown): SettingValue {
  if (setting.kind === 'switch') {
    return checked(setting, value, typeof value === 'boolean' ? value : null)
  }
  if (setting.kind === 'seeds' && Array.isArray(value)) {
    const parts = value.map((part) => (typeof part === 'string' ? parseSeeds(part) : null))
    const isGood = parts.length > 0 && parts.every((part) => part !== null)
    return checked(setting, value, isGood ? unique(parts.flat()) : null)
  }
  if (typeof value === 'number') return checked(setting, value, fromNumber(setting, value))
  return checked(setting, value, typeof value === 'string' ? fromText(setting, value) : null)
}

export function expectedFor(setting: Setting): string {
  switch (setting.kind) {
    case 'name':
      return 'a name of letters, digits, "_" and "-"'
    case 'address':
      return '"HOST:PORT"'
    case 'seeds':
      return 'one or more "HOST:PORT" or "dns:NAME:PORT"'
    case 'server':
      return '"IP:PORT"'
    case 'path':
      return 'a folder'
    case 'duration':
      return 'a duration such as "10s" (or milliseconds)'
    case 'interval':
      return 'a duration above 0 such as "10s" (or milliseconds), up to 21 days'
    case 'bytes':
      return 'a size such as "64MiB" (or bytes)'
    case 'count':
      return 'a whole number above 0'
    case 'switch':
      return 'true or false'
    case 'flush':
      return FLUSH_MODES.map((mode) => `"${mode}"`).join(' or ')
    case 'level':
      return LOG_LEVELS.map((level) => `"${level}"`).join(' or ')
  }
}

function checked(setting: Setting, given: unknown, value: SettingValue | null): SettingValue {
  if (value !== null) return value
  const shown = typeof given === 'string' ? `"${given}"` : JSON.stringify(given)
  throw new MqError('USAGE', `${setting.key} is ${shown}, expected ${expectedFor(setting)}`)
}

function fromText(setting: Setting, text: string): SettingValue | null {
  switch (setting.kind) {
    case 'name':
      return isBrokerName(text) ? text : null
    case 'address':
      return address(text)
    case 'seeds':
      return parseSeeds(text)
    case 'server':
      return server(text)
    case 'path':
      return text === '' ? null : text
    case 'duration':
      return parseDurationMs(text)
    case 'interval':
      return interval(parseDurationMs(text))
    case 'bytes':
      return parseBytes(text)
    case 'count':
      return parseInteger(text, { min: 1, max: QUEUE_COUNT_MAX })
    case 'switch':
      return null
    case 'flush':
      return FLUSH_MODES.find((mode) => mode === text) ?? null
    case 'level':
      return LOG_LEVELS.find((level) => level === text) ?? null
  }
}

function fromNumber(setting: Setting, value: number): number | null {
  if (!Number.isSafeInteger(value) || value < 0) return null
  switch (setting.kind) {
    case 'duration':
    case 'bytes':
      return value
    case 'interval':
      return interval(value)
    case 'count':
      return parseInteger(String(value), { min: 1, max: QUEUE_COUNT_MAX })
    default:
      return null
  }
}

function address(text: string): string | null {
  try {
    return formatAddress(parseAddress(text))
  } catch {
    return null
  }
}

function server(text: string): string | null {
  const found = address(text)
  return found !== null && isIpAddress(parseAddress(found).host) ? found : null
}

function interval(ms: number | null): number | null {
  return ms !== null && ms > 0 && ms <= INTERVAL_MS_MAX ? ms : null
}

/** Null if one of them does not read, or there is none. */
export function parseSeeds(text: string): string[] | null {
  try {
    const list = parseSeedList(text)
    return list.length === 0 ? null : unique(list)
  } catch {
    return null
  }
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)]
}

/** A value as a person would write it; "-" where there is none. */
export function settingText(setting: Setting, value: SettingValue | null): string {
  if (setting.kind === 'switch') return value === true ? 'on' : 'off'
  if (value === null) return '-'
  if (typeof value === 'number') {
    if (setting.kind === 'bytes') return writeBytes(value)
    return setting.kind === 'count' ? String(value) : writeDuration(value)
  }
  return Array.isArray(value) ? value.join(',') : String(value)
}
