// Goal: clients that know nothing of draining lose no send by it, through our nameserver and Apache's;
// and an Apache broker is drained as far as it can be. Method: a Java producer without retries, asking
// for routes every second, sends while one of two brokers is drained and stopped; then a plain stop
// under the same load, which must fail some, or the test would prove nothing.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { type ApacheVersion, startApacheBroker, startApacheNameserver } from './peers/apache.ts'
import { createTopic, temporaryDir, waitForBroker } from './peers/cluster.ts'
import { type JavaClientVersion, javaClientCommand } from './peers/java-client.ts'
import { javaMissing } from './peers/maven.ts'
import { mq, startBroker, startNameserver } from './peers/mq.ts'
import { Process } from './peers/process.ts'

const TOPIC = 'drained'
const START_TIMEOUT_MS = 30_000
const RUN_MS = 12_000
const ROUTE_INTERVAL_MS = 1_000

/** Our nameserver for both generations of clients, and each with its own. */
const CASES: [client: JavaClientVersion, nameserver: ApacheVersion | 'ours'][] = [
  ['5.4.0', 'ours'],
  ['4.9.8', 'ours'],
  ['5.4.0', '5.3.3'],
  ['4.9.8', '4.9.7'],
]

const missing = javaMissing()
if (missing !== null) process.stdout.write(`    draining under Java is skipped: ${missing}\n`)

let dir: string
let running: Process[]

beforeEach(() => {
  dir = temporaryDir()
  running = []
})

afterEach(async () => {
  for (const each of running.reverse()) await each.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function nameserverOf(kind: ApacheVersion | 'ours'): Promise<string> {
  const { address, process } =
    kind === 'ours'
      ? await startNameserver(dir)
      : await startApacheNameserver({ version: kind, dir })
  running.push(process)
  return address
}

async function brokerOf(nameserver: string, name: string): Promise<Process> {
  const { address, process } = await startBroker({ dir, name, nameservers: [nameserver] })
  running.push(process)
  await waitForBroker(nameserver, address)
  return process
}

async function startProducer(version: JavaClientVersion, nameserver: string): Promise<Process> {
  const input = join(dir, 'input.tsv')
  writeFileSync(input, `key\ttag\t\t${Buffer.from('steady').toString('base64')}\n`)
  const args = [
    ...['produce', '--mode', 'steady', '--group', 'steady', '--input', input],
    ...['--nameservers', nameserver, '--topic', TOPIC, '--for-ms', String(RUN_MS)],
    ...['--pause-ms', '5', '--route-interval-ms', String(ROUTE_INTERVAL_MS)],
  ]
  const producer = Process.start({
    name: `java ${version} producer`,
    command: await javaClientCommand({ version, dir, args }),
    logPath: join(dir, 'producer.log'),
  })
  running.push(producer)
  await producer.waitForOutput(/^sent/m, START_TIMEOUT_MS)
  return producer
}

function countOf(producer: Process, what: 'sent' | 'failed'): number {
  return producer.output.split('\n').filter((line) => line.startsWith(`${what}\t`)).length
}

describe.skipIf(missing !== null)('R18, R61', () => {
  for (const [version, kind] of CASES) {
    test(`java ${version} loses no send by a drain, nameserver ${kind}`, async () => {
      const nameserver = await nameserverOf(kind)
      await brokerOf(nameserver, 'mq-a')
      const broker = await brokerOf(nameserver, 'mq-b')
      await createTopic(nameserver, TOPIC, 8)
      const producer = await startProducer(version, nameserver)
      const { stdout, stderr, exitCode } = await mq([
        ...['drain', 'mq-b', '--stop', '--limit', '30s', '--json', '--nameservers', nameserver],
        ...['--route-interval', `${ROUTE_INTERVAL_MS}ms`],
      ])
      expect([stderr, exitCode]).toEqual(['', 0])
      const drained = JSON.parse(stdout) as { isStopped: boolean; sends: number }
      expect(drained).toMatchObject({ isDrained: true, isOrdered: true, isStopped: true })
      expect(drained.sends).toBeGreaterThan(0)
      expect(broker.hasExited).toBe(true)
      const sentBefore = countOf(producer, 'sent')
      expect(await producer.exit(RUN_MS + START_TIMEOUT_MS)).toBe(0)
      expect(countOf(producer, 'failed')).toBe(0)
      expect(countOf(producer, 'sent')).toBeGreaterThan(sentBefore + 50)
      process.stdout.write(
        `    ${countOf(producer, 'sent')} sent, ${drained.sends} of them to mq-b while it drained, 0 failed\n`,
      )
    })
  }

  test('java 5.4.0 loses sends by a plain stop', async () => {
    const nameserver = await nameserverOf('ours')
    await brokerOf(nameserver, 'mq-a')
    const broker = await brokerOf(nameserver, 'mq-b')
    await createTopic(nameserver, TOPIC, 8)
    const producer = await startProducer('5.4.0', nameserver)
    await sleep(systemClock, 2_000)
    await broker.stop()
    expect(await producer.exit(RUN_MS + START_TIMEOUT_MS)).toBe(1)
    expect(countOf(producer, 'failed')).toBeGreaterThan(0)
    process.stdout.write(
      `    ${countOf(producer, 'sent')} sent, ${countOf(producer, 'failed')} failed\n`,
    )
  })

  test('an Apache broker is kept away from producers by the nameservers, and that is said', async () => {
    const nameserver = await nameserverOf('ours')
    const apache = await startApacheBroker({ version: '5.3.3', dir, nameservers: [nameserver] })
    running.push(apache.process)
    await waitForBroker(nameserver, apache.address)
    await brokerOf(nameserver, 'mq-a')
    await createTopic(nameserver, TOPIC, 8)
    const brokers = (await mq(['cluster', '--json', '--nameservers', nameserver])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { brokerName: string; address: string })
    const name = brokers.find(({ address }) => address === apache.address)?.brokerName ?? ''
    const permission = async (): Promise<string> => {
      const { stdout } = await mq(['route', TOPIC, '--json', '--nameservers', nameserver])
      const row = stdout.split('\n').find((line) => line.includes(apache.address)) ?? '{}'
      return (JSON.parse(row) as { permission: string }).permission
    }
    expect(await permission()).toBe('rw')
    const words = ['--route-interval', '500ms', '--limit', '20s', '--nameservers', nameserver]
    const drained = await mq(['drain', name, '--json', ...words])
    expect(drained.exitCode).toBe(0)
    expect(drained.stderr).toContain('RocketMQ broker')
    expect(JSON.parse(drained.stdout)).toMatchObject({ isDrained: true, isOrdered: false })
    expect(await permission()).toBe('r')
    expect((await mq(['undrain', name, '--nameservers', nameserver])).exitCode).toBe(0)
    expect(await permission()).toBe('rw')
  })
})
