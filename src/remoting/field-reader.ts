// Typed access to the text fields of a command. A missing or malformed mandatory field is a protocol
// error that names it, answered to the peer as such.

import { MqError } from '../core/errors.ts'
import type { Fields } from './command.ts'

function missing(name: string): MqError {
  return new MqError('PROTOCOL', `the request lacks the field "${name}"`)
}

export function textField(fields: Fields, name: string): string {
  const value = fields[name]
  if (value === undefined) throw missing(name)
  return value
}

/** An integer within ±2^53; larger ones are refused rather than rounded. */
export function intField(fields: Fields, name: string): number {
  return parseInteger(textField(fields, name), name)
}

export function optionalInt(fields: Fields, name: string, fallback: number): number {
  const value = fields[name]
  return value === undefined || value === '' ? fallback : parseInteger(value, name)
}

/** An integer that a stored message has 32 bits for. */
export function int32Field(fields: Fields, name: string): number {
  return checkInt32(intField(fields, name), name)
}

export function optionalInt32(fields: Fields, name: string, fallback: number): number {
  return checkInt32(optionalInt(fields, name, fallback), name)
}

/** Milliseconds since 1970. */
export function timeField(fields: Fields, name: string): number {
  const value = intField(fields, name)
  if (value >= 0) return value
  throw new MqError('PROTOCOL', `the field "${name}" must not be negative, got ${value}`)
}

export function booleanField(fields: Fields, name: string): boolean {
  const value = textField(fields, name)
  if (value === 'true' || value === 'false') return value === 'true'
  throw new MqError(
    'PROTOCOL',
    `the field "${name}" must be true or false, got "${value.slice(0, 40)}"`,
  )
}

export function optionalFlag(fields: Fields, name: string): boolean {
  return fields[name] === 'true'
}

function parseInteger(text: string, name: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value)) return value
  throw new MqError(
    'PROTOCOL',
    `the field "${name}" must be an integer, got "${text.slice(0, 40)}"`,
  )
}

function checkInt32(value: number, name: string): number {
  if ((value | 0) === value) return value
  throw new MqError('PROTOCOL', `the field "${name}" must fit 32 bits, got ${value}`)
}

/** For 64-bit values that are only compared, such as subscription versions in nanoseconds. */
export function bigintField(fields: Fields, name: string, fallback: bigint): bigint {
  const text = fields[name]
  if (text === undefined) return fallback
  if (/^-?\d{1,19}$/.test(text)) return BigInt(text)
  throw new MqError(
    'PROTOCOL',
    `the field "${name}" must be an integer, got "${text.slice(0, 40)}"`,
  )
}
