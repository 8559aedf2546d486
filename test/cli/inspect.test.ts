// Goal: topics, routes, groups and brokers are shown as they are, by each nameserver, and sends spread
// as their policy says. Method: the executable against real nodes.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type CliOptions, jsonLines, mq, mqOk, rows, TempFolder } from '../support/cli.ts'
import { CliCluster, CliNode } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let cluster: CliCluster

beforeAll(async () => {
  cluster = await CliCluster.start()
})
afterAll(async () => {
  expect(await cluster.stop()).toBe(0)
})

const run = (words: string[], options: CliOptions = {}) =>
  mq(words, { env: cluster.env, ...options })
const ok = (words: string[], options: CliOptions = {}) =>
  mqOk(words, { env: cluster.env, ...options })

interface QueueStats {
  brokerName: string
  queueId: number
  minOffset: number
  maxOffset: number
}

async function queuesOf(topic: string): Promise<QueueStats[]> {
  const { text } = await ok(['topic', 'show', topic, '--json'])
  return jsonLines<{ queues: QueueStats[] }>(text)[0]?.queues ?? []
}

describe('topics', () => {
  test('N queues in all, spread evenly; seen by every nameserver at once', async () => {
    const { text } = await ok(['topic', 'create', 'spread', '--queues', '5'])
    const counts = rows(text).map((row) => [row[0], Number(row[3])])
    expect(counts.map(([name]) => name)).toEqual(['broker-a', 'broker-b'])
    expect(counts.map(([, count]) => count as number).sort()).toEqual([2, 3])
    expect(await queuesOf('spread')).toHaveLength(5)
    const seen = rows((await ok(['route', 'spread'])).text)
    expect(seen).toHaveLength(4)
    const [listed] = rows((await ok(['topic', 'list'])).text).filter(([name]) => name === 'spread')
    expect(listed?.[2]?.split(',').sort()).toEqual(cluster.nameservers.split(',').sort())
  })

  test('one that exists is refused, with what to do', async () => {
    await ok(['topic', 'create', 'once'])
    const { exitCode, stderr } = await run(['topic', 'create', 'once'])
    expect(stderr).toContain('once')
    expect(stderr).toContain('try: ')
    expect(exitCode).toBe(4)
  })

  test('alter changes queues and permission', async () => {
    await ok(['topic', 'create', 'grow', '--queues', '4'])
    await ok(['topic', 'alter', 'grow', '--queues', '6'])
    expect(await queuesOf('grow')).toHaveLength(6)
    await ok(['topic', 'alter', 'grow', '--permission', 'r'])
    for (const row of rows((await ok(['route', 'grow'])).text)) expect(row[7]).toBe('r')
    const { exitCode } = await run(['produce', 'grow', '--body', 'x', '--timeout', '2s'])
    expect(exitCode).toBeGreaterThan(0)
  })

  test('delete takes it away everywhere', async () => {
    await ok(['topic', 'create', 'gone'])
    await ok(['produce', 'gone', '--body', 'x'])
    const { text } = await ok(['topic', 'delete', 'gone'])
    expect(rows(text).map((row) => row[1])).toEqual(['broker-a', 'broker-b'])
    expect((await run(['route', 'gone'])).exitCode).toBe(3)
  })

  test('--json is one object per topic', async () => {
    const topics = jsonLines<{ topic: string; isSystem: boolean; seenBy: string[] }>(
      (await ok(['topic', 'list', '--all', '--json'])).text,
    )
    expect(topics.some((topic) => topic.isSystem)).toBe(true)
    for (const topic of topics) expect(topic.seenBy.length).toBeGreaterThan(0)
  })
})

