// Goal: quantiles are right to within the bucket width, for any values. Method: random values against
// the exact answer from sorting; seeds are printed.

import { expect, test } from 'bun:test'
import { Histogram } from '../../src/cli/histogram.ts'
import { seededRandom } from '../../src/core/random.ts'

test('quantiles are within 1.6 % of the exact ones, and never below', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed)
    const values = Array.from(
      { length: 1 + random.below(2_000) },
      () => 10 ** (random.float() * 7 - 3),
    )
    const histogram = new Histogram()
    for (const value of values) histogram.add(value)
    values.sort((a, b) => a - b)
    for (const quantile of [0, 0.5, 0.99, 1]) {
      const exact = values[Math.max(0, Math.ceil(quantile * values.length) - 1)] as number
      const found = histogram.quantileMs(quantile) ?? 0
      // Half a microsecond is lost to rounding.
      expect(found, `seed ${seed}`).toBeGreaterThanOrEqual(
        Math.min(exact, histogram.maxMs) - 0.0006,
      )
      expect(found, `seed ${seed}`).toBeLessThanOrEqual(exact * 1.016 + 0.0006)
    }
    expect(histogram.count).toBe(values.length)
    expect(histogram.maxMs).toBe(values.at(-1) as number)
  }
})

test('without values there is no quantile', () => {
  expect(new Histogram().quantileMs(0.5)).toBe(null)
})
