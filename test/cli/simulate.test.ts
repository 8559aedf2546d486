// Goal: the timeline of a shutdown shows what the requirements promise. Method: the executable with
// route intervals of 3 s in place of 30 s, on throw-away clusters and on one that is given.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { jsonLines, lines, mq, mqOk } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

interface Fact {
  atMs: number
  title: string
  expected: string
  seen: string
  isMet: boolean
}

const TITLES = ['eviction', 'eviction', 'rebalance', 'stale route', 'retries', 'recovery', 'lost']

for (const mode of ['kill', 'graceful']) {
  test(`R6, R8, R9, R59: ${mode} in a throw-away cluster`, async () => {
    const words = [
      'simulate',
      'broker-shutdown',
      '--mode',
      mode,
      '--route-interval',
      '3s',
      '--json',
    ]
    const { text, stderr, exitCode } = await mq(words)
    const facts = jsonLines<Fact>(text)
    expect(facts.filter((fact) => !fact.isMet)).toEqual([])
    expect(facts.map((fact) => fact.title)).toEqual(TITLES)
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    const seen = (title: string): string => facts.find((fact) => fact.title === title)?.seen ?? ''
    // R8: some fail, and all of them at the broker that went.
    expect(seen('stale route')).toMatch(/^[1-9]\d* failed, all to broker-b/)
    // R9: none fails, because some were repeated.
    expect(seen('retries')).toMatch(/^0 failed, [1-9]\d* requests repeated/)
    expect(seen('lost')).toStartWith('0 of ')
  })
}

test('R59: a broker of a given cluster, told as a story', async () => {
  const cluster = await CliCluster.start()
  const words = [
    'simulate',
    'broker-shutdown',
    '--mode',
    'kill',
    '--broker',
    'broker-b',
    '--route-interval',
    '2s',
  ]
  const { text, stderr, exitCode } = await mq(words, { env: cluster.env })
  expect(stderr).not.toContain('error')
  expect(exitCode).toBe(0)
  for (const title of ['kill', 'eviction', 'stale route', 'retries', 'lost']) {
    expect(lines(text).some((line) => line.includes(`s  ${title}`))).toBe(true)
  }
  // It is really gone, and nobody was left behind.
  const left = jsonLines<{ brokerName: string }>(
    (await mqOk(['cluster', '--json'], { env: cluster.env })).text,
  )
  expect(left.map((broker) => broker.brokerName)).toEqual(['broker-a'])
  expect((await mqOk(['topic', 'list'], { env: cluster.env })).text).toBe('')
  const unknown = await mq([...words.slice(0, 5), 'broker-x'], { env: cluster.env })
  expect(unknown.exitCode).toBe(3)
  expect(unknown.stderr).toContain('not broker-x')
  await cluster.stop()
})
