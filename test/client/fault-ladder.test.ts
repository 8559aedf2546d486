// Goal: brokers are left alone for exactly as long as the ladder says (R10).
// Method: tables of latencies, and walks through time with explicit clock values.

import { expect, test } from 'bun:test'
import { FaultLadder, outMsFor } from '../../src/client/fault-ladder.ts'

test('R10: the ladder is RocketMQ 5.3s, a step counting from its own latency on', () => {
  const table: [number, number][] = [
    [0, 0],
    [49, 0],
    [50, 0],
    [100, 0],
    [549, 0],
    [550, 2_000],
    [1_799, 2_000],
    [1_800, 5_000],
    [2_999, 5_000],
    [3_000, 6_000],
    [4_999, 6_000],
    [5_000, 10_000],
    [14_999, 10_000],
    [15_000, 30_000],
    [1e9, 30_000],
  ]
  for (const [latencyMs, outMs] of table) {
    expect([latencyMs, outMsFor(latencyMs)]).toEqual([latencyMs, outMs])
  }
})

test('R10: a failure counts as 10 s of latency, so the broker is out for 10 s', () => {
  const ladder = new FaultLadder()
  ladder.noteFailure({ brokerName: 'b', nowMs: 1_000 })
  expect(ladder.isAvoided('b', 1_000)).toBe(true)
  expect(ladder.isAvoided('b', 10_999)).toBe(true)
  expect(ladder.isAvoided('b', 11_000)).toBe(false)
  expect(ladder.isAvoided('a', 1_000)).toBe(false)
})

test('R10: after its window a failed broker gets one trial, not a burst', () => {
  const ladder = new FaultLadder()
  ladder.noteFailure({ brokerName: 'b', nowMs: 0 })
  ladder.noteAttempt({ brokerName: 'b', nowMs: 10_000 })
  expect(ladder.isAvoided('b', 10_001)).toBe(true)
  ladder.noteFailure({ brokerName: 'b', nowMs: 10_100 })
  expect(ladder.isAvoided('b', 20_099)).toBe(true)
  ladder.noteAttempt({ brokerName: 'b', nowMs: 20_100 })
  ladder.noteSuccess({ brokerName: 'b', latencyMs: 3, nowMs: 20_103 })
  expect(ladder.isAvoided('b', 20_104)).toBe(false)
})

test('an attempt inside the window does not lengthen it', () => {
  const ladder = new FaultLadder()
  ladder.noteFailure({ brokerName: 'b', nowMs: 0 })
  ladder.noteAttempt({ brokerName: 'b', nowMs: 9_999 })
  expect(ladder.isAvoided('b', 10_000)).toBe(false)
})

test('a slow answer puts a broker out, a fast one brings it back', () => {
  const ladder = new FaultLadder()
  ladder.noteSuccess({ brokerName: 'a', latencyMs: 600, nowMs: 0 })
  expect(ladder.isAvoided('a', 1_999)).toBe(true)
  ladder.noteSuccess({ brokerName: 'a', latencyMs: 20, nowMs: 500 })
  expect(ladder.isAvoided('a', 501)).toBe(false)
})

test('when all are out: a healthy one, then slow before failed, then the soonest back', () => {
  const ladder = new FaultLadder()
  ladder.noteFailure({ brokerName: 'a', nowMs: 0 })
  ladder.noteFailure({ brokerName: 'b', nowMs: 100 })
  expect(ladder.leastBad(['b', 'a'])).toBe('a')
  ladder.noteSuccess({ brokerName: 'c', latencyMs: 20_000, nowMs: 0 })
  expect(ladder.leastBad(['a', 'b', 'c'])).toBe('c')
  expect(ladder.leastBad(['a', 'c', 'd'])).toBe('d')
  expect(ladder.leastBad([])).toBeNull()
})
