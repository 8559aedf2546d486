// Diagnostics of a running node. Lines go to a sink that the edge chooses (stderr for a process, an
// array for a test), never to stdout: that carries data.

import type { Clock } from './clock.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type LogSink = (line: string) => void

/** Values from peers may hold control characters that would drive a terminal: show them escaped. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}

/** As `printable`, of text that was put together by us: its lines and colours stay. */
export function printableText(text: string): string {
  return text
    .split(OWN_CONTROLS)
    .map((part, at) => (at % 2 === 0 ? printable(part) : part))
    .join('')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const OWN_CONTROLS = /(\u001b\[[\d;]*m|\n)/

export class Logger {
  readonly #clock: Clock
  readonly #sink: LogSink
  #rank: number
  readonly #scope: string

  constructor(options: { clock: Clock; sink: LogSink; level: LogLevel; scope: string }) {
    this.#clock = options.clock
    this.#sink = options.sink
    this.#rank = LOG_LEVELS.indexOf(options.level)
    this.#scope = options.scope
  }

  /** From now on; a node may be told to say more while it runs. */
  setLevel(level: LogLevel): void {
    this.#rank = LOG_LEVELS.indexOf(level)
  }

  debug(message: string): void {
    this.#write('debug', message)
  }
  info(message: string): void {
    this.#write('info', message)
  }
  warn(message: string): void {
    this.#write('warn', message)
  }
  error(message: string): void {
    this.#write('error', message)
  }

  #write(level: LogLevel, message: string): void {
    if (LOG_LEVELS.indexOf(level) < this.#rank) return
    const time = new Date(this.#clock.wallMs()).toISOString()
    this.#sink(`${time} ${level} ${this.#scope}: ${printable(message)}`)
  }
}
