// Goal: rates are averages over the windows that tools show, and memory stays bounded. Method: totals
// that grow at known speeds.

import { expect, test } from 'bun:test'
import { RateMeter } from '../../src/broker/rate-meter.ts'

test('without samples, or with one, nothing is known', () => {
  const meter = new RateMeter()
  expect(meter.rates()).toEqual([0, 0, 0])
  meter.sample(500, 1_000)
  expect(meter.rates()).toEqual([0, 0, 0])
})

test('each window averages over its own length', () => {
  const meter = new RateMeter()
  // 100 a second for ten minutes, then nothing for the last 30 s.
  let total = 0
  for (let second = 0; second <= 630; second += 10) {
    meter.sample(total, second * 1_000)
    if (second < 600) total += 1_000
  }
  const [ten, minute, tenMinutes] = meter.rates()
  expect(ten).toBe(0)
  expect(minute).toBeCloseTo(50)
  expect(tenMinutes).toBeCloseTo(95)
})

test('a young meter averages over its life', () => {
  const meter = new RateMeter()
  meter.sample(0, 0)
  meter.sample(50, 5_000)
  expect(meter.rates()).toEqual([10, 10, 10])
})

test('asking often does not fill the memory', () => {
  const meter = new RateMeter()
  for (let i = 0; i < 10_000; i++) meter.sample(i, i)
  // A sample a second: the newest is of the ninth second.
  expect(meter.rates()).toEqual([1_000, 1_000, 1_000])
  meter.sample(100_000, 9_500)
  expect(meter.rates()[0]).toBe(1_000)
})
