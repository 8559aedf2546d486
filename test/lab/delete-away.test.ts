// Goal: a deleted topic stays deleted, whoever comes back with it, and its name can be used again for
// another one. Method: virtual time, several seeds; a guard where the broker's absence ends before.

import { expect, test } from 'bun:test'
import { fact, missed, play, playOn } from '../support/practice.ts'

test('R50, R51: everything as expected, whatever the seed', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const { timeline } = await play('delete', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
    expect(fact(timeline, 'refused').seen).toContain('has no topic lab-orders')
  }
}, 30_000)

test('R50: the scenario notices a topic that is not deleted everywhere', async () => {
  const timeline = await playOn('delete', {
    seed: 1,
    prepare: (lab) => {
      // It was not away at all: then there is nobody who could have brought the topic back.
      lab.killBroker = async () => {}
      lab.startBroker = async () => {}
    },
  })
  expect(missed(timeline).join()).toContain('R50 deleted')
})
