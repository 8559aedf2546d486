// Goal: virtual time runs what is due, in one order, and lets each instant settle before the next.
// Method: small schedules with the expected order written down; speed is measured against the real
// clock with a wide margin, because it is what the whole-cluster tests stand on.

import { expect, test } from 'bun:test'
import { endOfTurn, sleep, systemClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

test('runs timers by time, and those of one time in the order they were set', async () => {
  const clock = new VirtualClock()
  const seen: string[] = []
  clock.after(20, () => seen.push(`c@${clock.monoMs()}`))
  clock.after(10, () => seen.push(`a@${clock.monoMs()}`))
  clock.after(10, () => seen.push(`b@${clock.monoMs()}`))
  clock.after(21, () => seen.push('too late'))
  await clock.run({ untilMs: 20 })
  expect(seen).toEqual(['a@10', 'b@10', 'c@20'])
  expect(clock.monoMs()).toBe(20)
})

test('promises and ends of turns of one timer are done before the next timer runs', async () => {
  const clock = new VirtualClock()
  const seen: string[] = []
  clock.after(5, async () => {
    await null
    await null
    seen.push('promise')
    endOfTurn(() => {
      seen.push('end of turn')
      Promise.resolve().then(() => endOfTurn(() => seen.push('second end of turn')))
    })
  })
  clock.after(5, () => seen.push('next timer'))
  await clock.advance(5)
  expect(seen).toEqual(['promise', 'end of turn', 'second end of turn', 'next timer'])
})

test('code that sleeps runs at the instants it asked for', async () => {
  const clock = new VirtualClock()
  const seen: number[] = []
  const run = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await sleep(clock, 1_000)
      seen.push(clock.monoMs())
    }
  }
  await clock.runFor(run(), 10_000)
  expect(seen).toEqual([1_000, 2_000, 3_000])
})

test('an interval repeats until cancelled, also from inside', async () => {
  const clock = new VirtualClock()
  let count = 0
  const timer = clock.every(10, () => {
    if (++count === 3) timer.cancel()
  })
  const cancelled = clock.after(15, () => expect.unreachable())
  cancelled.cancel()
  await clock.advance(1_000)
  expect(count).toBe(3)
})

test('random schedules with cancellations run in order (heap against a sorted list)', async () => {
  const seed = 41
  const random = seededRandom(seed)
  const clock = new VirtualClock()
  const expected: { atMs: number; id: number }[] = []
  const seen: number[] = []
  for (let id = 0; id < 3_000; id++) {
    const atMs = random.below(500)
    const timer = clock.after(atMs, () => seen.push(id))
    if (random.below(3) > 0) timer.cancel()
    else expected.push({ atMs, id })
  }
  expected.sort((a, b) => a.atMs - b.atMs || a.id - b.id)
  await clock.advance(500)
  expect(seen, `seed ${seed}`).toEqual(expected.map((entry) => entry.id))
})

test('the wall clock has the time of day, jumps on request, and never moves an interval', async () => {
  const clock = new VirtualClock()
  const startedMs = clock.wallMs()
  expect(new Date(startedMs).toISOString()).toBe('2026-01-01T00:00:00.000Z')
  clock.jumpWall(-7_200_000)
  await clock.advance(1_500)
  expect(clock.wallMs() - startedMs).toBe(-7_198_500)
  expect(clock.monoMs()).toBe(1_500)
})

test('a loop that never lets time pass is stopped', async () => {
  const clock = new VirtualClock()
  const again = (): void => void clock.after(0, again)
  again()
  await expect(clock.advance(1)).rejects.toThrow('time stands still')
})

test('what a timer throws comes out of run', async () => {
  const clock = new VirtualClock()
  clock.after(1, () => {
    throw new Error('broken node')
  })
  await expect(clock.advance(1)).rejects.toThrow('broken node')
})

test('runUntil stops at the instant the condition holds, and names what did not happen', async () => {
  const clock = new VirtualClock()
  let isReady = false
  clock.after(30, () => {
    isReady = true
  })
  clock.after(40, () => expect.unreachable())
  expect(await clock.runUntil(() => isReady, 100, 'ready')).toBe(30)
  expect(clock.monoMs()).toBe(30)
  const other = new VirtualClock()
  await expect(other.runUntil(() => false, 100, 'the route')).rejects.toThrow(
    'the route: not within 100',
  )
})

test('50,000 events take well under a second', async () => {
  const clock = new VirtualClock()
  let count = 0
  for (let i = 0; i < 500; i++) clock.every(10, () => count++)
  const startedMs = systemClock.monoMs()
  await clock.advance(1_000)
  expect(count).toBe(50_000)
  expect(systemClock.monoMs() - startedMs).toBeLessThan(1_000)
})
