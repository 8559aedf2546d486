// Goal: a SQLite that may lose committed pages is refused. Method: versions around the oldest one.

import { expect, test } from 'bun:test'
import { checkSqliteVersion, isVersionAtLeast } from '../../src/store/sqlite-version.ts'

test('versions compare by number, part by part', () => {
  expect(isVersionAtLeast('3.51.3', '3.51.3')).toBe(true)
  expect(isVersionAtLeast('3.51.10', '3.51.3')).toBe(true)
  expect(isVersionAtLeast('3.100.0', '3.51.3')).toBe(true)
  expect(isVersionAtLeast('4.0', '3.51.3')).toBe(true)
  expect(isVersionAtLeast('3.51.2', '3.51.3')).toBe(false)
  expect(isVersionAtLeast('3.9.9', '3.51.3')).toBe(false)
  expect(isVersionAtLeast('3.51', '3.51.3')).toBe(false)
})

test('an old one is refused with both numbers', () => {
  expect(() => checkSqliteVersion('3.46.1')).toThrow('SQLite 3.46.1 is too old: 3.51.3 is needed')
  expect(() => checkSqliteVersion('3.51.3')).not.toThrow()
})
