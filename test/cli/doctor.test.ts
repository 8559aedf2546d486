// Goal: a healthy cluster is called healthy, and each thing that goes wrong is found, graded and answered
// with a next step. Method: real processes, one fault each; what cannot be provoked cheaply is judged from
// facts in doctor-judges.test.ts.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { type CliResult, cleanEnvironment, MQ, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliCluster, CliNode } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

interface Diagnosis {
  isHealthy: boolean
  checks: {
    check: string
    grade: string
    findings: { grade: string; message: string; fix: string }[]
  }[]
  metrics: Record<string, number>
}

const folder = new TempFolder('doctor')
let cluster: CliCluster
/** Ended after each test, in reverse. */
let started: CliNode[] = []

beforeAll(async () => {
  cluster = await CliCluster.start()
})
afterEach(async () => {
  for (const node of started.reverse()) await node.stop('SIGKILL')
  started = []
})
afterAll(async () => {
  await cluster.stop()
  folder.remove()
})

function doctor(nameservers: string, words: string[] = [], env = {}): Promise<CliResult> {
  return mq(['doctor', '--nameservers', nameservers, '--watch-lag', '0s', ...words], {
    cwd: folder.path,
    env,
  })
}

async function diagnose(nameservers: string, words: string[] = []): Promise<Diagnosis> {
  const { text, stderr } = await doctor(nameservers, ['--json', ...words])
  expect(text, stderr).not.toBe('')
  return JSON.parse(text) as Diagnosis
}

async function start(...words: string[]): Promise<CliNode> {
  const node = await CliNode.start(words)
  started.push(node)
  return node
}

async function startBroker(
  name: string,
  nameservers: string,
  ...words: string[]
): Promise<CliNode> {
  const place = ['--data', folder.join(name), '--listen', '127.0.0.1:0']
  return start('broker', '--name', name, '--nameservers', nameservers, ...place, ...words)
}

/** The findings of one check, as "grade message". */
function findingsOf({ checks }: Diagnosis, check: string): string[] {
  const found = checks.find((result) => result.check === check)
  return (found?.findings ?? []).map(({ grade, message }) => `${grade} ${message}`)
}

/** Asks until it is so, because nodes beat and members share out in their own time. */
async function until<T>(ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const deadlineMs = performance.now() + 30_000
  for (;;) {
    const value = await ask()
    if (isSo(value) || performance.now() > deadlineMs) return value
  }
}

