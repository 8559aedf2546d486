// Goal: a failing life is made smaller without becoming another failure. Method: a failure that needs
// two kinds of faults and some time, and a planted bug.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { planWorld, type WorldPlan } from '../../../src/lab/world/plan.ts'
import { findPlantedBug, seamsOf } from '../../../src/lab/world/planted-bugs.ts'
import { shorten } from '../../../src/lab/world/shorten.ts'
import { runWorld, type WorldResult } from '../../../src/lab/world/world.ts'

setDefaultTimeout(120_000)

function resultOf(plan: WorldPlan, isBroken: boolean): WorldResult {
  return {
    seed: plan.seed,
    violations: isBroken ? [{ invariant: 'x', what: 'broken', count: 1 }] : [],
    trace: '',
    virtualMs: 0,
    eventCount: 0,
    sentCount: 0,
    acknowledgedCount: 0,
    deliveredCount: 0,
    faults: new Map(),
    lastEvents: [],
  }
}

test('what is not needed goes: kinds of faults, and time', async () => {
  const seed = Array.from({ length: 100 }, (_, i) => i + 1).find((each) => {
    const { faultKinds } = planWorld(each)
    return faultKinds.includes('cut') && faultKinds.includes('kill') && faultKinds.length > 5
  }) as number
  const plan = planWorld(seed)
  const run = (tried: WorldPlan): Promise<WorldResult> => {
    const needs = ['cut', 'kill'].every((kind) => tried.faults.some((each) => each.kind === kind))
    return Promise.resolve(resultOf(tried, needs))
  }
  const { plan: small, runCount } = await shorten({
    plan,
    result: resultOf(plan, true),
    invariant: 'x',
    run,
  })
  expect(small.faultKinds.toSorted()).toEqual(['cut', 'kill'])
  const needed = Math.max(
    ...['cut', 'kill'].map((kind) => plan.faults.find((each) => each.kind === kind)?.atMs ?? 0),
  )
  expect(small.workMs).toBeWithin(needed, needed + 3_000)
  expect(runCount).toBeLessThanOrEqual(40)
})

test('a failure that needs no fault at all is found to need none', async () => {
  const seams = seamsOf(findPlantedBug('commits-too-early'))
  const plan = planWorld(1)
  const run = (tried: WorldPlan): Promise<WorldResult> => runWorld(tried, { seams })
  const result = await run(plan)
  const invariant = 'committed-is-processed'
  const small = await shorten({ plan, result, invariant, run })
  expect(small.plan.faults).toEqual([])
  expect(small.plan.workMs).toBeLessThan(plan.workMs / 2)
  expect(small.result.violations.map((each) => each.invariant)).toContain(invariant)
})
