// Goal: settings are kept by namespace and key within bounds, and every change is noticed. Method: each
// operation against an empty and a filled table.

import { expect, test } from 'bun:test'
import { KV_ENTRY_COUNT_MAX, KV_TEXT_LENGTH_MAX } from '../../src/core/limits.ts'
import { KvConfig } from '../../src/nameserver/kv-config.ts'

const ENTRY = { namespace: 'N', key: 'k', value: '1' }

test('a value is found under its namespace and key only', () => {
  const settings = new KvConfig()
  settings.put(ENTRY)
  settings.put({ ...ENTRY, value: '2' })
  expect(settings.get('N', 'k')).toBe('2')
  expect(settings.get('N', 'x')).toBeNull()
  expect(settings.get('M', 'k')).toBeNull()
  expect([...settings.table('N')]).toEqual([['k', '2']])
  expect(settings.table('M').size).toBe(0)
})

test('the version moves with changes and with nothing else', () => {
  const settings = new KvConfig()
  settings.put(ENTRY)
  const { version } = settings
  settings.get('N', 'k')
  settings.delete('N', 'x')
  settings.delete('M', 'k')
  expect(settings.version).toBe(version)
  settings.delete('N', 'k')
  expect(settings.version).toBeGreaterThan(version)
  expect(settings.get('N', 'k')).toBeNull()
})

test('too long and too many are refused, and what is there can still be replaced', () => {
  const settings = new KvConfig()
  expect(() => settings.put({ ...ENTRY, value: 'x'.repeat(KV_TEXT_LENGTH_MAX + 1) })).toThrow(
    'too long',
  )
  for (let i = 0; i < KV_ENTRY_COUNT_MAX; i++) {
    settings.put({ namespace: `N${i % 10}`, key: `k${i}`, value: '' })
  }
  expect(() => settings.put(ENTRY)).toThrow('kept already')
  settings.put({ namespace: 'N1', key: 'k1', value: 'new' })
  settings.delete('N2', 'k2')
  settings.put(ENTRY)
  expect(settings.get('N', 'k')).toBe('1')
})
