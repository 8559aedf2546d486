// Goal: brokers come and go under load without a failed send, every policy follows, and a drain is what
// makes the difference when one leaves. Method: virtual time, several seeds; a guard where
// the order to drain reaches nobody.

import { expect, test } from 'bun:test'
import { Stage } from '../../src/lab/stage.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { fact, factsOf, missed, numberIn, play, playOn } from '../support/practice.ts'

const SEEDS = [1, 2, 3]

test('R21, R30, R54: a broker joins and leaves: every policy follows, nothing fails', async () => {
  for (const seed of SEEDS) {
    const { timeline } = await play('scale-out', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
    expect(factsOf(timeline, 'R30').length).toBe(15)
  }
}, 60_000)

test('R18, R30: drained, then stopped: no send fails at 500/s without retries; stopped: some do', async () => {
  // Two producers, 250/s each.
  const { timeline } = await play('scale-in', { seed: 1, perSecond: 250 })
  expect(missed(timeline)).toEqual([])
  expect(fact(timeline, 'drained').seen).toMatch(/^0 of \d{5,} sends failed/)
  expect(numberIn(fact(timeline, 'just stopped').seen)).toBeGreaterThan(500)
}, 120_000)

test('R18: whatever the seed', async () => {
  for (const seed of SEEDS) {
    const { timeline } = await play('scale-in', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
  }
}, 60_000)

test('R18: the scenario notices a drain that takes no writes away', async () => {
  // Nobody hears of the order, neither the broker nor the nameservers.
  const deaf = new Set<number>([REQUEST.drainBroker, REQUEST.wipeWritePermission])
  const timeline = await playOn('scale-in', {
    seed: 1,
    newStage: (options) => {
      const stage = new Stage(options)
      const { channels } = stage.observer
      const invoke = channels.invoke.bind(channels)
      channels.invoke = (address, code, request) =>
        deaf.has(code)
          ? invoke(address, REQUEST.getClusterInfo, { timeoutMs: request.timeoutMs })
          : invoke(address, code, request)
      return stage
    },
  })
  expect(missed(timeline).join()).toContain('R18 drained')
}, 60_000)
