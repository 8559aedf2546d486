// Goal: a topic grows and shrinks under keyed load: no failed send, nothing lost, every key in order where
// that was asked for, and the break counted where it was not. Method: virtual time, several seeds.

import { expect, test } from 'bun:test'
import { fact, missed, numberIn, play } from '../support/practice.ts'

const SEEDS = [1, 2, 3, 4]

test('R52, R53, R54, R56: 8 to 12 queues, whatever the seed', async () => {
  for (const seed of SEEDS) {
    const { timeline } = await play('expand', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
    expect(fact(timeline, 'drain: order').seen).toStartWith('0 messages')
    // The same load, the same lag, without the care.
    expect(numberIn(fact(timeline, 'none: order').seen)).toBeGreaterThan(3)
    const held = timeline.facts.find(({ requirement }) => requirement === 'R53')
    expect(held?.seen).toMatch(/^all have one; [1-9]/)
  }
}, 60_000)

test('R53, R56, R57: 12 to 8 queues: read-only first, then gone, whatever the seed', async () => {
  for (const seed of SEEDS) {
    const { timeline } = await play('shrink', { seed })
    expect(missed(timeline), `seed ${seed}`).toEqual([])
    expect(fact(timeline, 'read only').seen).toBe(
      '8 writable, 12 readable, 8 writable, 12 readable',
    )
    expect(fact(timeline, 'routes').seen).toStartWith('8, 8')
  }
}, 60_000)
