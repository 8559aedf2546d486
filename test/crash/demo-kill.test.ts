// Goal: kill -9 of any process at any moment loses no acknowledged message and breaks no key's order.
// Method: the demo with random kills of nameservers, brokers and consumers; the seed is printed with a
// failure. MQ_DEMO_KILL_SEEDS repeats given ones, e.g. MQ_DEMO_KILL_SEEDS=1,2,3.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { systemRandom } from '../../src/core/random.ts'
import { jsonLines, mq, TempFolder } from '../support/cli.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(120_000)

const DATA_SET = `${import.meta.dir}/../../node_modules/vega-datasets/data/flights-20k.json`
const SEEDS = (process.env['MQ_DEMO_KILL_SEEDS'] ?? String(systemRandom.below(2 ** 31))).split(',')

let folder: TempFolder

beforeAll(() => {
  folder = new TempFolder('demo-kill')
})
afterAll(() => folder.remove())

interface Result {
  sent: number
  acknowledged: number
  received: number
  lost: number
  wrong: number
  outOfOrder: number
  kills: number
}

for (const seed of SEEDS) {
  test(`kill -9 of anything at any moment, seed ${seed}`, async () => {
    const { text, stderr } = await mq([
      'demo',
      ...['--data-set', DATA_SET, '--data', folder.join('data'), '--passes', '2', '--rate', '3000'],
      ...['--kill-every', '600ms', '--seed', seed, '--json'],
    ])
    const [result] = jsonLines<Result>(text)
    expect(result, stderr).toMatchObject({ sent: 40_000, lost: 0, wrong: 0, outOfOrder: 0 })
    expect(result?.acknowledged).toBe(40_000)
    expect(result?.kills).toBeGreaterThan(2)
  })
}
