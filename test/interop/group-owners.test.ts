// Goal: who holds which queue is told by members of other languages as well, Apache's admin tool hears it
// of ours, and members that subscribe differently are noticed whoever they are. Method: the unmodified
// clients and mqadmin against our nameserver and broker, one member of theirs beside one of ours.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type ApacheVersion, mqadmin } from './peers/apache.ts'
import { type Cluster, startCluster } from './peers/cluster.ts'
import { FOREIGN_CLIENTS, startConsumer } from './peers/foreign-client.ts'
import { javaMissing } from './peers/maven.ts'
import { MQ_COMMAND, mq } from './peers/mq.ts'
import { Process, waitFor } from './peers/process.ts'

const QUEUE_COUNT = 4
const SHARE_TIMEOUT_MS = 60_000
const ADMIN_VERSIONS: readonly ApacheVersion[] = ['5.3.3', '4.9.7']
/** Its client answers nothing but "members changed". */
const SILENT = 'ali-ons'

interface Shown {
  members: { clientId: string; language: string; heldQueueCount: number | null }[]
  queues: { topic: string; ownership: string; owners: string[]; expectedOwner: string }[]
  unequalSubscriptions: { topic: string; wants: { expression: string }[] }[]
}

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(async () => {
  await cluster?.stop()
})

function startOurs(topic: string, group: string, ...words: string[]): Process {
  return Process.start({
    name: 'mq consume',
    command: [
      ...[...MQ_COMMAND, 'consume', topic, '--group', group, '--follow'],
      ...['--nameservers', cluster.nameserver, ...words],
    ],
    logPath: join(cluster.dir, `ours-${group}.log`),
  })
}

async function show(group: string): Promise<Shown | null> {
  const words = ['group', 'show', group, '--json', '--nameservers', cluster.nameserver]
  const { stdout } = await mq(words)
  return stdout === '' ? null : (JSON.parse(stdout) as Shown)
}

describe('a member of theirs and one of ours', () => {
  for (const client of FOREIGN_CLIENTS) {
    test.skipIf(client.missing !== null)(`${client.name}: each says what it holds`, async () => {
      const topic = `owned-${client.name}`
      const group = `owners-${client.name}`
      await cluster.createTopic(topic, QUEUE_COUNT)
      const target = { nameserver: cluster.nameserver, topic, dir: cluster.dir }
      const theirs = await startConsumer(client, target, { group, count: 1_000_000 })
      const ours = startOurs(topic, group)
      try {
        const owned = client.name === SILENT ? 'unknown' : 'one'
        const shown = await waitFor('two owners of two queues each', SHARE_TIMEOUT_MS, async () => {
          const now = await show(group)
          const queues = now?.queues.filter((queue) => queue.topic === topic) ?? []
          const owners = new Set(
            queues.map(({ owners, expectedOwner }) => owners[0] ?? expectedOwner),
          )
          const isShared = queues.every(
            ({ ownership }) => ownership === 'one' || ownership === owned,
          )
          return now !== null && isShared && owners.size === 2 ? { ...now, queues } : null
        })
        expect(shown.queues).toHaveLength(QUEUE_COUNT)
        expect(shown.queues.filter(({ ownership }) => ownership === owned).length).toBeGreaterThan(
          1,
        )
        expect(shown.members).toHaveLength(2)
        expect(shown.unequalSubscriptions).toEqual([])
        const languages = shown.members.map(({ language }) => language).sort()
        process.stdout.write(`    ${languages.join(' and ')} share ${QUEUE_COUNT} queues\n`)
      } finally {
        await ours.stop('SIGKILL')
        await theirs.stop('SIGKILL')
      }
    })
  }
})

describe.skipIf(javaMissing() !== null)('Java', () => {
  test('a Java member that wants all beside one of ours that wants a tag is noticed', async () => {
    const client = FOREIGN_CLIENTS[0]!
    await cluster.createTopic('unequal', QUEUE_COUNT)
    const target = { nameserver: cluster.nameserver, topic: 'unequal', dir: cluster.dir }
    const theirs = await startConsumer(client, target, { group: 'unequal', count: 1_000_000 })
    const ours = startOurs('unequal', 'unequal', '--tag', 'red')
    try {
      const shown = await waitFor('the difference', SHARE_TIMEOUT_MS, async () => {
        const now = await show('unequal')
        return now !== null && now.unequalSubscriptions.length > 0 ? now : null
      })
      const [difference] = shown.unequalSubscriptions
      expect(difference?.topic).toBe('unequal')
      expect(difference?.wants.map(({ expression }) => expression).sort()).toEqual(['*', 'red'])
      const doctor = await mq(['doctor', '--nameservers', cluster.nameserver, '--watch-lag', '0s'])
      expect(doctor.stdout).toContain('✗ subscriptions members of group unequal')
      expect(doctor.exitCode).toBe(1)
    } finally {
      await ours.stop('SIGKILL')
      await theirs.stop('SIGKILL')
    }
  })

  for (const version of ADMIN_VERSIONS) {
    test(`mqadmin ${version} consumerStatus reads what our member says`, async () => {
      const topic = `status-${version.replaceAll('.', '-')}`
      await cluster.createTopic(topic, QUEUE_COUNT)
      const ours = startOurs(topic, topic)
      try {
        const member = await waitFor('our member', SHARE_TIMEOUT_MS, async () => {
          const now = await show(topic)
          return (
            now?.members.find(({ heldQueueCount }) => heldQueueCount === QUEUE_COUNT + 1) ?? null
          )
        })
        const admin = async (...words: string[]): Promise<string> => {
          const place = { version, dir: join(cluster.dir, `admin-${version}`) }
          const result = await mqadmin(place, [
            ...['consumerStatus', '-g', topic, ...words, '-n', cluster.nameserver],
          ])
          expect(`${result.stdout}${result.stderr}`).not.toMatch(/Exception/)
          return result.stdout
        }
        const all = await admin()
        expect(all).toContain(member.clientId)
        expect(all).toContain('Same subscription in the same group of consumer')
        const one = await admin('-i', member.clientId)
        const held = one.match(new RegExp(`^${topic} +\\S+ +\\d`, 'gm')) ?? []
        expect(held.length).toBeGreaterThanOrEqual(QUEUE_COUNT)
        expect(one).toContain('CONSUME_PASSIVELY')
      } finally {
        await ours.stop('SIGKILL')
      }
    })
  }
})
