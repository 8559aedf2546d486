// Goal: waits double, stay bounded, differ between clients, and are forgotten on success. Method: the
// pure table, with the time given.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { Backoffs } from '../../src/remoting/backoffs.ts'

const ERROR = new Error('refused')

function waitMs(backoffs: Backoffs, address: string, nowMs: number): number {
  let ms = nowMs
  for (;;) {
    try {
      backoffs.check(address, ms)
      return ms - nowMs
    } catch (error) {
      expect(error).toBe(ERROR)
      ms++
    }
  }
}

test('waits double up to 3 s, each between half its bound and all of it', () => {
  const backoffs = new Backoffs(seededRandom(1))
  const waits: number[] = []
  for (let nowMs = 0; nowMs < 60_000; ) {
    backoffs.noteFailure('a', nowMs, ERROR)
    const ms = waitMs(backoffs, 'a', nowMs)
    waits.push(ms)
    nowMs += ms
  }
  waits.forEach((ms, i) => {
    const boundMs = Math.min(3_000, 50 * 2 ** i)
    expect(ms).toBeWithin(boundMs / 2, boundMs + 2)
  })
})

test('addresses are apart, and success starts anew', () => {
  const backoffs = new Backoffs(seededRandom(1))
  for (let i = 0; i < 10; i++) backoffs.noteFailure('a', 0, ERROR)
  expect(waitMs(backoffs, 'b', 0)).toBe(0)
  backoffs.noteSuccess('a')
  expect(waitMs(backoffs, 'a', 0)).toBe(0)
  backoffs.noteFailure('a', 0, ERROR)
  expect(waitMs(backoffs, 'a', 0)).toBeLessThan(52)
})

test('addresses that come and go do not add up: the oldest is forgotten', () => {
  const backoffs = new Backoffs(seededRandom(1))
  for (let i = 0; i <= 1_024; i++) backoffs.noteFailure(`host-${i}:1`, 0, ERROR)
  expect(waitMs(backoffs, 'host-0:1', 0)).toBe(0)
  expect(waitMs(backoffs, 'host-1:1', 0)).toBeGreaterThan(0)
})
