// The cluster that the client tests talk to: ours, or with MQ_INTEROP_SERVERS=apache Apache's own.
// The second tells a fault of the tests from a fault of ours.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mqadmin, startApacheBroker, startApacheNameserver } from './apache.ts'
import { mq, startBroker, startNameserver } from './mq.ts'
import { waitFor } from './process.ts'

const REGISTER_TIMEOUT_MS = 30_000

export interface Cluster {
  dir: string
  nameserver: string
  createTopic(topic: string, queueCount: number): Promise<void>
  stop(): Promise<void>
}

export function startCluster(): Promise<Cluster> {
  return Bun.env['MQ_INTEROP_SERVERS'] === 'apache' ? startApacheCluster() : startOurCluster()
}

export function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), 'mq-interop-'))
}

async function startOurCluster(): Promise<Cluster> {
  const dir = temporaryDir()
  const nameserver = await startNameserver(dir)
  const broker = await startBroker({ dir, nameservers: [nameserver.address] })
  return {
    dir,
    nameserver: nameserver.address,
    createTopic: (topic, queueCount) => createTopic(nameserver.address, topic, queueCount),
    async stop() {
      await broker.process.stop()
      await nameserver.process.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A broker's process can be up before its registration has arrived. */
export async function waitForBroker(nameserver: string, address: string): Promise<void> {
  await waitFor(`registration of ${address}`, REGISTER_TIMEOUT_MS, async () => {
    const { stdout } = await mq(['cluster', '--nameservers', nameserver])
    return stdout.includes(address) ? true : null
  })
}

/** Through our own command, whoever serves. */
export async function createTopic(
  nameserver: string,
  topic: string,
  queueCount: number,
): Promise<void> {
  const queues = String(queueCount)
  const created = await mq([
    ...['topic', 'create', topic, '--queues', queues, '--nameservers', nameserver],
  ])
  if (created.exitCode !== 0) throw new Error(`mq topic create: ${created.stderr}`)
}

async function startApacheCluster(): Promise<Cluster> {
  const version = '5.3.3'
  const dir = temporaryDir()
  const nameserver = await startApacheNameserver({ version, dir })
  const broker = await startApacheBroker({ version, dir, nameservers: [nameserver.address] })
  return {
    dir,
    nameserver: nameserver.address,
    async createTopic(topic, queueCount) {
      const queues = String(queueCount)
      const { stdout } = await mqadmin({ version, dir: join(dir, 'admin') }, [
        ...['updateTopic', '-n', nameserver.address, '-b', broker.address],
        ...['-t', topic, '-r', queues, '-w', queues],
      ])
      if (!stdout.includes('create topic')) throw new Error(`mqadmin updateTopic: ${stdout}`)
    },
    async stop() {
      await broker.process.stop()
      await nameserver.process.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
