// Goal: duplicates are harmless to a consumer that remembers (R15), and a group can be read in order.
// Method: the executable against a real cluster; two groups stand for two members that were both given
// the same queues.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { lines, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

const COUNT = 600
const folder = new TempFolder('consume-group')
let cluster: CliCluster

beforeAll(async () => {
  cluster = await CliCluster.start()
  await mqOk(['topic', 'create', 'orders', '--queues', '8'], { env: cluster.env })
  const bodies = Array.from({ length: COUNT }, (_, i) => `order ${i}\n`).join('')
  await mqOk(['produce', 'orders'], { env: cluster.env, stdin: bodies })
})
afterAll(async () => {
  folder.remove()
  expect(await cluster.stop()).toBe(0)
})

const run = (words: string[]) => mq(['consume', 'orders', ...words], { env: cluster.env })

test('R15: delivered twice, each message is printed once, by whoever came first', async () => {
  const file = folder.join('seen.db')
  const results = await Promise.all(
    ['g1', 'g2'].map((group) =>
      run(['--group', group, '--from', 'start', '--dedupe', file, '--timeout', '4s']),
    ),
  )
  for (const { exitCode } of results) expect(exitCode).toBe(0)
  const printed = results.map(({ text }) => lines(text))
  expect(printed.flat()).toHaveLength(COUNT)
  expect(new Set(printed.flat()).size).toBe(COUNT)
  const left = results.map(({ stderr }) => Number(/(\d+) duplicates? left out/.exec(stderr)?.[1]))
  expect(left[0]! + left[1]!).toBe(COUNT)
  const again = await run(['--group', 'g3', '--from', 'start', '--dedupe', file, '--timeout', '4s'])
  expect(again.text).toBe('')
  expect(again.stderr).toContain(`${COUNT} duplicates left out`)
})

test('in order: one after the other gets the whole topic, at once', async () => {
  const first = await run(['--group', 'o', '--from', 'start', '--ordered', '--count', '200'])
  const second = await run(['--group', 'o', '--ordered', '--count', String(COUNT - 200)])
  expect([first.exitCode, second.exitCode]).toEqual([0, 0])
  expect(new Set([...lines(first.text), ...lines(second.text)]).size).toBe(COUNT)
})

test('what needs a group says so', async () => {
  for (const words of [['--ordered'], ['--dedupe', folder.join('x.db')]]) {
    const { exitCode, stderr } = await run(words)
    expect(exitCode).toBe(2)
    expect(stderr).toContain('--group GROUP')
  }
  const unusable = folder.join('none', 'x.db')
  const { exitCode, stderr } = await run(['--group', 'g', '--dedupe', unusable])
  expect(exitCode).toBe(1)
  expect(stderr).toContain(unusable)
})
