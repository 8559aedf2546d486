// A cluster of three brokers and two nameservers under virtual time, and what tests of a topic's life ask
// of it: what the brokers hold, what the nameservers route, what consumers get.

import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { Producer } from '../../src/client/producer.ts'
import type { MqError } from '../../src/core/errors.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { birthIdsOf } from '../../src/remoting/topic-config.ts'

export const TOPIC = 't'
export const QUEUE_COUNT = 8
export const BROKERS = ['broker-a', 'broker-b', 'broker-c'] as const
/** A heartbeat, its answer, and what follows from it. */
export const SETTLE_MS = 35_000

export async function startCluster(seed: number): Promise<VirtualCluster> {
  const cluster = new VirtualCluster(seed)
  await cluster.addNameserver('10.0.1.1')
  await cluster.addNameserver('10.0.1.2')
  for (const [at, name] of BROKERS.entries()) await cluster.addBroker(name, `10.0.2.${at + 1}`)
  return cluster
}

export function hostOf(brokerName: string): string {
  return `10.0.2.${BROKERS.indexOf(brokerName as 'broker-a') + 1}`
}

export async function restart(cluster: VirtualCluster, brokerName: string): Promise<void> {
  await cluster.addBroker(brokerName, hostOf(brokerName))
}

/** All of them at once: they come back knowing nothing. */
export async function restartNameservers(cluster: VirtualCluster): Promise<void> {
  for (const node of [...cluster.nameservers]) {
    node.process.kill()
    await cluster.addNameserver(node.address.split(':')[0] as string)
  }
}

/** Broker → its queues of the topic, from what the brokers themselves hold. */
export function held(cluster: VirtualCluster, topic = TOPIC): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { name, broker } of cluster.brokers.values()) {
    const known = broker.state.topics.get(topic)
    if (known !== undefined) found[name] = known.writeQueueCount
  }
  return found
}

export function birthIds(cluster: VirtualCluster, topic = TOPIC): string[] {
  const ids = [...cluster.brokers.values()].flatMap(
    ({ broker }) => broker.state.topics.get(topic)?.birthId ?? [],
  )
  return [...new Set(ids)]
}

/** All that each broker believes the topic to be born with; one line if they agree. */
export function knownBirths(cluster: VirtualCluster, topic = TOPIC): string[] {
  const views = [...cluster.brokers.values()].flatMap(({ broker }) => {
    const known = broker.state.topics.get(topic)
    return known === undefined ? [] : birthIdsOf(known).sort().join(',')
  })
  return [...new Set(views)]
}

/** What each nameserver routes, as the brokers' names; one line if all agree. */
export async function routed(cluster: VirtualCluster, topic = TOPIC): Promise<string[]> {
  const views = new Set<string>()
  for (const node of cluster.nameservers) {
    views.add((await cluster.route(node, topic)).join(','))
  }
  return [...views]
}

export function create(cluster: VirtualCluster): Promise<unknown> {
  const admin = new Admin(cluster.client())
  return cluster.clock.runFor(
    admin.topics.create({ topic: TOPIC, queueCount: QUEUE_COUNT }),
    60_000,
  )
}

export function remove(cluster: VirtualCluster): ReturnType<Admin['topics']['delete']> {
  return cluster.clock.runFor(new Admin(cluster.client()).topics.delete(TOPIC), 60_000)
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    return (error as MqError).code
  }
}

export const WHOLE = { 'broker-a': 3, 'broker-b': 3, 'broker-c': 2 }
export const ALL_BROKERS = BROKERS.join(',')

/** Sends so many messages, spread over the queues; their bodies are numbered. */
export async function sendAll(
  cluster: VirtualCluster,
  word: string,
  count: number,
): Promise<string[]> {
  const producer = new Producer(cluster.client())
  const bodies = Array.from({ length: count }, (_, at) => `${word}-${at}`)
  const sent = bodies.map((body) => producer.send({ topic: TOPIC, body: Buffer.from(body) }))
  await cluster.clock.runFor(Promise.all(sent), 60_000)
  await cluster.clock.runFor(producer.close(), 10_000)
  return bodies.sort()
}

export class Reader {
  readonly received: string[] = []
  readonly consumer: Consumer
  readonly host: string

  constructor(cluster: VirtualCluster, options: { model?: 'broadcasting' } = {}) {
    const client = cluster.client()
    this.host = client.options.host ?? ''
    this.consumer = new Consumer(client, {
      group: 'g',
      ...options,
      topics: [{ topic: TOPIC }],
      from: { kind: 'start' },
      onMessages: (messages) => {
        for (const { body } of messages) this.received.push(body.toString())
      },
    })
  }

  /** What came that begins with the word. */
  of(word: string): string[] {
    return this.received.filter((body) => body.startsWith(word)).sort()
  }
}
