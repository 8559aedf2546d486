// Where a command's settings come from: flag, then environment, then configuration file, then default.

import { existsSync } from 'node:fs'
import { MqError } from '../core/errors.ts'
import { LOG_LEVELS, type LogLevel } from '../core/logger.ts'
import { dnsResolver } from '../remoting/dns-resolver.ts'
import type { NameResolver } from '../remoting/name-resolver.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import type { Flags, OptionSpec } from './flags.ts'
import { type Role, type Setting, settingsOf } from './setting-list.ts'
import { parseSeeds, readSettingText, type SettingValue, settingOption } from './settings.ts'

export const CONFIG_FILE = 'mq.toml'
const NAMESERVER_VARIABLES = ['MQ_NAMESERVER', 'NAMESRV_ADDR'] as const

export interface Resolved {
  setting: Setting
  value: SettingValue | null
  /** "--listen", "MQ_NAMESERVER", "mq.toml:3" or "default". */
  origin: string
}

export const CONFIG_OPTION: OptionSpec = {
  flag: '--config <file>',
  help: 'configuration file (default ./mq.toml, if there is one)',
}

/** --config and one flag per setting of the role. */
export function settingOptions(role: Role): OptionSpec[] {
  return [CONFIG_OPTION, ...settingsOf(role).map((setting) => settingOption(setting, role))]
}

/** The file named with --config, else ./mq.toml, else null. A wrong one is refused whole. */
export function findConfigFile(flags: Flags): ConfigFile | null {
  const named = flags.text('config')
  if (named !== undefined) return readConfigFile(named)
  return existsSync(CONFIG_FILE) ? readConfigFile(CONFIG_FILE) : null
}

export class Settings {
  readonly #resolved: ReadonlyMap<string, Resolved>

  constructor(resolved: readonly Resolved[]) {
    this.#resolved = new Map(resolved.map((entry) => [entry.setting.key, entry]))
  }

  all(): Resolved[] {
    return [...this.#resolved.values()]
  }

  get(key: string): Resolved | undefined {
    return this.#resolved.get(key)
  }

  text(key: string): string {
    return String(this.#value(key))
  }

  /** Null if it was neither given nor has a default. */
  optionalText(key: string): string | null {
    const value = this.#value(key)
    return value === null ? null : String(value)
  }

  number(key: string): number {
    return Number(this.#value(key))
  }

  isOn(key: string): boolean {
    return this.#value(key) === true
  }

  list(key: string): string[] {
    const value = this.#value(key)
    return Array.isArray(value) ? value.map(String) : []
  }

  #value(key: string): SettingValue | null {
    return this.#resolved.get(key)?.value ?? null
  }
}

/** `file` is the one `flags` point to, unless it was read already. */
export function resolveSettings(
  role: Role,
  flags: Flags,
  file: ConfigFile | null = findConfigFile(flags),
): Settings {
  return new Settings(settingsOf(role).map((setting) => resolve(role, setting, flags, file)))
}

/** What looks up the names among the nameservers. */
export function resolverOf(settings: Settings): NameResolver {
  return dnsResolver(settings.optionalText('dns-server'))
}

export function logLevel(settings: Settings): LogLevel {
  const text = settings.text('log')
  return LOG_LEVELS.find((level) => level === text) ?? 'info'
}

function readVariable(variable: string, text: string): SettingValue {
  const list = parseSeeds(text)
  if (list !== null) return list
  throw new MqError(
    'USAGE',
    `${variable} is "${text}", expected one or more HOST:PORT or dns:NAME:PORT`,
    {
      hint: `export ${variable}=127.0.0.1:9876`,
    },
  )
}

function resolve(role: Role, setting: Setting, flags: Flags, file: ConfigFile | null): Resolved {
  const { key } = setting
  if (flags.isSet(key)) {
    const text = flags.text(key) ?? ''
    const value = setting.kind === 'switch' ? true : readSettingText(setting, text)
    return { setting, value, origin: `--${key}` }
  }
  if (key === 'nameservers') {
    for (const variable of NAMESERVER_VARIABLES) {
      const text = process.env[variable]
      if (text !== undefined && text.trim() !== '') {
        return { setting, value: readVariable(variable, text), origin: variable }
      }
    }
  }
  const entry = file?.get(role, key)
  if (entry !== undefined) return { setting, value: entry.value, origin: entry.origin }
  const fallback = setting.fallback[role]
  const isWithout = fallback === undefined || setting.kind === 'switch'
  return {
    setting,
    value: isWithout ? null : readSettingText(setting, fallback),
    origin: 'default',
  }
}
