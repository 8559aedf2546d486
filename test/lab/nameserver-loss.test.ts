// Goal: nameservers may die without anybody noticing but newcomers. Method: virtual time, several seeds;
// a guard where brokers die with them.

import { expect, test } from 'bun:test'
import { missed, play, playOn } from '../support/practice.ts'

test('R20, R25: everything as expected, whatever the seed', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { timeline } = await play('nameserver-loss', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
  }
}, 30_000)

test('R20: the scenario notices when something does stop', async () => {
  const timeline = await playOn('nameserver-loss', {
    seed: 1,
    prepare: (lab) => {
      const kill = lab.killNameserver.bind(lab)
      lab.killNameserver = async (name) => {
        await kill(name)
        if (name === 'nameserver-2') await lab.freezeBroker('broker-b')
      }
    },
  })
  expect(missed(timeline).join()).toContain('R20 goes on')
}, 30_000)
