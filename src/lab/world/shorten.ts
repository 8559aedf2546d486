// A failing seed made smaller: fewer kinds of faults, then an earlier end, as long as the same
// invariant still fails. What is left can be told to `mq sim` in a few words.

import { ALL_FAULT_KINDS, type FaultKind } from './fault.ts'
import { type Narrowing, narrowed, type WorldPlan } from './plan.ts'
import type { WorldResult } from './world.ts'

export interface Shortened {
  narrowing: Narrowing
  plan: WorldPlan
  result: WorldResult
  runCount: number
}

const RUNS_MAX = 40
const WORK_MS_MIN = 1_000

/** `run` plays a plan; the first result that is returned fails `invariant`, as `result` does. */
export async function shorten(options: {
  plan: WorldPlan
  result: WorldResult
  invariant: string
  run: (plan: WorldPlan) => Promise<WorldResult>
}): Promise<Shortened> {
  const { plan, invariant, run } = options
  let best: Shortened = {
    narrowing: { kinds: null, workMs: null },
    plan,
    result: options.result,
    runCount: 0,
  }
  let runCount = 0
  const tryOut = async (narrowing: Narrowing): Promise<boolean> => {
    if (runCount >= RUNS_MAX) return false
    runCount++
    const smaller = narrowed(plan, narrowing)
    const result = await run(smaller)
    if (!result.violations.some((violation) => violation.invariant === invariant)) return false
    best = { narrowing, plan: smaller, result, runCount }
    return true
  }
  const kept = (): readonly FaultKind[] => best.narrowing.kinds ?? plan.faultKinds
  if (!(await tryOut({ kinds: [], workMs: null }))) {
    for (const kind of ALL_FAULT_KINDS.filter((each) => plan.faultKinds.includes(each))) {
      await tryOut({ kinds: kept().filter((each) => each !== kind), workMs: null })
    }
  }
  // Halving, then giving back half of what was taken too much.
  let workMs = best.plan.workMs
  for (let stepMs = workMs / 2; stepMs >= WORK_MS_MIN; stepMs /= 2) {
    const shorterMs = Math.round(workMs - stepMs)
    if (await tryOut({ kinds: kept(), workMs: shorterMs })) workMs = shorterMs
  }
  return { ...best, runCount }
}
