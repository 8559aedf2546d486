// Standard output: data and nothing else. A table on a terminal, tab-separated rows without a header
// in a pipe, one JSON object per line with --json. Whoever reads slowly slows the writer down, and
// whoever stops reading ends the program cleanly: `mq consume t | head -1` is no failure.

import colours from 'picocolors'
import { MqError } from '../core/errors.ts'
import { printable } from '../core/logger.ts'
import { FdWriter } from './fd-writer.ts'

export type Paint = (text: string) => string

export interface Column<Row> {
  title: string
  value(row: Row): string
  align?: 'right'
  /** Colours the padded cell on a terminal. */
  paint?(row: Row, palette: Palette): Paint | undefined
}

export type Palette = ReturnType<typeof colours.createColors>

/** Thrown into a command whose reader has gone. Not an error: main ends with 0. */
export class ReaderGone extends Error {}

/** NO_COLOR (any value) and TERM=dumb switch colours off; there are none outside a terminal. */
export function paletteFor(stream: { isTTY?: boolean }): Palette {
  const isOff = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb'
  return colours.createColors(stream.isTTY === true && !isOff)
}

export class Output {
  readonly #writer: FdWriter
  /** Set once the command's options are known. */
  isJson = false
  readonly isTerminal: boolean
  readonly palette: Palette

  constructor(stream: { fd: number; isTTY?: boolean }) {
    this.#writer = new FdWriter(stream.fd)
    this.isTerminal = stream.isTTY === true
    this.palette = paletteFor(stream)
  }

  /** Told when the reader is gone, for commands that are waiting for something else. */
  set onGone(action: () => void) {
    this.#writer.onError = action
    if (this.#writer.error !== null) action()
  }

  line(text: string): void {
    this.#write(`${text}\n`)
  }

  object(value: object): void {
    this.#write(`${toJson(value)}\n`)
  }

  /** Bytes as they are. Await `drained` between large pieces. */
  bytes(bytes: Uint8Array): void {
    this.#write(bytes)
  }

  /** Rows of one kind: a table, tab-separated values, or the objects themselves. */
  rows<Row extends object>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    if (this.isJson) for (const row of rows) this.object(row)
    else if (this.isTerminal) this.#table(columns, rows)
    else for (const row of rows) this.line(columns.map((c) => printable(c.value(row))).join('\t'))
  }

  #table<Row extends object>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    for (const line of tableLines(columns, rows, this.palette)) this.line(line)
  }

  /** Resolves when there is room for more. */
  async drained(): Promise<void> {
    await this.#writer.drained()
    this.#checkReader()
  }

  /** Resolves when everything written has left the process. */
  async flushed(): Promise<void> {
    await this.#writer.flushed()
    this.#checkReader()
  }

  #write(data: string | Uint8Array): void {
    this.#checkReader()
    this.#writer.write(typeof data === 'string' ? Buffer.from(data) : data)
  }

  #checkReader(): void {
    const { error } = this.#writer
    if (error === null) return
    if ('code' in error && error.code === 'EPIPE') throw new ReaderGone()
    throw new MqError('DISK_FULL', `cannot write standard output: ${error.message}`, {
      hint: 'make room where standard output goes',
      cause: error,
    })
  }
}

export function tableLines<Row extends object>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  palette: Palette,
): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))))
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...cells.map((line) => line[i]?.length ?? 0)),
  )
  const layOut = (line: readonly string[], paint: (cell: string, i: number) => string): string =>
    line
      .map((cell, i) => {
        const width = widths[i] ?? 0
        const isLast = i === columns.length - 1
        if (columns[i]?.align === 'right') return paint(cell.padStart(width), i)
        return paint(isLast ? cell : cell.padEnd(width), i)
      })
      .join('  ')
      .trimEnd()
  const titles = columns.map((column) => column.title.toUpperCase())
  return [
    layOut(titles, (cell) => palette.dim(cell)),
    ...rows.map((row, r) =>
      layOut(cells[r] ?? [], (cell, i) => columns[i]?.paint?.(row, palette)?.(cell) ?? cell),
    ),
  ]
}

/** JSON on one line. Integers beyond 2^53 are decimal text: most readers would round a number. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'bigint' ? item.toString() : item,
  )
}
