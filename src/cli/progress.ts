// One line on stderr that says how far a long piece of work is. Only on a terminal: in a log it would
// be noise. Redrawn at most ten times a second, and gone when the work is.

import type { Clock, Timer } from '../core/clock.ts'
import { printable } from '../core/logger.ts'
import type { Palette } from './output.ts'

const REDRAW_INTERVAL_MS = 100

export interface TextSink {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

export class Progress {
  readonly #sink: TextSink
  readonly #clock: Clock
  readonly #palette: Palette
  #timer: Timer | null = null
  #describe: (() => string) | null = null
  #isDrawn = false

  constructor(options: { sink: TextSink; clock: Clock; palette: Palette }) {
    this.#sink = options.sink
    this.#clock = options.clock
    this.#palette = options.palette
  }

  /** Shows what `describe` says until `stop`. */
  start(describe: () => string): void {
    if (this.#sink.isTTY !== true) return
    this.#describe = describe
    this.#timer ??= this.#clock.every(REDRAW_INTERVAL_MS, () => this.#draw())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#describe = null
    this.clear()
  }

  /** Makes room for a line that is about to be written; the next redraw brings it back. */
  clear(): void {
    if (!this.#isDrawn) return
    this.#sink.write('\r\x1b[K')
    this.#isDrawn = false
  }

  #draw(): void {
    // It may name what peers have named.
    const text = printable(this.#describe?.() ?? '')
    const width = (this.#sink.columns || 80) - 1
    this.#sink.write(`\r\x1b[K${this.#palette.dim(text.slice(0, width))}`)
    this.#isDrawn = true
  }
}
