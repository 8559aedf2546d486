// A story told while it happens: one line per event, with the time since the beginning. Facts say what
// was expected beside what was seen.

import type { Clock } from '../core/clock.ts'
import { printable } from '../core/logger.ts'
import {
  type Fact,
  Timeline as Recorder,
  type TimelineEntry,
  type TimelineEvent,
  type Tone,
} from '../lab/timeline.ts'
import type { Output, Paint, Palette } from './output.ts'

const TITLE_WIDTH = 12

export class Timeline extends Recorder {
  readonly #output: Output
  readonly #clearProgress: () => void

  constructor(options: { output: Output; clock: Clock; clearProgress: () => void }) {
    super({ clock: options.clock, onEntry: (entry) => this.#print(entry) })
    this.#output = options.output
    this.#clearProgress = options.clearProgress
  }

  /** A line that belongs to the event before it. */
  detail(text: string): void {
    this.#line(`${' '.repeat(TITLE_WIDTH + 12)}${text}`)
  }

  /** Windows and tables are for the end, when all of them are known. */
  #print(entry: TimelineEntry): void {
    const { palette } = this.#output
    if (entry.kind === 'event') this.#line(eventLine(entry, palette))
    if (entry.kind === 'fact') this.#line(factLine(entry, palette))
  }

  #line(text: string): void {
    if (this.#output.isJson) return
    this.#clearProgress()
    this.#output.line(text)
  }
}

function eventLine({ atMs, title, text, tone }: TimelineEvent, palette: Palette): string {
  return moment({ atMs, title, paint: paintOf(tone, palette) }, palette) + printable(text)
}

function factLine(fact: Fact, palette: Palette): string {
  const { atMs, title, isMet, requirement } = fact
  const mark = isMet ? palette.green('✓') : palette.red('✗')
  const paint = isMet ? palette.green : palette.red
  const number = requirement === '' ? '' : `${requirement}: `
  const expected = palette.dim(`(expected: ${number}${fact.expected})`)
  return `${moment({ atMs, title, paint }, palette)}${mark} ${printable(fact.seen)}  ${expected}`
}

function moment(
  { atMs, title, paint }: { atMs: number; title: string; paint: Paint },
  palette: Palette,
): string {
  const time = palette.dim(`${(atMs / 1_000).toFixed(2).padStart(7)} s`)
  return `${time}  ${paint(title.padEnd(TITLE_WIDTH))} `
}

export function paintOf(tone: Tone, palette: Palette): Paint {
  switch (tone) {
    case 'plain':
      return palette.bold
    case 'good':
      return palette.green
    case 'warn':
      return palette.yellow
    case 'bad':
      return palette.red
  }
}
