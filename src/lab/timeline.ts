// What happened in a practised failure, as data: events, facts (what was expected beside what was
// seen), windows (how long something lasted, in the lane of the node, client or queue it happened to)
// and tables. It says nothing itself: whoever listens prints it while it happens, or draws it later.

import type { Clock } from '../core/clock.ts'

/** `tone` says how an event or window feels, and the picture colours it so. */
export type Tone = 'plain' | 'good' | 'warn' | 'bad'

export interface TimelineEvent {
  kind: 'event'
  /** Milliseconds since the timeline began, as in everything below. */
  atMs: number
  title: string
  text: string
  tone: Tone
}

export interface Fact {
  kind: 'fact'
  atMs: number
  /** Numbers of the requirements it shows, e.g. "R5". Empty where there is none. */
  requirement: string
  title: string
  expected: string
  seen: string
  isMet: boolean
}

export interface TimelineWindow {
  kind: 'window'
  /** Whose window it is: "nameserver-1", "producer plain", "orders broker-a:0". */
  lane: string
  title: string
  fromMs: number
  toMs: number
  tone: Tone
}

export interface TimelineTable {
  kind: 'table'
  title: string
  columns: readonly string[]
  rows: readonly (readonly (string | number)[])[]
}

export type TimelineEntry = TimelineEvent | Fact | TimelineWindow | TimelineTable

export class Timeline {
  readonly entries: TimelineEntry[] = []
  readonly phases: { title: string; ms: number }[] = []
  readonly #clock: Clock
  readonly #startMs: number
  readonly #onEntry: (entry: TimelineEntry) => void
  #phase: { title: string; startMs: number } | null = null

  constructor(options: { clock: Clock; onEntry: (entry: TimelineEntry) => void }) {
    this.#clock = options.clock
    this.#startMs = options.clock.monoMs()
    this.#onEntry = options.onEntry
  }

  get facts(): Fact[] {
    return this.entries.filter((entry) => entry.kind === 'fact')
  }

  get windows(): TimelineWindow[] {
    return this.entries.filter((entry) => entry.kind === 'window')
  }

  nowMs(): number {
    return this.#clock.monoMs() - this.#startMs
  }

  /** A moment of the clock as a moment of this timeline. */
  at(monoMs: number): number {
    return monoMs - this.#startMs
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

  event(title: string, text: string, tone: Tone = 'plain'): void {
    this.#add({ kind: 'event', atMs: Math.round(this.nowMs()), title, text, tone })
  }

  fact(fact: Omit<Fact, 'kind' | 'atMs' | 'requirement'> & { requirement?: string }): void {
    const { requirement = '', ...rest } = fact
    this.#add({ kind: 'fact', atMs: Math.round(this.nowMs()), requirement, ...rest })
  }

  window(window: Omit<TimelineWindow, 'kind'>): void {
    const fromMs = Math.round(window.fromMs)
    this.#add({ kind: 'window', ...window, fromMs, toMs: Math.round(window.toMs) })
  }

  table(table: Omit<TimelineTable, 'kind'>): void {
    this.#add({ kind: 'table', ...table })
  }

  #add(entry: TimelineEntry): void {
    this.entries.push(entry)
    this.#onEntry(entry)
  }
}
