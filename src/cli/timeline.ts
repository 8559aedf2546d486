// A story told while it happens: one line per event, with the time since the beginning. Events may
// carry a fact: what was expected and what was seen.

import type { Clock } from '../core/clock.ts'
import type { Output, Paint } from './output.ts'

export interface Fact {
  /** Milliseconds since the timeline began. */
  atMs: number
  title: string
  expected: string
  seen: string
  isMet: boolean
}

const TITLE_WIDTH = 12

export class Timeline {
  readonly facts: Fact[] = []
  readonly #output: Output
  readonly #clock: Clock
  readonly #startMs: number
  readonly #clearProgress: () => void
  #phase: { title: string; startMs: number } | null = null
  readonly phases: { title: string; ms: number }[] = []

  constructor(options: { output: Output; clock: Clock; clearProgress: () => void }) {
    this.#output = options.output
    this.#clock = options.clock
    this.#startMs = options.clock.monoMs()
    this.#clearProgress = options.clearProgress
  }

  nowMs(): number {
    return this.#clock.monoMs() - this.#startMs
  }

  /** Ends the phase before and begins the next. */
  phase(title: string): void {
    this.endPhase()
    this.#phase = { title, startMs: this.nowMs() }
  }

  endPhase(): void {
    if (this.#phase === null) return
    this.phases.push({ title: this.#phase.title, ms: this.nowMs() - this.#phase.startMs })
    this.#phase = null
  }

  event(title: string, text: string, paint?: Paint): void {
    const { palette } = this.#output
    const time = palette.dim(`${(this.nowMs() / 1_000).toFixed(2).padStart(7)} s`)
    this.#line(`${time}  ${(paint ?? palette.bold)(title.padEnd(TITLE_WIDTH))} ${text}`)
  }

  /** A line that belongs to the event before it. */
  detail(text: string): void {
    this.#line(`${' '.repeat(TITLE_WIDTH + 12)}${text}`)
  }

  fact(fact: Omit<Fact, 'atMs'>): void {
    this.facts.push({ ...fact, atMs: Math.round(this.nowMs()) })
    const { palette } = this.#output
    const mark = fact.isMet ? palette.green('✓') : palette.red('✗')
    this.event(
      fact.title,
      `${mark} ${fact.seen}  ${palette.dim(`(expected: ${fact.expected})`)}`,
      fact.isMet ? palette.green : palette.red,
    )
  }

  #line(text: string): void {
    if (this.#output.isJson) return
    this.#clearProgress()
    this.#output.line(text)
  }
}
