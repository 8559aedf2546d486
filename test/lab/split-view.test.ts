// Goal: nameservers that disagree cost balance and owners exactly as computed, locks keep order, healing
// repairs everything; and the scenario notices when one of these is not so. Method: virtual time, several
// seeds; guards without the cut and without the locks.

import { expect, test } from 'bun:test'
import { Stage } from '../../src/lab/stage.ts'
import { fact, missed, play, playOn } from '../support/practice.ts'

const SEEDS = [1, 2, 3, 4]

/** Its groups ask for no locks. */
class LocklessStage extends Stage {
  override addGroup(...[plan, options]: Parameters<Stage['addGroup']>) {
    return super.addGroup({ ...plan, isOrdered: false }, options)
  }
}

test('R12, R13, R14, R17, R19: everything as expected, whatever the seed', async () => {
  for (const seed of SEEDS) {
    const { timeline } = await play('split-view', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
  }
}, 60_000)

test('R14: the exact assignment: c1 takes a:q0–q3, c2 takes a:q2 and q3, b has nobody', async () => {
  const { timeline } = await play('split-view', { seed: 5 })
  expect(fact(timeline, 'assignment').seen).toBe(
    'c1: broker-a:0, broker-a:1, broker-a:2, broker-a:3; c2: broker-a:2, broker-a:3',
  )
  const { seen } = fact(timeline, 'consequences')
  const [, sent, waiting] = / (\d+) messages for broker-b, (\d+) of them waiting/.exec(seen) ?? []
  expect(Number(sent)).toBeGreaterThan(50)
  expect(waiting).toBe(sent as string)
  expect(seen).toMatch(/delivered to both: broker-a:2 [1-9]\d*, broker-a:3 [1-9]\d*$/)
  // The picture says for how long.
  const lanes = timeline.windows.filter(({ lane }) => lane === 'order_consumer broker-b:0')
  const orphaned = lanes.find(({ title }) => title === 'nobody')
  expect((orphaned?.toMs ?? 0) - (orphaned?.fromMs ?? 0)).toBeGreaterThan(30_000)
})

test('R13, R19: three quarters while they disagree, half when they agree', async () => {
  const { timeline } = await play('split-view', { seed: 6 })
  const shares = timeline.facts
    .filter(({ title }) => title === 'balance')
    .map(({ seen }) => Number(/is ([\d.]+) %/.exec(seen)?.[1]))
  expect(shares[0]).toBeWithin(73, 77.1)
  expect(shares[1]).toBeWithin(48, 52.1)
})

test('R12, R14: the scenario notices that nothing was cut', async () => {
  const timeline = await playOn('split-view', {
    seed: 1,
    prepare: (lab) => {
      lab.cut = () => {}
    },
  })
  for (const words of ['R12 views', 'R13 balance', 'R14 assignment', 'R14 consequences']) {
    expect(missed(timeline).join()).toContain(words)
  }
})

test('R17: the scenario notices that nobody asks for locks', async () => {
  const timeline = await playOn('split-view', {
    seed: 1,
    newStage: (options) => new LocklessStage(options),
  })
  expect(missed(timeline).map((words) => words.slice(0, 9))).toEqual(['R17 locks'])
})

test('R19: the scenario notices that nothing healed', async () => {
  const timeline = await playOn('split-view', {
    seed: 1,
    prepare: (lab) => {
      lab.heal = () => {}
    },
  })
  for (const words of ['R19 views', 'R19 owners', 'R19 balance']) {
    expect(missed(timeline).join()).toContain(words)
  }
}, 30_000)
