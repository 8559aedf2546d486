// One seed after the other: plays its world, now and then twice to see that it comes out the same,
// and makes the first one that fails smaller.

import { ALL_FAULT_KINDS, type FaultKind } from './fault.ts'
import { INVARIANTS } from './invariants.ts'
import { type Narrowing, narrowed, planWorld } from './plan.ts'
import { type PlantedBug, SAME_TRACE, seamsOf } from './planted-bugs.ts'
import { type Shortened, shorten } from './shorten.ts'
import { runWorld, type WorldResult } from './world.ts'

export interface SeedOptions {
  seed: number
  narrowing: Narrowing
  /** Null: an honest world. */
  bug: PlantedBug | null
  /** Play it twice and compare the traces. */
  isRepeated: boolean
  onLine?: (line: string) => void
}

/** What must hold, with the one rule that takes two runs to judge. */
export const INVARIANT_NAMES: readonly string[] = [
  ...INVARIANTS.map(({ name }) => name),
  SAME_TRACE,
]

export async function runSeed(options: SeedOptions): Promise<WorldResult> {
  const { seed, narrowing, bug, isRepeated, onLine } = options
  const plan = narrowed(planWorld(seed), narrowing)
  const seams = seamsOf(bug)
  const result = await runWorld(plan, { seams, ...(onLine === undefined ? {} : { onLine }) })
  if (!isRepeated) return result
  const again = await runWorld(plan, { seams })
  if (again.trace === result.trace) return result
  const what = `two runs of seed ${seed} have the traces ${result.trace} and ${again.trace}`
  const violation = { invariant: SAME_TRACE, what, count: 1 }
  return { ...result, violations: [...result.violations, violation] }
}

/** A smaller world that fails the same way. */
export function shortenSeed(options: SeedOptions, failed: WorldResult): Promise<Shortened> {
  const { seed, narrowing, bug } = options
  const invariant = failed.violations[0]?.invariant ?? ''
  const seams = seamsOf(bug)
  return shorten({
    plan: narrowed(planWorld(seed), narrowing),
    result: failed,
    invariant,
    run: (plan) => runWorld(plan, { seams }),
  })
}

/** Sums over the worlds of one session. */
export class Tally {
  seedCount = 0
  firstSeed = 0
  lastSeed = 0
  virtualMs = 0
  eventCount = 0
  sentCount = 0
  acknowledgedCount = 0
  deliveredCount = 0
  readonly faults = new Map<FaultKind, number>(ALL_FAULT_KINDS.map((kind) => [kind, 0]))

  add(result: WorldResult): void {
    if (this.seedCount++ === 0) this.firstSeed = result.seed
    this.lastSeed = result.seed
    this.virtualMs += result.virtualMs
    this.eventCount += result.eventCount
    this.sentCount += result.sentCount
    this.acknowledgedCount += result.acknowledgedCount
    this.deliveredCount += result.deliveredCount
    for (const [kind, count] of result.faults) {
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + count)
    }
  }
}
