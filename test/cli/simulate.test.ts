// Goal: practised failures show what the requirements promise, on real processes and in virtual time, as
// a story, as JSON and as a picture. Method: the executable; real clusters with every interval shortened.

import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { systemRandom } from '../../src/core/random.ts'
import { SCENARIOS } from '../../src/lab/practice.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { Channels } from '../../src/remoting/channels.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { cleanEnvironment, jsonLines, lines, MQ, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(120_000)

interface Entry {
  kind: string
  title: string
  requirement: string
  seen: string
  isMet: boolean
  rows: (string | number)[][]
  columns: string[]
}

const folder = new TempFolder('simulate')
afterAll(() => folder.remove())

function facts(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ kind }) => kind === 'fact')
}

function seenOf(entries: readonly Entry[], title: string): string {
  return facts(entries).find((fact) => fact.title === title)?.seen ?? ''
}

/** Plays it with real processes; whatever is not met fails the test with its words. */
async function live(...words: string[]): Promise<Entry[]> {
  const { text, stderr, exitCode } = await mq(['simulate', ...words, '--speed', '20', '--json'])
  const entries = jsonLines<Entry>(text)
  expect(facts(entries).filter((fact) => !fact.isMet)).toEqual([])
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  return entries
}

for (const mode of ['kill', 'graceful']) {
  test(`R6, R8, R9, R10, R59: ${mode} in a throw-away cluster`, async () => {
    const entries = await live('broker-shutdown', '--mode', mode)
    // R8: some fail, and all of them at the broker that went.
    expect(seenOf(entries, 'stale route')).toMatch(/^[1-9]\d* sends failed, 0 of them elsewhere/)
    // R9: none fails, because some were repeated.
    expect(seenOf(entries, 'retries')).toMatch(/^0 sends failed, [1-9]\d* requests/)
    expect(seenOf(entries, 'lost')).toMatch(/^0 of [1-9]/)
  })
}

for (const mode of ['freeze', 'disconnect']) {
  test.concurrent(`R5, R8, R9, R10, R59: ${mode} in a throw-away cluster`, async () => {
    const entries = await live('broker-shutdown', '--mode', mode)
    expect(facts(entries).filter(({ requirement }) => requirement === 'R5').length).toBe(3)
    expect(seenOf(entries, 'lost')).toMatch(/^0 of [1-9]/)
  })
}

test.concurrent('R12, R13, R14, R17, R19: views split by a proxy between real processes', async () => {
  const entries = await live('split-view')
  expect(new Set(facts(entries).map(({ requirement }) => requirement))).toEqual(
    new Set(['', 'R12', 'R13', 'R14', 'R17', 'R19']),
  )
})

// These wait most of the time: for routes, for expiries.
test.concurrent('R20: real nameservers die', async () => {
  await live('nameserver-loss')
})

test.concurrent('R50, R51: a topic deleted on real processes, one of them away', async () => {
  await live('delete')
})

test('R59: a broker of a given cluster, told as a story; the cluster is left as it was', async () => {
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
  // It is really gone, and nothing of ours was left behind.
  const left = jsonLines<{ brokerName: string }>(
    (await mqOk(['cluster', '--json'], { env: cluster.env })).text,
  )
  expect(left.map((broker) => broker.brokerName)).toEqual(['broker-a'])
  expect((await mqOk(['topic', 'list'], { env: cluster.env })).text).toBe('')
  const unknown = await mq([...words.slice(0, 5), 'broker-x'], { env: cluster.env })
  expect(unknown.exitCode).toBe(3)
  expect(unknown.stderr).toContain('no broker "broker-x" at ')
  // Its network is not ours.
  const cable = await mq(
    ['simulate', 'broker-shutdown', '--mode', 'disconnect', ...words.slice(4)],
    {
      env: cluster.env,
    },
  )
  expect(cable.exitCode).toBe(4)
  expect(cable.stderr).toContain('takes a throw-away cluster')
  await cluster.stop()
})

test('no process is ended that is not the broker, whatever a nameserver says of its address', async () => {
  const cluster = await CliCluster.start()
  const [nameserver = ''] = cluster.nameservers.split(',')
  const brokers = jsonLines<{ brokerName: string; address: string }>(
    (await mqOk(['cluster', '--json'], { env: cluster.env })).text,
  )
  const channels = new Channels({
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: recordingLogger(systemClock).logger,
  })
  for (const [brokerName, brokerAddr, complaint] of [
    ['broker-x', nameserver, 'does not answer as a broker'],
    ['broker-y', brokers[0]?.address, 'is broker-a, not broker-y'],
  ] as const) {
    await channels.call(nameserver, REQUEST.registerBroker, {
      fields: { brokerName, brokerAddr, brokerId: 0, clusterName: 'DefaultCluster' },
      timeoutMs: 5_000,
    })
    const words = ['simulate', 'broker-shutdown', '--mode', 'kill', '--broker', brokerName]
    const { stderr, exitCode } = await mq([...words, '--nameservers', nameserver])
    expect(stderr).toContain(complaint)
    expect(exitCode).toBe(3)
  }
  await channels.stop()
  expect((await mqOk(['topic', 'list'], { env: cluster.env })).text).toBe('')
  await cluster.stop()
})

