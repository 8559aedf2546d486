// Goal: progress is shown on terminals only, fits the line, and is gone afterwards. Method: a sink that
// remembers, and virtual time.

import { expect, test } from 'bun:test'
import colours from 'picocolors'
import { Progress } from '../../src/cli/progress.ts'
import type { Clock, Timer } from '../../src/core/clock.ts'

/** A clock whose ticks the test gives. */
function manualClock(): { clock: Clock; tick: () => void; timers: number } {
  const actions = new Set<() => void>()
  const every = (_: number, action: () => void): Timer => {
    actions.add(action)
    return { cancel: () => actions.delete(action) }
  }
  return {
    clock: { wallMs: () => 0, monoMs: () => 0, after: every, every },
    tick: () => {
      for (const action of actions) action()
    },
    get timers() {
      return actions.size
    },
  }
}

function progressOn(isTTY: boolean, columns: number) {
  const written: string[] = []
  const time = manualClock()
  const sink = { isTTY, columns, write: (text: string) => written.push(text) }
  const progress = new Progress({ sink, clock: time.clock, palette: colours.createColors(false) })
  return { written, time, progress }
}

test('on a terminal it is redrawn in one line, and cleared', () => {
  const { written, time, progress } = progressOn(true, 11)
  let count = 0
  progress.start(() => `message ${++count}`)
  time.tick()
  time.tick()
  progress.stop()
  time.tick()
  expect(written).toEqual(['\r\x1b[Kmessage 1', '\r\x1b[Kmessage 2', '\r\x1b[K'])
  expect(time.timers).toBe(0)
})

test('it never wraps', () => {
  const { written, time, progress } = progressOn(true, 10)
  progress.start(() => 'a long description')
  time.tick()
  expect(written).toEqual(['\r\x1b[Ka long de'])
})

test('anywhere else there is nothing', () => {
  const { written, time, progress } = progressOn(false, 80)
  progress.start(() => 'x')
  time.tick()
  progress.stop()
  expect(written).toEqual([])
  expect(time.timers).toBe(0)
})
