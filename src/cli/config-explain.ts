// `mq config explain KEY`: everything there is to know about a setting.

import { EXIT, MqError } from '../core/errors.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command } from './command.ts'
import { CONFIG_OPTION, findConfigFile, resolveSettings } from './context.ts'
import type { Output } from './output.ts'
import { type Role, SETTINGS, type Setting } from './setting-list.ts'
import { expectedFor, settingText } from './settings.ts'
import { nearest } from './suggest.ts'

/** How another value gets into force, by role. */
export type Reload = 'while it runs' | 'at a restart' | 'with the next command'

export interface Explanation {
  key: string
  role: Role
  type: string
  default: string
  meaning: string
  value: string
  /** "--listen", "MQ_NAMESERVER", "mq.toml:3" or "default". */
  origin: string
  reload: Reload
}

export function reloadOf(setting: Setting, role: Role): Reload {
  if (role === 'client') return 'with the next command'
  return setting.isLive ? 'while it runs' : 'at a restart'
}

export const explain: Command = {
  usage: '[key]',
  summary:
    'Explains settings: type, default, meaning, where the value comes from, how to change it.',
  examples: [
    { command: 'mq config explain retention', does: 'one setting' },
    { command: 'mq config explain', does: 'all of them' },
    { command: 'mq config explain broker.listen --config mq.toml', does: 'for one role only' },
  ],
  options: [CONFIG_OPTION, JSON_OPTION],
  timeLimit: 'None needed: it asks nobody.',
  notes: [
    'Values are those that a command or node started here and now would use. What is reloadable takes',
    'effect "while it runs": edit the file, then mq reload or SIGHUP.',
  ],
  async run({ args, flags, output }) {
    const file = findConfigFile(flags)
    const rows = wanted(args[0]).map(({ setting, role }): Explanation => {
      const resolved = resolveSettings(role, flags, file).get(setting.key)
      return {
        key: setting.key,
        role,
        type: expectedFor(setting),
        default: setting.fallback[role] ?? '-',
        meaning: `${sentence(setting.help)} ${setting.more}`,
        value: settingText(setting, resolved?.value ?? null),
        origin: resolved?.origin ?? 'default',
        reload: reloadOf(setting, role),
      }
    })
    if (output.isJson || args[0] === undefined) printAll(output, rows)
    else for (const [i, row] of rows.entries()) printOne(output, row, i > 0)
    return EXIT.ok
  },
}

function printAll(output: Output, rows: readonly Explanation[]): void {
  output.rows<Explanation>(
    [
      { title: 'key', value: (row) => row.key },
      { title: 'for', value: (row) => row.role },
      { title: 'value', value: (row) => row.value },
      { title: 'from', value: (row) => row.origin },
      { title: 'default', value: (row) => row.default },
      { title: 'changes', value: (row) => row.reload },
      { title: 'type', value: (row) => row.type },
      { title: 'meaning', value: (row) => row.meaning },
    ],
    rows,
  )
}

function printOne(output: Output, row: Explanation, isNext: boolean): void {
  const { bold, dim } = output.palette
  if (isNext) output.line('')
  output.line(`${bold(row.key)} (${row.role})`)
  const facts = [
    ['meaning', row.meaning],
    ['type', row.type],
    ['default', row.default],
    ['value', `${row.value}, from ${row.origin}`],
    ['changes', HOW[row.reload]],
  ] as const
  for (const [name, text] of facts) output.line(`  ${dim(name.padEnd(8))} ${text}`)
}

const HOW: Record<Reload, string> = {
  'while it runs': 'while it runs: edit the file, then mq reload or SIGHUP',
  'at a restart': 'at a restart; a reload names it and leaves it as it is',
  'with the next command': 'with the next command: each reads its settings when it starts',
}

function wanted(text: string | undefined): { setting: Setting; role: Role }[] {
  const all = SETTINGS.flatMap((setting) => setting.roles.map((role) => ({ setting, role })))
  if (text === undefined) return all
  const found = all.filter(
    ({ setting: { key }, role }) => key === text || `${role}.${key}` === text,
  )
  if (found.length > 0) return found
  const meant = nearest(
    text,
    SETTINGS.map(({ key }) => key),
  )
  const question = meant === null ? '' : `, did you mean "${meant}"?`
  throw new MqError('USAGE', `there is no setting "${text}"${question}`, {
    hint: meant === null ? 'mq config explain' : `mq config explain ${meant}`,
  })
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`
}