/** A member of a group; stops with the test. */
function consume(nameserver: string, group: string, ...words: string[]): Bun.Subprocess {
  const child = Bun.spawn(
    [
      ...MQ,
      'consume',
      'orders',
      '--group',
      group,
      '--nameservers',
      nameserver,
      '--follow',
      ...words,
    ],
    { env: cleanEnvironment(), stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  )
  members.push(child)
  return child
}
let members: Bun.Subprocess[] = []
afterEach(() => stopMembers())

async function stopMembers(): Promise<void> {
  for (const member of members) member.kill('SIGKILL')
  await Promise.all(members.map((member) => member.exited))
  members = []
}

/** Starts a member of order_consumer for each of these nameservers; their ids, in that order. */
async function startMembers(views: readonly string[], nameservers: string): Promise<string[]> {
  await stopMembers()
  const ids: string[] = []
  for (const view of views) {
    consume(view, 'order_consumer', '--route-interval', '500ms')
    const listed = await until(
      () => memberIds(nameservers, 'order_consumer'),
      (found) => found.some((id) => !ids.includes(id)) && found.length === ids.length + 1,
    )
    ids.push(...listed.filter((id) => !ids.includes(id)))
  }
  return ids
}

async function memberIds(nameservers: string, group: string): Promise<string[]> {
  const { text } = await mq(['group', 'show', group, '--nameservers', nameservers, '--json'])
  if (text === '') return []
  return (JSON.parse(text) as { members: { clientId: string }[] }).members.map((m) => m.clientId)
}

test('a healthy cluster: a line for each check, exit code 0', async () => {
  const { text, stderr, exitCode } = await mq(['doctor', '--data', cluster.folder.join('data')], {
    env: cluster.env,
    cwd: folder.path,
  })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const said = text.split('\n')
  expect(said.at(-2)).toBe('all is well')
  expect(said.filter((line) => line.startsWith('✓ ')).map((line) => line.split(/ +/)[1])).toEqual([
    ...['seeds', 'nameservers', 'registrations', 'addresses', 'topics', 'owners', 'subscriptions'],
    ...['lag', 'disks', 'clocks', 'versions', 'temp', 'data'],
  ])
})

test('R37: --probe asks every broker and says how fast it answered', async () => {
  const { text, exitCode } = await doctor(cluster.nameservers, ['--probe'])
  expect(exitCode).toBe(0)
  const probes = text.split('\n').filter((line) => line.startsWith('✓ probe'))
  expect(probes).toHaveLength(2)
  for (const line of probes)
    expect(line).toMatch(/broker-[ab] 127\.0\.0\.1:\d+ answers in [\d.]+ ms$/)
})

describe('where the cluster is', () => {
  test('a seed that leads nowhere', async () => {
    const { text, exitCode } = await doctor(`${cluster.nameservers},no-such-host.invalid:9876`)
    expect(exitCode).toBe(1)
    expect(text).toContain('✗ seeds         the seed no-such-host.invalid:9876 leads nowhere')
    expect(text).toContain('try: correct the name in --nameservers')
  })

  test('a nameserver that does not run; the rest is looked at all the same', async () => {
    const { text, exitCode } = await doctor(`${cluster.nameservers},127.0.0.1:1`)
    expect(exitCode).toBe(1)
    expect(text).toContain('✗ nameservers   nameserver 127.0.0.1:1 does not answer')
    expect(text).toContain('try: start it: mq nameserver --listen 127.0.0.1:1')
    expect(text).toContain('✓ addresses     2 of 2 brokers answer')
  })

  test('no nameserver at all', async () => {
    const { text, stderr, exitCode } = await doctor('127.0.0.1:1')
    expect(exitCode).toBe(1)
    expect(text).toContain('✗ nameservers')
    expect(text).toContain('mq up')
    expect(stderr).toContain('were not looked at')
  })
})

describe('registrations', () => {
  test('a nameserver that does not know a broker, with the age of its heartbeat elsewhere', async () => {
    const other = await start('nameserver', '--listen', '127.0.0.1:0')
    const seen = await diagnose(`${cluster.nameservers},${other.address}`)
    expect(seen.isHealthy).toBe(false)
    const found = findingsOf(seen, 'registrations')
    expect(found).toHaveLength(2)
    expect(found[0]).toStartWith(`problem broker-a is not registered with ${other.address} (127.`)
    expect(found[0]).toMatch(/heard of it .* ago/)
  })

  test('no broker', async () => {
    const alone = await start('nameserver', '--listen', '127.0.0.1:0')
    const { text, exitCode } = await doctor(alone.address)
    expect(exitCode).toBe(1)
    expect(text).toContain('✗ registrations no broker is registered')
    expect(text).toContain(`try: start one: mq broker --nameservers ${alone.address}`)
    expect(text).toContain('! nameservers   only one nameserver is named')
  })

  test('a broker that hangs: near its expiry, with the time left, and unreachable', async () => {
    const timing = ['--broker-expiry', '8s', '--scan-interval', '1h']
    const nameserver = await start('nameserver', '--listen', '127.0.0.1:0', ...timing)
    const broker = await startBroker('hung', nameserver.address, '--heartbeat-interval', '500ms')
    broker.child.kill('SIGSTOP')
    const seen = await until(
      () => diagnose(nameserver.address),
      (diagnosis) => findingsOf(diagnosis, 'registrations').length > 0,
    )
    expect(findingsOf(seen, 'registrations')[0]).toMatch(
      /^problem 127\.0\.0\.1:\d+ last heard of hung .* ago and forgets it in /,
    )
    expect(findingsOf(seen, 'addresses')[0]).toContain('hung advertises')
    expect(seen.metrics['brokers_unreachable']).toBe(1)
  })
})

test('an advertised address that leads nowhere', async () => {
  const nameserver = await start('nameserver', '--listen', '127.0.0.1:0')
  await startBroker('hidden', nameserver.address, '--advertise', '127.0.0.1:1')
  const { text, exitCode } = await doctor(nameserver.address)
  expect(exitCode).toBe(1)
  expect(text).toContain('✗ addresses     hidden advertises 127.0.0.1:1, which cannot be reached')
  expect(text).toContain('--advertise HOST:PORT')
})

describe('topics and groups', () => {
  test('a topic on one broker, and one that nobody can send to: warnings', async () => {
    await mqOk(['topic', 'create', 'lonely', '--queues', '1'], { env: cluster.env })
    await mqOk(['topic', 'create', 'closed', '--queues', '4'], { env: cluster.env })
    await mqOk(['topic', 'alter', 'closed', '--permission', 'r'], { env: cluster.env })
    const seen = await diagnose(cluster.nameservers)
    expect(seen.isHealthy).toBe(true)
    expect(findingsOf(seen, 'topics').sort()).toEqual([
      'warning nobody can send to closed: it has no writable queue',
      'warning on one broker only, and gone while it is away: lonely',
    ])
    for (const topic of ['lonely', 'closed']) {
      await mqOk(['topic', 'delete', topic], { env: cluster.env })
    }
  })

  test('a backlog without members is worth knowing; a group with other tags loses messages', async () => {
    const { env, nameservers } = cluster
    await mqOk(['topic', 'create', 'orders', '--queues', '8'], { env })
    await mqOk(['produce', 'orders'], { env, stdin: 'a\nb\nc\nd\n' })
    await mqOk(['consume', 'orders', '--group', 'away', '--count', '1'], { env })
    const lagging = await diagnose(nameservers)
    expect(findingsOf(lagging, 'lag')).toEqual([
      'warning group away is 3 messages behind and has no members',
    ])
    expect(lagging.isHealthy).toBe(true)

    consume(nameservers, 'mixed', '--tag', 'red')
    consume(nameservers, 'mixed', '--tag', 'blue')
    const seen = await until(
      () => diagnose(nameservers),
      ({ metrics }) => metrics['groups_with_unequal_subscriptions'] === 1,
    )
    expect(seen.isHealthy).toBe(false)
    expect(findingsOf(seen, 'subscriptions')[0]).toMatch(
      /^problem members of group mixed subscribe differently.*orders: "(red|blue)" \(.*\), "(red|blue)" \(/,
    )
    const shown = await mq(['group', 'show', 'mixed'], { env })
    expect(shown.stderr).toContain('warning: members of group mixed subscribe differently')
  })
})

test('R16: queues without an owner and with two: numbers, names, exit code 1; 0 after healing', async () => {
  const first = await start('nameserver', '--listen', '127.0.0.1:0')
  const second = await start('nameserver', '--listen', '127.0.0.1:0')
  const both = `${first.address},${second.address}`
  await startBroker('broker-a', both)
  // The second nameserver never hears of broker-b: c1 sees 8 queues, c2 sees 4.
  const partial = await startBroker('broker-b', first.address)
  await mqOk(['topic', 'create', 'orders', '--queues', '8', '--nameservers', first.address])
  const views = [first.address, second.address]
  // As in the text, the member that sees all comes first; ids are random, so it may take some starts.
  await until(
    () => startMembers(views, both),
    (ids) => ids[0] !== undefined && ids[1] !== undefined && ids[0] < ids[1],
  )
  const split = await until(
    () => diagnose(both),
    ({ metrics }) =>
      metrics['queues_without_owner'] === 4 && metrics['queues_with_two_owners'] === 2,
  )
  expect(split.metrics).toMatchObject({ queues_without_owner: 4, queues_with_two_owners: 2 })
  const [nobody = '', several = ''] = findingsOf(split, 'owners')
  for (let queueId = 0; queueId < 4; queueId++)
    expect(nobody).toContain(`orders@broker-b:${queueId}`)
  for (const queueId of [2, 3]) expect(several).toContain(`orders@broker-a:${queueId}`)
  const { exitCode, text } = await doctor(both)
  expect(exitCode).toBe(1)
  expect(text).toContain('✗ owners        nobody of group order_consumer holds orders@broker-b:0')

  // Healed: broker-b is there for both.
  await partial.stop()
  await startBroker('broker-b', both)
  const healed = await until(
    () => diagnose(both),
    ({ metrics, isHealthy }) => isHealthy && metrics['groups'] === 1,
  )
  expect(healed.metrics).toMatchObject({ queues_without_owner: 0, queues_with_two_owners: 0 })
  expect((await doctor(both)).exitCode).toBe(0)
})

describe('machines', () => {
  test('flush=async is worth knowing', async () => {
    const nameserver = await start('nameserver', '--listen', '127.0.0.1:0')
    await startBroker('hasty', nameserver.address, '--flush', 'async')
    const seen = await diagnose(nameserver.address)
    expect(findingsOf(seen, 'disks')).toEqual([
      'warning hasty runs with flush=async: a power cut takes its newest acknowledged messages',
    ])
  })

  test('a temporary folder that is not there', async () => {
    const { text, exitCode } = await doctor(cluster.nameservers, [], { TMPDIR: '/no/such/folder' })
    expect(exitCode).toBe(1)
    expect(text).toContain('✗ temp          nothing can be written to /no/such/folder')
    expect(text).toContain('try: set TMPDIR')
  })

  const temp = folder.join('temp')
  mkdirSync(temp)
  const onNoexec = (size: string): string[] => [
    ...['unshare', '-rm', 'sh', '-c'],
    `mount -t tmpfs -o ${size} none '${temp}' && TMPDIR='${temp}' exec "$@"`,
    'sh',
  ]
  const canMount = Bun.spawnSync([...onNoexec('noexec'), 'true']).exitCode === 0
  if (!canMount) process.stderr.write('doctor.test.ts: this machine cannot mount a tmpfs\n')

  test.skipIf(!canMount)('a temporary folder that is noexec, and one that is small', () => {
    const words = [...MQ, 'doctor', '--nameservers', cluster.nameservers, '--watch-lag', '0s']
    for (const [options, message] of [
      ['noexec', `✗ temp          ${temp} is mounted noexec`],
      ['size=1m', `✗ temp          ${temp} has 1 MiB left`],
    ] as const) {
      const { stdout, exitCode } = Bun.spawnSync([...onNoexec(options), ...words], {
        cwd: folder.path,
        env: cleanEnvironment(),
      })
      expect(stdout.toString()).toContain(message)
      expect(exitCode).toBe(1)
    }
  })

  test.skipIf(!canMount)('a disk with little room, and none', async () => {
    const nameserver = await start('nameserver', '--listen', '127.0.0.1:0')
    const disk = folder.join('disk')
    mkdirSync(disk)
    const prefix = [
      ...['unshare', '-rm', 'sh', '-c'],
      `mount -t tmpfs -o size=8m none '${disk}' && exec "$@"`,
      'sh',
    ]
    const broker = await CliNode.start(
      [
        ...['broker', '--name', 'small', '--listen', '127.0.0.1:0', '--data', `${disk}/data`],
        ...['--nameservers', nameserver.address],
      ],
      { prefix },
    )
    started.push(broker)
    const little = await diagnose(nameserver.address)
    expect(findingsOf(little, 'disks')[0]).toMatch(/^problem small has [\d.]+ MiB of 8 MiB left/)
    const env = { MQ_NAMESERVER: nameserver.address }
    await mqOk(['topic', 'create', 'full', '--queues', '1'], { env })
    const stdin = Buffer.alloc(16_000_000, `${'x'.repeat(999)}\n`)
    await mq(['produce', 'full', '--timeout', '2s'], { env, stdin })
    const full = await diagnose(nameserver.address)
    expect(findingsOf(full, 'disks')).toEqual([
      'problem the disk of small is full: it can only be read from',
    ])
  })

  test('data folders: those of a cluster, one that is damaged, one that is not there', async () => {
    const data = cluster.folder.join('data')
    expect(readdirSync(data).length).toBeGreaterThan(0)
    const damaged = folder.join('damaged')
    mkdirSync(damaged)
    writeFileSync(`${damaged}/identity`, `${'0'.repeat(32)}\n`)
    writeFileSync(`${damaged}/${'0'.repeat(20)}.db`, 'this is no database')
    const cases: [string, string[]][] = [
      [data, []],
      [damaged, [`problem ${damaged} holds damaged segments: ${'0'.repeat(20)}.db`]],
      [folder.join('absent'), [expect.stringContaining('cannot be used: ENOENT')]],
    ]
    for (const [path, expected] of cases) {
      const seen = await diagnose(cluster.nameservers, ['--data', path])
      expect(findingsOf(seen, 'data')).toEqual(expected)
    }
  })
})