describe('policies', () => {
  const numbers = (count: number): string =>
    Array.from({ length: count }, (_, i) => `m${i}`).join('\n')
  const spread = async (topic: string): Promise<number[]> =>
    (await queuesOf(topic)).map((queue) => queue.maxOffset)

  test('R27: round robin gives each of 4 queues 1,000 of 4,000, give or take one', async () => {
    await ok(['topic', 'create', 'rr', '--queues', '4'])
    await ok(['produce', 'rr', '--policy', 'rr'], { stdin: numbers(4_000) })
    for (const count of await spread('rr')) expect(Math.abs(count - 1_000)).toBeLessThanOrEqual(1)
  })

  test('R28: weights 3:1 give 3,000 and 1,000', async () => {
    await ok(['topic', 'create', 'weighted', '--queues', '2'])
    await ok(['produce', 'weighted', '--weights', 'broker-a=3,broker-b=1'], {
      stdin: numbers(4_000),
    })
    const counts = await spread('weighted')
    expect(Math.abs((counts[0] ?? 0) - 3_000)).toBeLessThanOrEqual(1)
    expect(Math.abs((counts[1] ?? 0) - 1_000)).toBeLessThanOrEqual(1)
  })

  for (const policy of ['hash', 'consistent']) {
    test(`R29: ${policy}: equal keys share a queue, in order, and many keys use every queue`, async () => {
      const topic = `keyed-${policy}`
      await ok(['topic', 'create', topic, '--queues', '8'])
      const input = Array.from({ length: 2_000 }, (_, i) =>
        JSON.stringify({ key: `k${i % 200}`, body: `${i}` }),
      )
      await ok(['produce', topic, '--json', '--policy', policy], { stdin: input.join('\n') })
      const queueOf = new Map<string, string>()
      const last = new Map<string, number>()
      const { text } = await ok(['consume', topic, '--format', '{key} {broker}:{queue} {body}'])
      for (const [key = '', queue = '', body] of text
        .trim()
        .split('\n')
        .map((line) => line.split(' '))) {
        expect(queueOf.get(key) ?? queue).toBe(queue)
        expect(Number(body)).toBeGreaterThan(last.get(key) ?? -1)
        queueOf.set(key, queue)
        last.set(key, Number(body))
      }
      expect(queueOf.size).toBe(200)
      expect(new Set(queueOf.values()).size).toBe(8)
    })
  }
})

