// The end of a timeline on a terminal or in a pipe: its windows as bars on one axis, and its tables.

import type { TimelineTable, TimelineWindow, Tone } from '../lab/timeline.ts'
import { type Column, type Output, tableLines } from './output.ts'
import { paintOf, type Timeline } from './timeline.ts'

const BAR_WIDTH = 48
const TONES: readonly Tone[] = ['plain', 'good', 'warn', 'bad']
/** Told apart without colours, too. */
const GLYPHS: Record<Tone, { block: string; letter: string }> = {
  plain: { block: '─', letter: '-' },
  good: { block: '─', letter: '-' },
  warn: { block: '▒', letter: '+' },
  bad: { block: '█', letter: '#' },
}

export function printEnding(output: Output, timeline: Timeline): void {
  const { windows } = timeline
  if (windows.length > 0) {
    output.line('')
    for (const line of barLines(output, windows)) output.line(line)
    output.line(legend(output))
  }
  for (const entry of timeline.entries) {
    if (entry.kind === 'table') printTable(output, entry)
  }
}

/** One line per lane; beside it how long whatever was not well lasted. */
export function barLines(output: Output, windows: readonly TimelineWindow[]): string[] {
  const { palette } = output
  const fromMs = Math.min(...windows.map((window) => window.fromMs))
  const toMs = Math.max(...windows.map((window) => window.toMs))
  const axis = { fromMs, msPerCell: Math.max(1, toMs - fromMs) / BAR_WIDTH }
  const lanes = [...new Set(windows.map(({ lane }) => lane))]
  const laneWidth = Math.max(...lanes.map((lane) => lane.length))
  const [from, to] = [seconds(fromMs), seconds(toMs)]
  const scale = `${' '.repeat(laneWidth)}  ${from}${to.padStart(BAR_WIDTH - from.length)}`
  return [
    palette.dim(scale),
    ...lanes.map((lane) => {
      const own = windows.filter((window) => window.lane === lane)
      const worst = own.filter(({ tone }) => tone !== 'good')
      const words = lengths(worst.length > 0 ? worst : own).join('; ')
      return `${lane.padEnd(laneWidth)}  ${bar(output, own, axis)}  ${words}`.trimEnd()
    }),
  ]
}

function legend({ palette, isTerminal }: Output): string {
  const glyph = (tone: Tone): string => (isTerminal ? GLYPHS[tone].block : GLYPHS[tone].letter)
  return palette.dim(
    `(${glyph('good')} as it should be, ${glyph('warn')} affected, ${glyph('bad')} broken)`,
  )
}

/** "60.0 s nobody", or "11 times, 31.4 s in all: sends fail". */
function lengths(windows: readonly TimelineWindow[]): string[] {
  const titles = [...new Set(windows.map(({ title }) => title))]
  return titles.map((title) => {
    const own = windows.filter((window) => window.title === title)
    const totalMs = own.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
    if (own.length === 1) return `${seconds(totalMs)} ${title}`
    return `${own.length} times, ${seconds(totalMs)} in all: ${title}`
  })
}

function bar(
  { palette, isTerminal }: Output,
  windows: readonly TimelineWindow[],
  axis: { fromMs: number; msPerCell: number },
): string {
  const cells: (Tone | null)[] = Array.from({ length: BAR_WIDTH }, () => null)
  // The worst last: a short window must not hide behind a long one.
  const ordered = [...windows].sort((a, b) => TONES.indexOf(a.tone) - TONES.indexOf(b.tone))
  for (const { fromMs, toMs, tone } of ordered) {
    const first = Math.min(BAR_WIDTH - 1, Math.floor((fromMs - axis.fromMs) / axis.msPerCell))
    const end = Math.max(first + 1, Math.round((toMs - axis.fromMs) / axis.msPerCell))
    cells.fill(tone, first, end)
  }
  return cells
    .map((tone) => {
      if (tone === null) return palette.dim(isTerminal ? '·' : '.')
      return isTerminal ? paintOf(tone, palette)(GLYPHS[tone].block) : GLYPHS[tone].letter
    })
    .join('')
}

function printTable(output: Output, { columns, rows }: TimelineTable): void {
  const spec = columns.map((title, i): Column<readonly (string | number)[]> => {
    const isNumber = rows.every((row) => typeof row[i] === 'number')
    return {
      title,
      value: (row) => String(row[i] ?? ''),
      ...(isNumber ? { align: 'right' as const } : {}),
    }
  })
  output.line('')
  for (const line of tableLines(spec, rows, output.palette)) output.line(line)
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`
}
