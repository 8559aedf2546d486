// Goal: mq topic plan, alter and migrate do over real processes what they say (R52 to R57): keyed
// producers and an ordered group go on meanwhile, no send fails, no key gets out of order. Method: a
// cluster of the executable, load by the library over loopback, the commands beside it.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Client } from '../../src/client/client.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { systemRandom } from '../../src/core/random.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { type CliResult, jsonLines, lines, mq, mqOk, rows } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'
import { KeyedLoad } from '../support/keyed-load.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(120_000)

interface Altered {
  isChanged: boolean
  order: string
  brokers: { brokerName: string; beforeCount: number; afterCount: number }[]
  longestPauseMs: number
  pauses: { brokerName: string; queueId: number; pauseMs: number }[]
  unowned: unknown[]
  leftBehind: unknown[]
}

let cluster: CliCluster

beforeAll(async () => {
  cluster = await CliCluster.start()
})
afterAll(async () => {
  await cluster.stop()
})

const ok = (words: string[]): Promise<CliResult> => mqOk(words, { env: cluster.env })
const run = (words: string[]): Promise<CliResult> => mq(words, { env: cluster.env })

async function queueCount(topic: string): Promise<number> {
  return rows((await ok(['topic', 'show', topic])).text).length
}

function loadOn(topic: string): KeyedLoad {
  return new KeyedLoad({
    clock: systemClock,
    random: systemRandom,
    topic,
    client: () =>
      new Client({
        nameservers: cluster.nameservers.split(','),
        network: bunNetwork,
        clock: systemClock,
        random: systemRandom,
        logger: new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'load' }),
      }),
    producerCount: 3,
    keyCount: 10,
    intervalMs: 15,
    memberCount: 2,
    handleMs: 25,
    consumer: { commitIntervalMs: 500 },
  })
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(what())
    await Bun.sleep(50)
  }
}

test('R54: plan shows per broker what comes and goes, and changes nothing', async () => {
  await ok(['topic', 'create', 'planned', '--queues', '4'])
  const shown = await ok(['topic', 'plan', 'planned', '--queues', '7'])
  const shares = rows(shown.text).map(([, before, after]) => [before, after])
  const total = shares.reduce((sum, [, after]) => sum + Number(after), 0)
  expect(total).toBe(7)
  const after = shares.map((share) => Number(share[1]))
  expect(Math.max(...after) - Math.min(...after)).toBeLessThanOrEqual(1)
  expect(await queueCount('planned')).toBe(4)
  const shrink = jsonLines<{ brokers: { retiredQueueIds: number[] }[] }>(
    (await ok(['topic', 'plan', 'planned', '--queues', '2', '--json'])).text,
  )
  expect(shrink[0]?.brokers.flatMap((broker) => broker.retiredQueueIds)).toHaveLength(2)
})

test('R52 R53 R56 R57: 8 to 12 and back under keyed load, over real processes', async () => {
  await ok(['topic', 'create', 'keyed', '--queues', '8'])
  const load = loadOn('keyed')
  await load.start()
  await until(
    () => load.handledCount > 200,
    () => `${load.handledCount} handled`,
  )
  const grown = await ok(['topic', 'alter', 'keyed', '--queues', '12', '--json'])
  const [altered] = jsonLines<Altered>(grown.text)
  expect(altered).toMatchObject({ isChanged: true, order: 'drain', unowned: [], leftBehind: [] })
  expect(altered?.pauses.length).toBeGreaterThan(0)
  expect(altered?.longestPauseMs).toBeLessThan(20_000)
  expect(await queueCount('keyed')).toBe(12)
  await until(
    () => new Set(load.owned()).size === 12,
    () => `owned: ${load.owned()}`,
  )
  const shrunk = await ok(['topic', 'alter', 'keyed', '--queues', '8', '--settle', '1s', '--json'])
  expect(jsonLines<Altered>(shrunk.text)[0]).toMatchObject({ isChanged: true, leftBehind: [] })
  expect(await queueCount('keyed')).toBe(8)
  load.stopSending()
  await until(
    () => load.isAllHandled,
    () => `${load.handledCount} of ${load.sentCount} handled`,
  )
  await load.close()
  expect(load.sendFailures).toEqual([])
  expect(load.breakCount).toBe(0)
})