test('a frozen broker of a given cluster is thawed, whoever interrupts us', async () => {
  const cluster = await CliCluster.start()
  const words = ['simulate', 'broker-shutdown', '--mode', 'freeze', '--broker', 'broker-b']
  const child = Bun.spawn([...MQ, ...words], {
    env: cleanEnvironment(cluster.env),
    stdout: 'pipe',
    stderr: 'ignore',
  })
  // Its nameservers would need two minutes to notice.
  let said = ''
  for await (const chunk of child.stdout) {
    said += Buffer.from(chunk).toString()
    if (said.includes('SIGSTOP')) child.kill('SIGINT')
  }
  expect(await child.exited).toBe(130)
  await mqOk(['topic', 'create', 'after', '--queues', '2'], { env: cluster.env })
  await cluster.stop()
})

test('the same seed gives the same bytes in another process', async () => {
  const words = ['simulate', 'split-view', '--virtual', '--rate', '10', '--json']
  const [first, second, other] = await Promise.all([
    mqOk([...words, '--seed', '7']),
    mqOk([...words, '--seed', '7']),
    mqOk([...words, '--seed', '8']),
  ])
  expect(first.stdout.equals(second.stdout)).toBe(true)
  const end = jsonLines<{ kind: string; seed: number; traceHash: string }>(first.text).at(-1)
  expect(end).toMatchObject({ kind: 'end', seed: 7 })
  expect(other.text).not.toContain(end?.traceHash ?? '')
})

test('the objects are those of docs/JSON.md', async () => {
  const page = readFileSync(resolve(import.meta.dir, '../../docs/JSON.md'), 'utf8')
  const fields: Record<string, string[]> = {
    event: ['kind', 'atMs', 'title', 'text', 'tone'],
    fact: ['kind', 'atMs', 'requirement', 'title', 'expected', 'seen', 'isMet'],
    window: ['kind', 'lane', 'title', 'fromMs', 'toMs', 'tone'],
    table: ['kind', 'title', 'columns', 'rows'],
    end: ['kind', 'scenario', 'place', 'seed', 'traceHash'],
  }
  const words = ['simulate', 'scale-in', '--virtual', '--rate', '5', '--json']
  const objects = jsonLines<Record<string, unknown>>((await mqOk(words)).text)
  for (const object of objects) {
    expect(Object.keys(object).sort()).toEqual((fields[String(object['kind'])] ?? []).sort())
  }
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(new Set(Object.keys(fields)))
  for (const [kind, names] of Object.entries(fields)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`"${kind}"\` |`)) ?? ''
    for (const name of names.filter((each) => each !== 'kind')) expect(row).toContain(`\`${name}\``)
  }
})

test('the story in virtual time says its seed, its trace and every window', async () => {
  const { text } = await mqOk(['simulate', 'broker-shutdown', '--mode', 'freeze', '--virtual'])
  expect(text).toStartWith('broker-shutdown (freeze broker-b): virtual time, seed 1\n')
  expect(text).toMatch(/seed 1, trace \d+-[0-9a-f]{8}/)
  expect(text).toMatch(/nameserver-1 +[.#]+ {2}\d+\.\d s lists broker-b, which is gone/)
  expect(text).toMatch(/^PRODUCER +SENT/m)
})

test('what cannot be combined is said', async () => {
  const cases: [string[], string][] = [
    [['split-view', '--seed', '3'], '--seed is for --virtual'],
    [['split-view', '--virtual', '--speed', '3'], '--speed is for real clusters'],
    [['split-view', '--broker-expiry', '10s'], 'would expire after 10 s'],
    [['broker-shutdown', '--mode', 'melt'], 'melt'],
  ]
  for (const [words, sentence] of cases) {
    const { stderr, exitCode } = await mq(['simulate', ...words])
    expect(stderr).toContain(sentence)
    expect(exitCode).toBe(2)
  }
  const path = folder.join('nowhere', 'out.html')
  const words = ['simulate', 'nameserver-loss', '--virtual', '--rate', '5', '--html', path]
  const { stderr, exitCode } = await mq(words)
  expect(stderr).toContain('cannot write the picture')
  expect(exitCode).toBe(2)
})

test('without a scenario they are listed', async () => {
  const { text, exitCode } = await mq(['simulate'])
  expect(exitCode).toBe(2)
  for (const { name } of SCENARIOS) {
    expect(text).toContain(`mq simulate ${name}`)
  }
})

test('a picture is one file that asks for nothing', async () => {
  const path = folder.join('out.html')
  await mqOk(['simulate', 'nameserver-loss', '--virtual', '--rate', '5', '--html', path])
  const html = readFileSync(path, 'utf8')
  expect(html).toContain('<h1>nameserver-loss</h1>')
  expect(html).not.toMatch(/(src|href)="(?!data:)/)
  expect(html).not.toContain('://')
})
