// A cluster of three brokers with one topic under keyed load, whose queues are changed by leaders that
// may die before any of their requests.

import type { TopicChangeOptions } from '../../src/client/change-results.ts'
import type { Client } from '../../src/client/client.ts'
import { fetchRoute } from '../../src/client/nameserver-calls.ts'
import { changeTopic, type TopicChangeOutcome } from '../../src/client/topic-change.ts'
import { seededRandom } from '../../src/core/random.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { KeyedLoad, type KeyedLoadOptions } from './keyed-load.ts'

export async function threeBrokers(seed: number, queueCount: number): Promise<VirtualCluster> {
  const cluster = new VirtualCluster(seed)
  await cluster.addNameserver('10.0.1.1')
  await cluster.addNameserver('10.0.1.2')
  for (const [i, name] of ['broker-a', 'broker-b', 'broker-c'].entries()) {
    await cluster.addBroker(name, `10.0.2.${i + 1}`)
  }
  await cluster.createTopic('t', queueCount)
  return cluster
}

/** About 100 messages a second; some queues' share is handled slower than it comes. */
export async function loadOn(
  cluster: VirtualCluster,
  seed: number,
  changes: Partial<KeyedLoadOptions> = {},
): Promise<KeyedLoad> {
  const load = new KeyedLoad({
    clock: cluster.clock,
    random: seededRandom(seed),
    topic: 't',
    client: () => cluster.client(),
    producerCount: 4,
    keyCount: 10,
    intervalMs: 40,
    memberCount: 2,
    handleMs: 70,
    ...changes,
  })
  await cluster.clock.runFor(load.start(), 30_000)
  return load
}

export async function change(
  cluster: VirtualCluster,
  options: Omit<TopicChangeOptions, 'topic'>,
): Promise<TopicChangeOutcome> {
  const client = cluster.client()
  const outcome = await cluster.clock.runFor(
    changeTopic(client, { topic: 't', ...options }),
    700_000,
  )
  await cluster.clock.runFor(client.close(), 10_000)
  return outcome
}

/** Queues for writers and readers per broker, as one nameserver says. */
export async function queuesAt(cluster: VirtualCluster, nameserver: string): Promise<number[][]> {
  const client = cluster.client()
  const route = await cluster.clock.runFor(fetchRoute(client.caller, nameserver, 't'), 10_000)
  const queues = (route?.queues ?? []).map((each) =>
    (each.permission & 2) === 0 && (each.permission & 4) === 0
      ? [0, 0]
      : [each.writeQueueCount, each.readQueueCount],
  )
  await cluster.clock.runFor(client.close(), 10_000)
  return queues.sort()
}

/** The client's next change request after so many never leaves, nor does anything after it. */
export function dieBefore(client: Client, requestCount: number): () => boolean {
  const { channels } = client
  const call = channels.call.bind(channels)
  let leftCount = requestCount
  let isDead = false
  channels.call = (address, code, options) => {
    if (code === REQUEST.changeQueues && leftCount-- <= 0) isDead = true
    return isDead ? new Promise(() => {}) : call(address, code, options)
  }
  return () => isDead
}

/** Gives way to other clients only shortly. */
export function quickChange(
  cluster: VirtualCluster,
  options: Omit<TopicChangeOptions, 'topic'>,
): Promise<TopicChangeOutcome> {
  return change(cluster, { settleMs: 1_000, ...options })
}
