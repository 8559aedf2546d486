// What was typed after a command: its options and positional arguments, exactly as typed.
//
// cac pairs options with values and knows what is declared, but it turns what looks like a number
// into one ("007" → 7, 64-bit offsets rounded), takes a value beginning with "-" for an option, and
// splits option names at dots. So each value is handed to it as a token that cannot look like
// anything else (a NUL cannot occur in an argument), and the raw text is put back afterwards.

import { cac } from 'cac'
import { MqError } from '../core/errors.ts'
import { nearest } from './suggest.ts'
import { badValue, parseBytes, parseDurationMs, parseInteger } from './units.ts'

export interface OptionSpec {
  /** "--count <n>" takes a value, "--json" does not. */
  flag: string
  help: string
  isRepeatable?: boolean
}

export function optionName(spec: OptionSpec): string {
  return spec.flag.replace(/^--/, '').replace(/[ <].*/, '')
}

export function takesValue(spec: OptionSpec): boolean {
  return spec.flag.includes('<')
}

export interface CommandLine {
  flags: Flags
  args: string[]
  isHelpWanted: boolean
}

export interface Declaration {
  /** "topic create": as typed after mq. */
  name: string
  /** "<topic> [more]": the positional arguments. */
  usage: string
  options: readonly OptionSpec[]
}

export class Flags {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  isSet(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1)
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  integer(name: string, bounds: { min: number; max: number }): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const expected = `a whole number from ${bounds.min} to ${bounds.max}`
    return this.#checked(name, text, parseInteger(text, bounds), expected)
  }

  durationMs(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    return this.#checked(name, text, parseDurationMs(text), 'a duration such as 500ms, 10s or 2m')
  }

  bytes(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    return this.#checked(name, text, parseBytes(text), 'a size such as 128, 64KiB or 1GiB')
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const found = choices.find((choice) => choice === text) ?? null
    return this.#checked(name, text, found, `one of ${choices.join(', ')}`)
  }

  #checked<T>(name: string, text: string, value: T | null, expected: string): T {
    if (value === null) throw badValue(`--${name}`, text, expected)
    return value
  }
}

export function parseCommandLine(declared: Declaration, raw: readonly string[]): CommandLine {
  const parser = cac('mq')
  // cac matches one word: a command of two words goes in joined.
  const word = declared.name.replaceAll(' ', '-')
  const command = parser.command(`${word} ${declared.usage}`)
  for (const option of declared.options) command.option(option.flag, option.help)
  command.option('-h, --help', '')

  const { shielded, values } = shield(declared, raw)
  const parsed = parser.parse(['', '', word, ...shielded], { run: false })
  const typed = new Map<string, string[]>()
  for (const option of declared.options) {
    const name = optionName(option)
    const found = parsed.options[camelCase(name)]
    if (found === undefined) continue
    const tokens: unknown[] = Array.isArray(found) ? found : [found]
    typed.set(
      name,
      tokens.map((token) => values.get(String(token)) ?? String(token)),
    )
    if (tokens.length > 1 && takesValue(option) && option.isRepeatable !== true) {
      throw usageError(declared, `--${name} was given ${tokens.length} times, it takes one value`)
    }
  }
  const args = parsed.args.map((token) => values.get(token) ?? token)
  const isHelpWanted = parsed.options['help'] === true
  if (!isHelpWanted) checkArguments(declared, command.args, args)
  return { flags: new Flags(typed), args, isHelpWanted }
}

interface Shielded {
  shielded: string[]
  values: Map<string, string>
}

function shield(declared: Declaration, raw: readonly string[]): Shielded {
  const byName = new Map(declared.options.map((option) => [optionName(option), option]))
  const values = new Map<string, string>()
  const shielded: string[] = []
  const token = (value: string): string => {
    const key = `\0${values.size}`
    values.set(key, value)
    return key
  }
  for (let i = 0; i < raw.length; i++) {
    const arg = raw[i] as string
    if (arg === '--') {
      shielded.push(...raw.slice(i + 1).map(token))
      break
    }
    if (arg === '-h' || arg === '--help') {
      shielded.push('--help')
      continue
    }
    // A lone "-" is a file name by custom.
    if (!arg.startsWith('-') || arg === '-') {
      shielded.push(token(arg))
      continue
    }
    const equals = arg.indexOf('=')
    const name = (equals < 0 ? arg : arg.slice(0, equals)).replace(/^--?/, '')
    const option = arg.startsWith('--') ? byName.get(name) : undefined
    if (option === undefined) throw unknownOption(declared, arg, name, byName)
    if (!takesValue(option)) {
      if (equals >= 0) throw usageError(declared, `--${name} takes no value, but got "${arg}"`)
      shielded.push(`--${name}`)
      continue
    }
    const value = equals >= 0 ? arg.slice(equals + 1) : raw[++i]
    if (value === undefined || (equals < 0 && isOption(value, byName))) {
      const hint = value === undefined ? '' : ` (write --${name}=${value} if that is the value)`
      throw usageError(declared, `--${name} needs a value: ${option.flag}${hint}`)
    }
    shielded.push(`--${name}=${token(value)}`)
  }
  return { shielded, values }
}

function isOption(arg: string, byName: ReadonlyMap<string, OptionSpec>): boolean {
  if (arg === '--') return true
  return arg.startsWith('--') && byName.has(arg.slice(2).replace(/=.*/s, ''))
}

function unknownOption(
  declared: Declaration,
  arg: string,
  name: string,
  byName: ReadonlyMap<string, OptionSpec>,
): MqError {
  const meant = nearest(name, byName.keys())
  const shown = arg.replace(/=.*/s, '')
  return meant === null
    ? usageError(declared, `mq ${declared.name} has no option ${shown}`)
    : new MqError('USAGE', `mq ${declared.name} has no option ${shown}, did you mean --${meant}?`, {
        hint: `mq ${declared.name} --help`,
      })
}

interface CacArgument {
  required: boolean
  value: string
  variadic: boolean
}

function checkArguments(
  declared: Declaration,
  wanted: readonly CacArgument[],
  args: readonly string[],
): void {
  const missing = wanted.slice(args.length).find((argument) => argument.required)
  if (missing !== undefined) {
    const usage = `mq ${declared.name} ${declared.usage}`
    throw usageError(declared, `${missing.value.toUpperCase()} is missing: ${usage}`)
  }
  const extra = args[wanted.length]
  if (extra !== undefined && !wanted.some((argument) => argument.variadic)) {
    throw usageError(declared, `"${extra}" is one argument too many for mq ${declared.name}`)
  }
}

function usageError(declared: Declaration, message: string): MqError {
  return new MqError('USAGE', message, { hint: `mq ${declared.name} --help` })
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
