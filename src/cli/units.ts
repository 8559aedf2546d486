// Durations, sizes and whole numbers as people write them: "30s", "4MiB", "1500". Values come as the
// raw text of an argument or a configuration file, so that nothing is rounded on the way.

import { MqError } from '../core/errors.ts'

const DURATION_UNITS_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const SIZE_UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
}

/** "250ms", "10s", "1.5h" in milliseconds, or null. A unit is required: a bare 10 could be either. */
export function parseDurationMs(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)$/.exec(text.trim())
  if (match === null) return null
  const ms = Math.round(Number(match[1]) * (DURATION_UNITS_MS[match[2] as string] as number))
  return Number.isSafeInteger(ms) ? ms : null
}

/** "128", "64KiB", "1g" in bytes, or null. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(text.trim())
  const unit = SIZE_UNITS[(match?.[2] ?? '?').toLowerCase()]
  if (match === null || unit === undefined) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** A whole number within bounds, or null. */
export function parseInteger(text: string, bounds: { min: number; max: number }): number | null {
  if (!/^-?\d+$/.test(text.trim())) return null
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= bounds.min && value <= bounds.max ? value : null
}

export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${trimZero((ms / 1_000).toFixed(1))} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`
  if (ms < 48 * 3_600_000) return `${trimZero((ms / 3_600_000).toFixed(1))} h`
  return `${trimZero((ms / 86_400_000).toFixed(1))} d`
}

/** 259200000 → "72h": exact, in the largest unit that is, as it would be typed. */
export function writeDuration(ms: number): string {
  const unit = ['h', 'm', 's'].find((name) => ms > 0 && ms % (DURATION_UNITS_MS[name] ?? 1) === 0)
  return unit === undefined ? `${ms}ms` : `${ms / (DURATION_UNITS_MS[unit] ?? 1)}${unit}`
}

/** 1073741824 → "1GiB": exact, in the largest unit that is, as it would be typed. */
export function writeBytes(bytes: number): string {
  const units: [string, number][] = [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ]
  const found = units.find(([, size]) => bytes > 0 && bytes % size === 0)
  return found === undefined ? String(bytes) : `${bytes / found[1]}${found[0]}`
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes / 1024
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${trimZero(value.toFixed(1))} ${units[unit]}`
}

/** 1234567 → "1,234,567". */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, '')
}

/** The error for a value that does not read: names the value and what was expected. */
export function badValue(what: string, value: string, expected: string): MqError {
  return new MqError('USAGE', `${what} is "${value}", expected ${expected}`)
}