test('R57: a group that does not read is named, and --force goes on without it', async () => {
  await ok(['topic', 'create', 'left', '--queues', '4'])
  const input = Array.from({ length: 40 }, (_, i) => `m${i}\n`).join('')
  const group = ['consume', 'left', '--group', 'away', '--from', 'start', '--count', '1']
  await mqOk(['produce', 'left'], { env: cluster.env, stdin: input })
  await ok([...group, '--timeout', '20s'])
  const alter = ['topic', 'alter', 'left', '--queues', '2', '--settle', '100ms', '--limit', '1s']
  const late = await run(alter)
  expect(late.exitCode).toBe(6)
  expect(late.stderr).toContain('away (')
  expect(late.stderr).toContain('--force')
  // Usable and visible meanwhile.
  await mqOk(['produce', 'left', '--body', 'x'], { env: cluster.env })
  const plan = await ok(['topic', 'plan', 'left', '--queues', '2'])
  expect(plan.stderr).toContain('on its way already')
  expect((await ok(['topic', 'show', 'left'])).stderr).toContain('on its way to 2 queues (fenced)')
  const other = await run(['topic', 'alter', 'left', '--queues', '6'])
  expect(other.exitCode).toBe(4)
  expect(other.stderr).toContain('mq topic alter left --queues 2')
  const forced = await ok([...alter, '--force'])
  expect(forced.stderr).toContain('group away was not waited for')
  expect(await queueCount('left')).toBe(2)
})

test('R57: a broker that answers is not left out as lost', async () => {
  await ok(['topic', 'create', 'whole', '--queues', '2'])
  const placed = await ok(['topic', 'show', 'whole', '--json'])
  const [shown] = jsonLines<{ placements: { brokerName: string }[] }>(placed.text)
  const brokerName = shown?.placements[0]?.brokerName ?? ''
  const alter = ['topic', 'alter', 'whole', '--queues', '4', '--without', brokerName]
  const refused = await run(alter)
  expect(refused.exitCode).toBe(4)
  expect(refused.stderr).toContain(`broker ${brokerName} is not lost: it answers`)
  expect(await queueCount('whole')).toBe(2)
})

test('R57: migrate copies a topic with its keys and closes the old one', async () => {
  await ok(['topic', 'create', 'old', '--queues', '3'])
  const input = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({ key: `k${i % 7}`, body: `${i}` }),
  )
  await mqOk(['produce', 'old', '--json', '--policy', 'hash'], {
    env: cluster.env,
    stdin: `${input.join('\n')}\n`,
  })
  const moved = await ok(['topic', 'migrate', 'old', 'new', '--queues', '5', '--json'])
  expect(jsonLines<object>(moved.text)[0]).toMatchObject({ copiedCount: 300, queueCount: 5 })
  expect((await run(['produce', 'old', '--body', 'x', '--timeout', '2s'])).exitCode).toBe(4)
  const copied = jsonLines<{ key: string; body: string }>(
    (await ok(['consume', 'new', '--from', 'start', '--json'])).text,
  )
  expect(copied).toHaveLength(300)
  const last = new Map<string, number>()
  for (const { key, body } of copied) {
    expect(Number(body)).toBeGreaterThan(last.get(key) ?? -1)
    expect(`k${Number(body) % 7}`).toBe(key)
    last.set(key, Number(body))
  }
  // Again: nothing is left to copy, and nothing is copied twice.
  const again = await ok(['topic', 'migrate', 'old', 'new', '--json'])
  expect(jsonLines<object>(again.text)[0]).toMatchObject({ copiedCount: 0, isResumed: true })
  const taken = await run(['topic', 'migrate', 'planned', 'new'])
  expect(taken.exitCode).toBe(4)
  expect(taken.stderr).toContain('holds messages of its own')
  expect(lines(taken.stderr).join()).toContain('mq topic migrate planned new-2')
})
