// Goal: a broker that goes, in each of four ways, costs clients what the requirements say and no more,
// with the protocol's own numbers; and the scenario notices when an answer is missing. Method: virtual
// time, several seeds; guards on stages without retries, without avoidance, or without the failure.

import { describe, expect, test } from 'bun:test'
import { SHUTDOWN_MODES } from '../../src/lab/scenario.ts'
import { Stage } from '../../src/lab/stage.ts'
import { fact, factsOf, missed, numberIn, play, playAnew, playOn } from '../support/practice.ts'

const SEEDS = [1, 2, 7]
const NAME = 'broker-shutdown'

/** Takes one option away from every producer. */
class PoorStage extends Stage {
  readonly changes: { retries?: number; avoidsFaults?: boolean; refreshesRoutes?: boolean }

  constructor(
    options: ConstructorParameters<typeof Stage>[0],
    changes: { retries?: number; avoidsFaults?: boolean; refreshesRoutes?: boolean },
  ) {
    super(options)
    this.changes = changes
  }

  override addProducer(...[name, plan]: Parameters<Stage['addProducer']>) {
    return super.addProducer(name, { ...plan, ...this.changes })
  }
}

for (const mode of SHUTDOWN_MODES) {
  test(`R5, R6, R8, R9, R10, R21: ${mode}: everything as expected, whatever the seed`, async () => {
    for (const seed of SEEDS) {
      const { timeline } = await play(NAME, { seed, mode })
      expect(missed(timeline), `seed ${seed}`).toEqual([])
    }
  }, 60_000)
}

for (const mode of ['freeze', 'disconnect'] as const) {
  test(`R5: ${mode}: the broker is listed for more than 120 s after its last beat, for less than 131 s`, async () => {
    const waits = new Set<number>()
    for (const seed of SEEDS) {
      const { timeline } = await play(NAME, { seed, mode })
      const evictions = factsOf(timeline, 'R5').filter(({ title }) => title === 'eviction')
      expect(evictions.length).toBe(2)
      for (const { seen } of evictions) {
        const afterBeatS = numberIn(seen)
        expect(afterBeatS).toBeWithin(120, 131)
        waits.add(afterBeatS)
      }
    }
    // Seeds meet the beats and scans at different moments.
    expect(waits.size).toBeGreaterThan(2)
  }, 60_000)
}

for (const mode of ['kill', 'graceful'] as const) {
  test(`R6: ${mode}: every nameserver drops the broker in less than a second`, async () => {
    for (const seed of SEEDS) {
      const { timeline } = await play(NAME, { seed, mode })
      expect(factsOf(timeline, 'R6').map(({ isMet }) => isMet)).toEqual([true, true])
    }
  }, 30_000)
}

test('R8, R21: without retries a stale route costs sends; who is told of changes fails hardly any', async () => {
  let plain = 0
  let watching = 0
  for (const seed of SEEDS) {
    const { timeline } = await play(NAME, { seed, mode: 'kill' })
    plain += numberIn(fact(timeline, 'stale route').seen)
    watching += numberIn(fact(timeline, 'watch').seen)
  }
  expect(plain).toBeGreaterThan(100)
  expect(watching).toBeLessThan(plain / 20)
}, 30_000)

test('R10: a frozen broker is tried again, once per penalty', async () => {
  const { timeline } = await play(NAME, { seed: 2, mode: 'freeze' })
  const { seen } = fact(timeline, 'avoidance')
  const [, first, later, early] = /^(\d+) attempts .* (\d+) later, (\d+) of them/.exec(seen) ?? []
  expect(Number(first)).toBeGreaterThan(0)
  // Two minutes of a broker that does not answer, ten seconds and a hanging send each.
  expect(Number(later)).toBeWithin(5, 14)
  expect(early).toBe('0')
})

test('the same seed gives the same timeline and the same trace', async () => {
  const [first, second, other] = [
    await playAnew(NAME, { seed: 11, mode: 'kill' }),
    await playAnew(NAME, { seed: 11, mode: 'kill' }),
    await playAnew(NAME, { seed: 12, mode: 'kill' }),
  ]
  expect(second.timeline.entries).toEqual(first.timeline.entries)
  expect(second.traceHash).toBe(first.traceHash)
  expect(other.traceHash).not.toBe(first.traceHash)
})

describe('the scenario notices', () => {
  test('R9: that nobody retries', async () => {
    const timeline = await playOn(NAME, {
      seed: 1,
      newStage: (options) => new PoorStage(options, { retries: 0 }),
    })
    expect(missed(timeline).join()).toContain('R9 retries: ')
  })

  test('R10: that nobody avoids a broker that failed', async () => {
    const timeline = await playOn(NAME, {
      seed: 1,
      newStage: (options) => new PoorStage(options, { avoidsFaults: false }),
    })
    expect(missed(timeline).join()).toContain('R10 avoidance: ')
  })

  test('R8: that there was no stale route to begin with', async () => {
    const timeline = await playOn(NAME, {
      seed: 1,
      newStage: (options) => new PoorStage(options, { retries: 5, refreshesRoutes: true }),
    })
    expect(missed(timeline).join()).toContain('R8 stale route: 0 sends failed')
  })

  test('R6: that a killed broker is still there', async () => {
    const timeline = await playOn(NAME, {
      seed: 1,
      prepare: (lab) => {
        lab.killBroker = async () => {}
        lab.startBroker = async () => {}
      },
    })
    expect(missed(timeline).join()).toContain('R6 eviction: still listed')
  })
})
