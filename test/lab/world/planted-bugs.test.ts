// Goal: the simulation sees. Method: every planted bug must be found within its number of seeds, by an
// invariant that it names, while the honest world passes the same seeds.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { PLANTED_BUGS, type PlantedBug, SAME_TRACE } from '../../../src/lab/world/planted-bugs.ts'
import { INVARIANT_NAMES, runSeed } from '../../../src/lab/world/run-seeds.ts'

setDefaultTimeout(120_000)

const ALL = { kinds: null, workMs: null }

/** The first seed in which it is noticed, and by what. */
async function find(bug: PlantedBug): Promise<{ seed: number; by: string } | null> {
  const isRepeated = bug.noticedBy.includes(SAME_TRACE)
  for (let seed = 1; seed <= bug.seedsMax; seed++) {
    const { violations } = await runSeed({ seed, narrowing: ALL, bug, isRepeated })
    const noticed = violations.find(({ invariant }) => bug.noticedBy.includes(invariant))
    if (noticed !== undefined) return { seed, by: noticed.invariant }
  }
  return null
}

const latest = new Map<string, number>()

describe('planted bugs are found', () => {
  for (const bug of PLANTED_BUGS) {
    test(`${bug.name}, within ${bug.seedsMax} seeds`, async () => {
      const found = await find(bug)
      expect(found).not.toBeNull()
      latest.set(bug.name, found?.seed ?? 0)
    })
  }
})

test('the honest world passes the seeds in which they were found', async () => {
  const last = Math.max(...latest.values())
  for (let seed = 1; seed <= last; seed++) {
    const { violations } = await runSeed({ seed, narrowing: ALL, bug: null, isRepeated: false })
    expect({ seed, violations }).toEqual({ seed, violations: [] })
  }
})

test('there are at least ten, with names of their own, and they name invariants that exist', () => {
  expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(10)
  expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBe(PLANTED_BUGS.length)
  for (const { noticedBy } of PLANTED_BUGS) {
    for (const name of noticedBy) expect([...INVARIANT_NAMES, 'no-exception']).toContain(name)
  }
})

test('every invariant is needed by some planted bug', () => {
  const named = new Set(PLANTED_BUGS.flatMap(({ noticedBy }) => noticedBy))
  expect(INVARIANT_NAMES.filter((name) => !named.has(name))).toEqual([])
})
