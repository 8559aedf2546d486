// Goal: Apache's admin tool works on our cluster for everyday tasks. Method: the unmodified mqadmin of
// both generations against our nameserver and broker; what it prints is compared with what is there,
// because it often exits 0 when it failed.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ApacheVersion, mqadmin } from './peers/apache.ts'
import { temporaryDir } from './peers/cluster.ts'
import { javaMissing } from './peers/maven.ts'
import { mq, type Node, startBroker, startNameserver } from './peers/mq.ts'

const VERSIONS: readonly ApacheVersion[] = ['5.3.3', '4.9.7']
const QUEUE_COUNT = 4
const MESSAGE_COUNT = 20

const missing = javaMissing()
if (missing !== null) process.stdout.write(`    mqadmin is skipped: ${missing}\n`)

describe.skipIf(missing !== null)('mqadmin', () => {
  let dir: string
  let nameserver: Node
  let broker: Node

  beforeAll(async () => {
    dir = temporaryDir()
    nameserver = await startNameserver(dir)
    broker = await startBroker({ dir, nameservers: [nameserver.address] })
  })

  afterAll(async () => {
    await broker?.process.stop()
    await nameserver?.process.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  for (const version of VERSIONS) {
    describe(version, () => {
      const topic = `admin-${version.replaceAll('.', '-')}`
      const admin = async (...args: string[]): Promise<string> => {
        const options = { version, dir: join(dir, `admin-${version}`) }
        const result = await mqadmin(options, [...args, '-n', nameserver.address])
        const output = `${result.stdout}${result.stderr}`
        expect({ args, exitCode: result.exitCode, output }).toMatchObject({ exitCode: 0 })
        expect(output).not.toMatch(/Exception|CODE: [1-9]/)
        return result.stdout
      }

      test('clusterList shows our broker', async () => {
        const line = (await admin('clusterList')).split('\n').find((row) => row.includes('mq-a'))
        expect(line).toContain('DefaultCluster')
        expect(line).toContain(broker.address)
      })

      test('updateTopic creates a topic', async () => {
        const queues = String(QUEUE_COUNT)
        const said = await admin(
          ...['updateTopic', '-c', 'DefaultCluster', '-t', topic, '-r', queues, '-w', queues],
        )
        expect(said).toContain(`create topic to ${broker.address} success`)
        expect((await admin('topicList')).split('\n')).toContain(topic)
      })

      test('topicRoute shows its queues', async () => {
        const route = await admin('topicRoute', '-t', topic)
        expect(route).toContain(broker.address)
        expect(route).toMatch(/"?writeQueueNums"?:\s*4/)
      })

      test('topicStatus counts its messages', async () => {
        const lines = Array.from({ length: MESSAGE_COUNT }, (_, index) => `line ${index}\n`).join(
          '',
        )
        const produced = await mq(['produce', topic, '--nameservers', nameserver.address], {
          stdin: lines,
        })
        expect(produced.exitCode).toBe(0)
        const rows = (await admin('topicStatus', '-t', topic))
          .split('\n')
          .filter((row) => row.startsWith('mq-a'))
          .map((row) => row.trim().split(/\s+/))
        expect(rows.map((row) => row[1])).toEqual(['0', '1', '2', '3'])
        const counts = rows.map((row) => Number(row[3]) - Number(row[2]))
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(MESSAGE_COUNT)
      })

      test('brokerStatus prints the counters', async () => {
        const status = await admin('brokerStatus', '-b', broker.address)
        expect(status).toMatch(/brokerVersionDesc\s+:/)
        expect(status).toMatch(/putTps\s+:/)
      })

      test('consumerProgress shows a group and its lag', async () => {
        const group = `progress-${topic}`
        const consumed = await mq([
          ...['consume', topic, '--group', group, '--from', 'start', '--count', '20'],
          ...['--timeout', '20s', '--format', '{body}', '--nameservers', nameserver.address],
        ])
        expect(consumed.exitCode).toBe(0)
        const progress = await admin('consumerProgress', '-g', group)
        expect(progress).toMatch(/Consume Diff Total: 0|Diff Total: 0/)
      })

      test('wipeWritePerm and addWritePerm close and open the broker', async () => {
        expect(await admin('wipeWritePerm', '-b', 'mq-a')).toContain('] OK, ')
        expect(await admin('topicRoute', '-t', topic)).toMatch(/"?perm"?:\s*4/)
        expect(await admin('addWritePerm', '-b', 'mq-a')).toContain('] OK, ')
        expect(await admin('topicRoute', '-t', topic)).toMatch(/"?perm"?:\s*6/)
      })

      test('updateKvConfig and deleteKvConfig are remembered', async () => {
        const key = ['-s', 'SPACE', '-k', 'key']
        expect(await admin('updateKvConfig', ...key, '-v', 'value')).toContain('success')
        expect(await admin('deleteKvConfig', ...key)).toContain('success')
      })

      test('deleteTopic removes it everywhere', async () => {
        const said = await admin('deleteTopic', '-c', 'DefaultCluster', '-t', topic)
        expect(said).toContain(`delete topic [${topic}] from NameServer success`)
        expect((await admin('topicList')).split('\n')).not.toContain(topic)
        const route = await mq(['route', topic, '--nameservers', nameserver.address])
        expect(route.exitCode).toBe(3)
      })
    })
  }
})
