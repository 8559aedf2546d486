// Goal: lives of whole clusters keep every promise, and a seed is all it takes to live one again.
// Method: seeds one after the other, a part of them twice; CI plays as many more as fit a minute.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { ALL_FAULT_KINDS } from '../../../src/lab/world/fault.ts'
import { narrowed, planWorld } from '../../../src/lab/world/plan.ts'
import { INVARIANT_NAMES, runSeed, Tally } from '../../../src/lab/world/run-seeds.ts'
import { runWorld } from '../../../src/lab/world/world.ts'

setDefaultTimeout(120_000)

const SEED_COUNT = 20
const ALL = { kinds: null, workMs: null }

test(`R19, R42: ${SEED_COUNT} seeds, each lived twice, break nothing and come out the same`, async () => {
  const tally = new Tally()
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const result = await runSeed({ seed, narrowing: ALL, bug: null, isRepeated: true })
    expect({ seed, violations: result.violations }).toEqual({ seed, violations: [] })
    tally.add(result)
  }
  // A life in which nothing goes wrong would prove nothing.
  expect([...tally.faults].filter(([, count]) => count === 0)).toEqual([])
  expect(tally.acknowledgedCount).toBeGreaterThan(1_000)
  expect(tally.deliveredCount).toBeGreaterThan(1_000)
  expect(INVARIANT_NAMES.length).toBeGreaterThan(12)
})

test('other seeds are other lives', async () => {
  const traces = new Set<string>()
  for (let seed = 100; seed < 105; seed++) {
    const plan = narrowed(planWorld(seed), { kinds: [], workMs: 2_000 })
    traces.add((await runWorld(plan)).trace)
  }
  expect(traces.size).toBe(5)
})

test('what happened last is kept for people, and everything is there for those who ask', async () => {
  const lines: string[] = []
  const plan = planWorld(5)
  const result = await runWorld(plan, { onLine: (line) => lines.push(line) })
  expect(lines.length).toBeGreaterThan(result.lastEvents.length - 1)
  expect(result.lastEvents).toEqual(lines.slice(-200))
  expect(lines.filter((line) => line.includes(' fault '))).toHaveLength(plan.faults.length)
})

test('an exception in a node is a violation, not the end of the simulation', async () => {
  const plan = planWorld(1)
  const result = await runWorld({ ...plan, topics: [{ name: 'not a topic name', queueCount: 1 }] })
  expect(result.violations.map(({ invariant }) => invariant)).toContain('no-exception')
})

test('plans: swarm, deterministic, faults within the time of work', () => {
  const kindCounts = new Set<number>()
  for (let seed = 1; seed <= 200; seed++) {
    const plan = planWorld(seed)
    expect(planWorld(seed)).toEqual(plan)
    kindCounts.add(plan.faultKinds.length)
    expect(plan.nameservers.length).toBeWithin(1, 4)
    expect(plan.brokers.length).toBeWithin(1, 4)
    for (const fault of plan.faults) {
      expect(fault.atMs).toBeWithin(0, plan.workMs)
      expect(plan.faultKinds).toContain(fault.kind)
      expect(fault.peer).not.toBe(fault.target)
    }
    // Somebody must be left to hold the cluster together.
    const lost = plan.faults.filter(({ kind }) => kind === 'lose-broker').length
    expect(lost).toBeLessThan(plan.brokers.length)
  }
  expect(Math.max(...kindCounts) - Math.min(...kindCounts)).toBeGreaterThan(6)
})

test('leaving a kind of fault out leaves the others as they were', () => {
  const plan = planWorld(7)
  const [first, ...rest] = plan.faultKinds
  const smaller = narrowed(plan, { kinds: rest, workMs: plan.workMs / 2 })
  expect(smaller.faults).toEqual(
    plan.faults.filter(({ kind, atMs }) => kind !== first && atMs < plan.workMs / 2),
  )
  expect(smaller.faults.length).toBeGreaterThan(0)
  expect(narrowed(plan, { kinds: ALL_FAULT_KINDS, workMs: null })).toEqual(plan)
})
