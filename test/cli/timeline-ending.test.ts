// Goal: the bars under a story say where and how long, also for windows shorter than a character and
// without colours. Method: windows written by hand, as a pipe gets them.

import { expect, test } from 'bun:test'
import { Output } from '../../src/cli/output.ts'
import { barLines } from '../../src/cli/timeline-ending.ts'
import type { TimelineWindow } from '../../src/lab/timeline.ts'

const output = new Output({ fd: 2 })

function window(
  lane: string,
  [fromMs, toMs]: readonly [number, number],
  rest: Pick<TimelineWindow, 'title' | 'tone'>,
): TimelineWindow {
  return { kind: 'window', lane, fromMs, toMs, ...rest }
}

test('one line per lane, on one axis', () => {
  const lines = barLines(output, [
    window('ns', [0, 24_000], { title: 'lists it', tone: 'warn' }),
    window('queue', [0, 48_000], { title: 'c1', tone: 'good' }),
    window('queue', [12_000, 12_001], { title: 'nobody', tone: 'bad' }),
  ])
  expect(lines).toEqual([
    `       0 ms${'48.0 s'.padStart(44)}`,
    `ns     ${'+'.repeat(24)}${'.'.repeat(24)}  24.0 s lists it`,
    `queue  ${'-'.repeat(12)}#${'-'.repeat(35)}  1 ms nobody`,
  ])
})

test('windows of one kind are added up', () => {
  const lines = barLines(output, [
    window('p', [0, 3_000], { title: 'sends fail', tone: 'bad' }),
    window('p', [10_000, 13_000], { title: 'sends fail', tone: 'bad' }),
  ])
  expect(lines[1]).toEndWith('  2 times, 6.0 s in all: sends fail')
})
