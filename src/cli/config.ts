// `mq config check|show|explain`: what the configuration file says, and what holds in the end.

import { existsSync } from 'node:fs'
import { EXIT, MqError } from '../core/errors.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command, CommandGroup } from './command.ts'
import { explain } from './config-explain.ts'
import { readConfigFile } from './config-file.ts'
import { CONFIG_OPTION, resolveSettings } from './context.ts'
import type { Column } from './output.ts'
import type { Role } from './setting-list.ts'

const ROLES: readonly Role[] = ['client', 'nameserver', 'broker']

const check: Command = {
  usage: '[file]',
  summary: 'Reads a configuration file and says what is wrong with it, with line and key.',
  examples: [
    { command: 'mq config check', does: './mq.toml' },
    { command: 'mq config check east/mq.toml', does: 'another one' },
  ],
  options: [JSON_OPTION],
  timeLimit: 'None needed: it asks nobody.',
  async run({ args, output }) {
    const path = args[0] ?? 'mq.toml'
    if (!existsSync(path)) {
      throw new MqError('CONFIG_INVALID', `there is no file ${path}`, {
        hint: 'write one with a line such as: nameservers = ["127.0.0.1:9876"]',
      })
    }
    const file = readConfigFile(path)
    if (output.isJson) output.object({ path, keys: file.keyCount, isValid: true })
    else output.line(`${path}: ok, ${file.keyCount} keys`)
    return EXIT.ok
  },
}

interface SettingRow {
  role: Role
  key: string
  value: unknown
  origin: string
}

const show: Command = {
  usage: '[role]',
  summary: 'Shows every setting with its value and where the value comes from.',
  examples: [
    { command: 'mq config show', does: 'all roles' },
    { command: 'mq config show broker --config mq.toml', does: 'what `mq broker` would use' },
  ],
  options: [CONFIG_OPTION, JSON_OPTION],
  timeLimit: 'None needed: it asks nobody.',
  async run({ args, flags, output }) {
    const wanted = args[0]
    const roles = ROLES.filter((role) => wanted === undefined || role === wanted)
    if (roles.length === 0) {
      throw new MqError('USAGE', `role is "${wanted}", expected one of ${ROLES.join(', ')}`, {
        hint: 'mq config show broker',
      })
    }
    const rows = roles.flatMap((role) =>
      resolveSettings(role, flags)
        .all()
        .map(
          ({ setting, value, origin }): SettingRow => ({ role, key: setting.key, value, origin }),
        ),
    )
    const columns: Column<SettingRow>[] = [
      { title: 'role', value: (row) => row.role },
      { title: 'key', value: (row) => row.key },
      { title: 'value', value: (row) => valueText(row.value) },
      {
        title: 'from',
        value: (row) => row.origin,
        paint: (row, palette) => (row.origin === 'default' ? palette.dim : palette.green),
      },
    ]
    output.rows(columns, rows)
    return EXIT.ok
  },
}

function valueText(value: unknown): string {
  if (value === null) return '-'
  return Array.isArray(value) ? value.join(',') : String(value)
}

export const config: CommandGroup = { actions: { check, show, explain } }
