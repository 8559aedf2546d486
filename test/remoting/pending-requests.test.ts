// Goal: each request is settled exactly once, and sweeps are cheap. Method: the table alone, with
// random requests against a list that is searched.

import { expect, test } from 'bun:test'
import { systemClock } from '../../src/core/clock.ts'
import { MqError } from '../../src/core/errors.ts'
import { IN_FLIGHT_COUNT_MAX } from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'
import { PendingRequests } from '../../src/remoting/pending-requests.ts'
import { commandOf } from '../support/wire.ts'

test('random answers and deadlines: each request ends once, in the right way', () => {
  const seed = 17
  const random = seededRandom(seed)
  const pending = new PendingRequests('peer')
  const outcomes = new Map<number, string[]>()
  const deadlines = new Map<number, number>()
  let nowMs = 0
  for (let step = 0; step < 5_000; step++) {
    nowMs += random.below(20)
    if (random.below(2) === 0) {
      const opaque = pending.takeOpaque()
      const timeoutMs = 1 + random.below(500)
      const outcome: string[] = []
      outcomes.set(opaque, outcome)
      deadlines.set(opaque, nowMs + timeoutMs)
      pending.add(opaque, {
        sentMs: nowMs,
        timeoutMs,
        resolve: () => outcome.push('answered'),
        reject: (error) => outcome.push(error.code),
      })
    }
    if (random.below(3) === 0)
      pending.resolve(commandOf({ opaque: random.below(outcomes.size + 1) }))
    pending.expire(nowMs)
    for (const [opaque, deadlineMs] of deadlines) {
      if (deadlineMs > nowMs && pending.has(opaque)) {
        expect(pending.nextDeadlineMs).toBeLessThanOrEqual(deadlineMs)
        continue
      }
      expect(outcomes.get(opaque)?.length, `seed ${seed}`).toBe(1)
      deadlines.delete(opaque)
    }
  }
  pending.failAll(new MqError('CONNECTION_CLOSED', 'gone'))
  const all = [...outcomes.values()]
  expect(all.every((outcome) => outcome.length === 1)).toBe(true)
  expect(new Set(all.flat())).toEqual(new Set(['answered', 'TIMED_OUT', 'CONNECTION_CLOSED']))
  expect(pending.nextDeadlineMs).toBe(Infinity)
})

test('sweeping a full table whose requests are not due looks at none of them', () => {
  const pending = new PendingRequests('peer')
  const ignore = (): void => {}
  for (let i = 0; i < IN_FLIGHT_COUNT_MAX; i++) {
    pending.add(pending.takeOpaque(), {
      sentMs: i / 1_000,
      timeoutMs: 3_000,
      resolve: ignore,
      reject: ignore,
    })
  }
  expect(pending.isFull).toBe(true)
  const startedMs = systemClock.monoMs()
  for (let i = 0; i < 20_000; i++) pending.expire(2_000)
  expect(systemClock.monoMs() - startedMs).toBeLessThan(1_000)
})

test('numbers count up from 0', () => {
  const pending = new PendingRequests('peer')
  expect([pending.takeOpaque(), pending.takeOpaque()]).toEqual([0, 1])
})