describe('routes', () => {
  test('each address answers a probe, and one that does not is partial', async () => {
    await ok(['topic', 'create', 'probed'])
    const probed = jsonLines<{ isReachable: boolean; probeMs: number }>(
      (await ok(['route', 'probed', '--probe', '--json'])).text,
    )
    expect(probed).toHaveLength(4)
    for (const row of probed) expect(row.isReachable).toBe(true)
  })

  test('R12: nameservers that disagree are shown side by side, with ages, and the code is 7', async () => {
    await ok(['topic', 'create', 'agreed'])
    const agreed = await ok(['route', 'agreed', '--diff'])
    expect(agreed.text).toBe('')
    const folder = new TempFolder('diff')
    const [first = '', second = ''] = cluster.nameservers.split(',')
    // It knows one nameserver only, as if the way to the other were cut.
    const broker = await CliNode.start([
      'broker',
      ...['--name', 'broker-c', '--listen', '127.0.0.1:0'],
      ...['--nameservers', first, '--data', folder.join('data')],
    ])
    await ok(['topic', 'create', 'disputed', '--queues', '6', '--nameservers', first])
    const { exitCode, text } = await run(['route', 'disputed', '--diff', '--json'])
    expect(jsonLines(text)).toEqual([
      {
        brokerName: 'broker-c',
        nameserver: first,
        seen: expect.stringContaining(
          `${broker.address} (DefaultCluster id 0: 2 read, 2 write, rw`,
        ),
        lastHeartbeatAgeMs: expect.any(Number),
      },
      { brokerName: 'broker-c', nameserver: second, seen: null, lastHeartbeatAgeMs: null },
    ])
    expect(exitCode).toBe(7)
    await ok(['topic', 'delete', 'disputed', '--nameservers', first])
    expect(await broker.stop()).toBe(0)
    folder.remove()
  })

  test('R3: the age of the last heartbeat falls back to about 0 at each beat', async () => {
    const folder = new TempFolder('beats')
    const nameserver = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])
    const broker = await CliNode.start([
      'broker',
      ...['--listen', '127.0.0.1:0', '--heartbeat-interval', '1s'],
      ...['--nameservers', nameserver.address, '--data', folder.join('data')],
    ])
    const ages: number[] = []
    const deadline = performance.now() + 20_000
    let falls = 0
    while (falls < 2) {
      const [row] = jsonLines<{ lastHeartbeatAgeMs: number; expiryMs: number }>(
        (await mqOk(['route', '--brokers', '--json', '--nameservers', nameserver.address])).text,
      )
      expect(row?.expiryMs).toBe(120_000)
      const age = row?.lastHeartbeatAgeMs ?? Number.NaN
      if (age < (ages.at(-1) ?? 0)) falls++
      ages.push(age)
      expect(performance.now(), `ages ${ages}`).toBeLessThan(deadline)
    }
    expect(await broker.stop()).toBe(0)
    expect(await nameserver.stop()).toBe(0)
    folder.remove()
  })

  test('one nameserver of two away: the other answers, the code is 7', async () => {
    const [first = ''] = cluster.nameservers.split(',')
    const both = `${first},127.0.0.1:1`
    await ok(['topic', 'create', 'half'])
    const { exitCode, text, stderr } = await run(['route', 'half', '--nameservers', both])
    expect(rows(text)).toHaveLength(2)
    expect(stderr).toContain('no answer from 127.0.0.1:1')
    expect(exitCode).toBe(7)
  })
})

test('groups: members, owners, lag', async () => {
  await ok(['topic', 'create', 'watched', '--queues', '4'])
  await ok(['produce', 'watched'], { stdin: 'a\nb\nc\n' })
  await ok(['consume', 'watched', '--group', 'watchers', '--count', '3', '--timeout', '10s'])
  await ok(['produce', 'watched'], { stdin: 'd\ne\n' })
  const shown = rows((await ok(['group', 'show', 'watchers'])).text).filter(
    ([topic]) => topic === 'watched',
  )
  expect(shown).toHaveLength(4)
  expect(shown.reduce((lag, row) => lag + Number(row[5]), 0)).toBe(2)
  const listed = rows((await ok(['group', 'list'])).text)
  expect(listed.find(([group]) => group === 'watchers')?.[2]).toContain('watched')
})

describe('bench', () => {
  test('produce, then consume: rate, latencies, CPU of the brokers here', async () => {
    const [sent] = jsonLines<Record<string, number>>(
      (await ok(['bench', 'produce', '--count', '2000', '--size', '100', '--json'])).text,
    )
    expect(sent).toMatchObject({ operation: 'produce', messages: 2_000, failed: 0, bodyBytes: 100 })
    for (const name of ['messagesPerSecond', 'p50Ms', 'p99Ms', 'serverCpuMicrosPerMessage']) {
      expect(sent?.[name]).toBeGreaterThan(0)
    }
    expect(sent?.['p99Ms']).toBeGreaterThanOrEqual(sent?.['p50Ms'] ?? 0)
    const [read] = jsonLines<Record<string, unknown>>(
      (await ok(['bench', 'consume', '--json'])).text,
    )
    expect(read).toMatchObject({
      operation: 'consume',
      messages: 2_000,
      bodyBytes: 100,
      p50Ms: null,
    })
  })

  test('nothing to read is no measurement', async () => {
    await ok(['topic', 'create', 'quiet'])
    const { exitCode, stderr } = await run(['bench', 'consume', 'quiet'])
    expect(stderr).toContain('no message of quiet was consumed')
    expect(exitCode).toBe(6)
  })
})
