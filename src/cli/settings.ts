// Every setting of a node, once: its name (the same word as flag and as key of mq.toml), what it may
// be, and which role it belongs to. Flags, configuration file, `mq config` and the help all read this.

import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { isBrokerName } from '../core/names.ts'
import { formatAddress, parseAddress, parseAddressList } from '../remoting/address.ts'
import type { OptionSpec } from './flags.ts'
import { parseBytes, parseDurationMs, parseInteger } from './units.ts'

export type Role = 'client' | 'nameserver' | 'broker'
export type SettingValue = string | number | boolean | readonly string[]

type Kind =
  | 'name'
  | 'address'
  | 'addresses'
  | 'path'
  | 'duration'
  | 'bytes'
  | 'count'
  | 'switch'
  | 'flush'

export interface Setting {
  key: string
  kind: Kind
  roles: readonly Role[]
  help: string
  /** As a person would write it; shown in help and by `mq config show`. */
  fallback: Readonly<Partial<Record<Role, string>>>
}

export const FLUSH_MODES = ['sync', 'async'] as const

export const SETTINGS: readonly Setting[] = [
  {
    key: 'nameservers',
    kind: 'addresses',
    roles: ['client', 'broker'],
    help: 'the nameservers of the cluster',
    fallback: { client: '127.0.0.1:9876', broker: '127.0.0.1:9876' },
  },
  {
    key: 'route-interval',
    kind: 'duration',
    roles: ['client'],
    help: 'how often routes are asked for anew',
    fallback: { client: '30s' },
  },
  {
    key: 'listen',
    kind: 'address',
    roles: ['nameserver', 'broker'],
    help: 'address to serve on; port 0 takes a free one',
    fallback: { nameserver: '127.0.0.1:9876', broker: '127.0.0.1:10911' },
  },
  {
    key: 'scan-interval',
    kind: 'duration',
    roles: ['nameserver'],
    help: 'how often silent brokers are looked for',
    fallback: { nameserver: '10s' },
  },
  {
    key: 'broker-expiry',
    kind: 'duration',
    roles: ['nameserver'],
    help: 'a broker silent for longer leaves the routes',
    fallback: { nameserver: '2m' },
  },
  {
    key: 'name',
    kind: 'name',
    roles: ['broker'],
    help: 'name of this broker, unique in its cluster',
    fallback: { broker: 'broker-a' },
  },
  {
    key: 'cluster',
    kind: 'name',
    roles: ['broker'],
    help: 'name of the cluster it belongs to',
    fallback: { broker: 'DefaultCluster' },
  },
  {
    key: 'advertise',
    kind: 'address',
    roles: ['broker'],
    help: 'address clients are told to use; default: the one listened on',
    fallback: {},
  },
  {
    key: 'data',
    kind: 'path',
    roles: ['broker'],
    help: 'folder for everything stored',
    fallback: { broker: './mq-data/NAME' },
  },
  {
    key: 'flush',
    kind: 'flush',
    roles: ['broker'],
    help: 'sync: acknowledged means on disk; async: faster, a power cut loses the newest messages',
    fallback: { broker: 'sync' },
  },
  {
    key: 'auto-create',
    kind: 'switch',
    roles: ['broker'],
    help: 'create a topic when a message for an unknown one arrives',
    fallback: { broker: 'off' },
  },
  {
    key: 'default-queues',
    kind: 'count',
    roles: ['broker'],
    help: 'queues of a topic that is created automatically, per broker',
    fallback: { broker: '8' },
  },
  {
    key: 'heartbeat-interval',
    kind: 'duration',
    roles: ['broker'],
    help: 'how often it registers with each nameserver',
    fallback: { broker: '30s' },
  },
  {
    key: 'retention',
    kind: 'duration',
    roles: ['broker'],
    help: 'messages older than this may be deleted',
    fallback: { broker: '72h' },
  },
  {
    key: 'retention-size',
    kind: 'bytes',
    roles: ['broker'],
    help: 'delete the oldest messages above this size; 0 is no limit',
    fallback: { broker: '0' },
  },
]

const PLACEHOLDERS: Record<Kind, string> = {
  name: ' <name>',
  address: ' <host:port>',
  addresses: ' <host:port,…>',
  path: ' <folder>',
  duration: ' <duration>',
  bytes: ' <size>',
  count: ' <n>',
  switch: '',
  flush: ' <mode>',
}

export function settingsOf(role: Role): Setting[] {
  return SETTINGS.filter((setting) => setting.roles.includes(role))
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
  if (setting.kind === 'addresses' && Array.isArray(value)) {
    const parts = value.map((part) => (typeof part === 'string' ? parseAddresses(part) : null))
    const isGood = parts.length > 0 && parts.every((part) => part !== null)
    return checked(setting, value, isGood ? parts.flat() : null)
  }
  const isNumeric = ['duration', 'bytes', 'count'].includes(setting.kind)
  if (typeof value === 'number' && isNumeric) {
    return checked(setting, value, Number.isSafeInteger(value) && value >= 0 ? value : null)
  }
  return checked(setting, value, typeof value === 'string' ? fromText(setting, value) : null)
}

export function expectedFor(setting: Setting): string {
  switch (setting.kind) {
    case 'name':
      return 'a name of letters, digits, "_" and "-"'
    case 'address':
      return '"HOST:PORT"'
    case 'addresses':
      return 'one or more "HOST:PORT"'
    case 'path':
      return 'a folder'
    case 'duration':
      return 'a duration such as "10s" (or milliseconds)'
    case 'bytes':
      return 'a size such as "64MiB" (or bytes)'
    case 'count':
      return 'a whole number above 0'
    case 'switch':
      return 'true or false'
    case 'flush':
      return FLUSH_MODES.map((mode) => `"${mode}"`).join(' or ')
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
    case 'addresses':
      return parseAddresses(text)
    case 'path':
      return text === '' ? null : text
    case 'duration':
      return parseDurationMs(text)
    case 'bytes':
      return parseBytes(text)
    case 'count':
      return parseInteger(text, { min: 1, max: QUEUE_COUNT_MAX })
    case 'switch':
      return null
    case 'flush':
      return FLUSH_MODES.find((mode) => mode === text) ?? null
  }
}

function address(text: string): string | null {
  try {
    return formatAddress(parseAddress(text))
  } catch {
    return null
  }
}

/** Null if one of them does not read, or there is none. */
export function parseAddresses(text: string): string[] | null {
  try {
    const list = parseAddressList(text)
    return list.length === 0 ? null : list
  } catch {
    return null
  }
}
