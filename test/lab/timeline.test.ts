// Goal: a timeline keeps what happened with the time since it began, and who owned which queue when is
// drawn as it was: orphaned and doubly owned queues stand out, queues that are gone do not. Method: a
// clock moved by hand and assignments written down by hand.

import { expect, test } from 'bun:test'
import type { LoadGroup } from '../../src/lab/load-group.ts'
import { drawOwners } from '../../src/lab/owners-picture.ts'
import type { Stage } from '../../src/lab/stage.ts'
import { Timeline, type TimelineEntry } from '../../src/lab/timeline.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

test('entries carry the time since the beginning, and are told as they come', async () => {
  const clock = new VirtualClock()
  await clock.advance(1_000)
  const told: TimelineEntry[] = []
  const timeline = new Timeline({ clock, onEntry: (entry) => told.push(entry) })
  timeline.phase('first')
  await clock.advance(250.4)
  timeline.event('kill', 'broker-b', 'bad')
  timeline.phase('second')
  await clock.advance(50)
  timeline.fact({ title: 'gone', expected: 'at once', seen: 'after 50 ms', isMet: true })
  timeline.window({
    lane: 'l',
    title: 't',
    fromMs: timeline.at(1_250.4),
    toMs: 300.6,
    tone: 'warn',
  })
  timeline.endPhase()
  expect(told).toEqual(timeline.entries)
  expect(timeline.entries.map((entry) => ('atMs' in entry ? entry.atMs : null))).toEqual([
    250,
    300,
    null,
  ])
  expect(timeline.facts).toMatchObject([{ requirement: '', title: 'gone' }])
  expect(timeline.windows).toMatchObject([{ fromMs: 250, toMs: 301 }])
  expect(timeline.phases.map(({ title, ms }) => [title, Math.round(ms)])).toEqual([
    ['first', 250],
    ['second', 50],
  ])
})

test('owners over time', () => {
  const timeline = new Timeline({ clock: new VirtualClock(), onEntry: () => {} })
  const group = {
    group: 'g',
    assignments: [
      { member: 'c1', fromMs: 100, queues: ['a:0', 'a:1', 'a:2'] },
      { member: 'c2', fromMs: 200, queues: ['a:1'] },
      { member: 'c1', fromMs: 300, queues: ['a:1'] },
      { member: 'c2', fromMs: 400, queues: ['a:0', 'a:1'] },
    ],
  } as unknown as LoadGroup
  drawOwners({ timeline } as unknown as Stage, group, { fromMs: 150, untilMs: 500 })
  const drawn = timeline.windows.map(
    ({ lane, title, fromMs, toMs, tone }) => `${lane} ${fromMs}-${toMs} ${title} ${tone}`,
  )
  expect(drawn).toEqual([
    'g a:0 150-300 c1 good',
    'g a:0 300-400 nobody bad',
    'g a:0 400-500 c2 good',
    'g a:1 150-200 c1 good',
    'g a:1 200-500 c1, c2 bad',
    // Nobody takes it again: it is gone.
    'g a:2 150-300 c1 good',
  ])
})
