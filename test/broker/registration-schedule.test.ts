// Goal: when to register where. Method: the pure schedule, driven through time by hand.

import { expect, test } from 'bun:test'
import { RegistrationSchedule } from '../../src/broker/registration-schedule.ts'

function schedule(nameservers = ['a', 'b']): RegistrationSchedule {
  return new RegistrationSchedule(
    { nameservers, heartbeatIntervalMs: 30_000, retryMsMin: 100, retryMsMax: 3_000 },
    0,
  )
}

/** Every registration up to `untilMs`, if each succeeds at once. */
function beats(plan: RegistrationSchedule, untilMs: number): string[] {
  const sent: string[] = []
  for (let dueMs = plan.nextDueMs(); dueMs !== null && dueMs <= untilMs; dueMs = plan.nextDueMs()) {
    for (const address of plan.takeDue(dueMs)) {
      sent.push(`${address} ${dueMs}`)
      plan.ended(address, true, dueMs)
    }
  }
  return sent
}

test('R2: at once, then every interval on a grid', () => {
  const expected = [0, 30_000, 60_000, 90_000].flatMap((ms) => [`a ${ms}`, `b ${ms}`])
  expect(beats(schedule(), 95_000)).toEqual(expected)
})

test('R2: a change of the topics is due at once and does not move the grid', () => {
  const plan = schedule(['a'])
  beats(plan, 10_000)
  plan.topicsChanged(12_345)
  expect(beats(plan, 61_000)).toEqual(['a 12345', 'a 30000', 'a 60000'])
})

test('many changes before it is asked are one registration', () => {
  const plan = schedule(['a'])
  beats(plan, 0)
  for (let i = 0; i < 10; i++) plan.topicsChanged(5)
  expect(plan.takeDue(5)).toEqual(['a'])
  expect(plan.takeDue(5)).toEqual([])
})

test('a change while a registration is under way is sent after it', () => {
  const plan = schedule(['a'])
  plan.takeDue(0)
  plan.topicsChanged(1)
  expect(plan.nextDueMs()).toBeNull()
  expect(plan.isSettled(plan.change)).toBe(false)
  plan.ended('a', true, 2)
  expect(plan.isSettled(plan.change)).toBe(false)
  expect(plan.takeDue(2)).toEqual(['a'])
  plan.ended('a', true, 3)
  expect(plan.isSettled(plan.change)).toBe(true)
})

test('failures are tried again ever less often, up to a bound, and success starts over', () => {
  const plan = schedule(['a'])
  const waits: number[] = []
  let nowMs = 0
  for (let i = 0; i < 8; i++) {
    plan.takeDue(nowMs)
    plan.ended('a', false, nowMs)
    const dueMs = plan.nextDueMs() as number
    waits.push(dueMs - nowMs)
    nowMs = dueMs
  }
  expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000])
  plan.takeDue(nowMs)
  plan.ended('a', true, nowMs)
  expect(plan.nextDueMs()).toBe(30_000)
})

test('a slow nameserver does not hold up another', () => {
  const plan = schedule()
  expect(plan.takeDue(0)).toEqual(['a', 'b'])
  plan.ended('b', true, 5)
  expect(plan.takeDue(30_000)).toEqual(['b'])
  plan.ended('a', false, 31_000)
  expect(plan.takeDue(31_100)).toEqual(['a'])
})

test('a lost connection is followed by a registration soon, but only where there was one', () => {
  const plan = schedule()
  plan.takeDue(0)
  plan.ended('a', true, 0)
  plan.connectionLost('a', 1_000)
  plan.connectionLost('b', 1_000)
  plan.connectionLost('unknown', 1_000)
  expect(plan.nextDueMs()).toBe(1_100)
  expect(plan.takeDue(1_100)).toEqual(['a'])
})

test('beats missed in a pause are not made up for', () => {
  const plan = schedule(['a'])
  beats(plan, 0)
  expect(plan.takeDue(100_000)).toEqual(['a'])
  plan.ended('a', true, 100_000)
  expect(plan.nextDueMs()).toBe(120_000)
})

test('transitions are told once', () => {
  const plan = schedule(['a'])
  const outcomes = [false, false, true, true, false, true]
  const told = outcomes.map((isRegistered, i) => {
    plan.takeDue(i * 60_000)
    return plan.ended('a', isRegistered, i * 60_000)
  })
  expect(told).toEqual(['lost', 'unchanged', 'registered', 'unchanged', 'lost', 'registered'])
})

test('without nameservers there is nothing to wait for', () => {
  const plan = schedule([])
  expect(plan.nextDueMs()).toBeNull()
  expect(plan.isSettled(plan.change)).toBe(true)
})

test('R32: a new nameserver is due at once, a removed one never, the others keep their grid', () => {
  const plan = schedule(['a', 'b'])
  beats(plan, 0)
  expect(plan.setNameservers(['b', 'c'], 12_345)).toEqual(['a'])
  expect(beats(plan, 31_000)).toEqual(['c 12345', 'b 30000'])
  expect(plan.has('a')).toBe(false)
  expect(plan.setNameservers(['c', 'b'], 31_000)).toEqual([])
  expect(beats(plan, 42_000)).toEqual([])
})

test('R32: nobody waits for a nameserver that was removed', () => {
  const plan = schedule(['a', 'b'])
  beats(plan, 0)
  plan.topicsChanged(5)
  expect(plan.takeDue(5)).toEqual(['a', 'b'])
  plan.ended('b', true, 6)
  expect(plan.isSettled(plan.change)).toBe(false)
  plan.setNameservers(['b'], 7)
  expect(plan.isSettled(plan.change)).toBe(true)
  expect(plan.ended('a', false, 8)).toBe('unchanged')
})

test('R32: a shorter heartbeat interval holds from now on, a longer one after the next beat', () => {
  const plan = schedule(['a'])
  beats(plan, 0)
  plan.setHeartbeatInterval(5_000, 1_000)
  expect(beats(plan, 12_000)).toEqual(['a 6000', 'a 11000'])
  plan.setHeartbeatInterval(60_000, 12_000)
  expect(beats(plan, 100_000)).toEqual(['a 16000', 'a 76000'])
})
