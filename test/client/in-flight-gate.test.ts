// Goal: never more than the bounds, always in the order of asking, nobody forgotten.
// Method: small walks and a seeded random run.

import { expect, test } from 'bun:test'
import { InFlightGate } from '../../src/client/in-flight-gate.ts'
import { seededRandom } from '../../src/core/random.ts'

test('who fits is admitted at once, who does not waits its turn', () => {
  const gate = new InFlightGate({ count: 2, bytes: 100 })
  const admitted: string[] = []
  const enter = (name: string, bytes: number): void =>
    gate.enter({ count: 1, bytes }, () => admitted.push(name))
  enter('a', 60)
  enter('b', 60)
  // Would fit, but b was first.
  enter('c', 10)
  expect(admitted).toEqual(['a'])
  gate.leave({ count: 1, bytes: 60 })
  expect(admitted).toEqual(['a', 'b', 'c'])
})

test('what is larger than the bounds goes alone', () => {
  const gate = new InFlightGate({ count: 2, bytes: 100 })
  let isAdmitted = false
  gate.enter({ count: 1, bytes: 1 }, () => {})
  gate.enter({ count: 1, bytes: 10_000 }, () => {
    isAdmitted = true
  })
  expect(isAdmitted).toBe(false)
  gate.leave({ count: 1, bytes: 1 })
  expect(isAdmitted).toBe(true)
})

test('the line itself is bounded', () => {
  const gate = new InFlightGate({ count: 1, bytes: 100 })
  for (let i = 0; i < 100_001; i++) gate.enter({ count: 1, bytes: 1 }, () => {})
  expect(() => gate.enter({ count: 1, bytes: 1 }, () => {})).toThrow('already wait for room')
})

test('idle resolves when the last one has left, waiting ones included', async () => {
  const gate = new InFlightGate({ count: 1, bytes: 100 })
  await gate.idle()
  gate.enter({ count: 1, bytes: 1 }, () => {})
  gate.enter({ count: 1, bytes: 1 }, () => {})
  let isIdle = false
  const idle = gate.idle().then(() => {
    isIdle = true
  })
  gate.leave({ count: 1, bytes: 1 })
  await Promise.resolve()
  expect(isIdle).toBe(false)
  gate.leave({ count: 1, bytes: 1 })
  await idle
})

test('property: within the bounds and in order, 30 seeds', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed)
    const max = { count: 1 + random.below(20), bytes: 1 + random.below(1_000) }
    const gate = new InFlightGate(max)
    const inside: { count: number; bytes: number }[] = []
    const order: number[] = []
    for (let i = 0; i < 2_000; i++) {
      const load = { count: 1 + random.below(3), bytes: random.below(200) }
      gate.enter(load, () => {
        order.push(i)
        inside.push(load)
      })
      while (inside.length > 0 && random.below(2) === 0) gate.leave(inside.shift()!)
      const bytes = inside.reduce((sum, each) => sum + each.bytes, 0)
      const count = inside.reduce((sum, each) => sum + each.count, 0)
      const isWithin = (count <= max.count && bytes <= max.bytes) || inside.length === 1
      expect({ seed, i, isWithin }).toEqual({ seed, i, isWithin: true })
    }
    while (inside.length > 0) gate.leave(inside.shift()!)
    expect(order).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
    expect(gate.load).toEqual({ count: 0, bytes: 0 })
  }
})
