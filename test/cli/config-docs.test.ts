// Goal: docs/CONFIGURATION.md has every key as the code has it. Method: the row of each setting is made
// from the code and must be in the page, and the table has no others.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { reloadOf } from '../../src/cli/config-explain.ts'
import { type Role, SETTINGS, type Setting } from '../../src/cli/setting-list.ts'

const page = readFileSync(resolve(import.meta.dir, '../../docs/CONFIGURATION.md'), 'utf8')

const ROLE_NAMES: Record<Role, string> = {
  client: 'clients',
  nameserver: 'nameservers',
  broker: 'brokers',
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

function rowOf(setting: Setting): string {
  const { key, roles, fallback, help, more } = setting
  const defaults = unique(roles.flatMap((role) => fallback[role] ?? []))
  const ways = unique(roles.map((role) => reloadOf(setting, role)))
  const nodeWays = roles.length > 1 ? ways.filter((way) => way !== 'with the next command') : ways
  const cells = [
    `\`${key}\``,
    roles.map((role) => ROLE_NAMES[role]).join(', '),
    defaults.map((text) => `\`${text}\``).join(', ') || '–',
    nodeWays.join(', '),
    `${help}. ${more}`,
  ]
  return `| ${cells.join(' | ')} |`
}

test('R32: every key with its roles, default, meaning and way to change it', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'))
  expect(rows).toEqual(SETTINGS.map(rowOf))
})
