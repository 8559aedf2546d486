// What tests of consumers share: a cluster with a topic, members that keep what they get, messages.

import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import type { ConsumerOptions } from '../../src/client/consumer-options.ts'
import { queueName, type ReceivedMessage } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import type { StartPosition } from '../../src/client/start-position.ts'
import { FakeCluster, realBrokerHost } from './fake-cluster.ts'

/** One nameserver, the brokers named, and topic "t" with so many queues on them. */
export async function realCluster(brokerNames: string[], queueCount: number): Promise<FakeCluster> {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  for (const name of brokerNames) await cluster.addRealBroker(name)
  const admin = new Admin(cluster.client('admin'))
  await cluster.settle(admin.topics.create({ topic: 't', queueCount }))
  return cluster
}

/** Two nameservers of which the second does not hear broker-b, and topic "t" with eight queues on both brokers. */
export async function splitCluster(): Promise<{ cluster: FakeCluster; heal: () => void }> {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  await cluster.addNameserver('ns2')
  await cluster.addRealBroker('broker-a')
  const cut = { from: realBrokerHost('broker-b'), to: 'ns2' }
  cluster.network.cut(cut)
  await cluster.addRealBroker('broker-b')
  const admin = new Admin(cluster.client('admin', { nameservers: ['ns1:9876'] }))
  await cluster.settle(admin.topics.create({ topic: 't', queueCount: 8 }))
  return { cluster, heal: () => cluster.network.heal(cut) }
}

export class Member {
  readonly received: ReceivedMessage[] = []
  readonly consumer: Consumer

  constructor(
    cluster: FakeCluster,
    host: string,
    options: Partial<ConsumerOptions> = {},
    from: StartPosition | null = { kind: 'start' },
  ) {
    this.consumer = new Consumer(cluster.client(host), {
      group: 'g',
      topics: [{ topic: 't' }],
      ...(from === null ? {} : { from }),
      onMessages: (messages) => {
        this.received.push(...messages)
      },
      ...options,
    })
  }

  get bodies(): string[] {
    return this.received.map((message) => message.body.toString())
  }

  get queues(): string[] {
    return this.consumer.assignment().map(queueName)
  }
}

/** Sends the numbers as bodies, tagged odd and even. */
export async function produce(cluster: FakeCluster, from: number, to: number): Promise<void> {
  const producer = new Producer(cluster.client(`producer-${from}`))
  const sends = []
  for (let i = from; i < to; i++) {
    sends.push(
      producer.send({ topic: 't', body: Buffer.from(String(i)), tag: i % 2 ? 'odd' : 'even' }),
    )
  }
  await cluster.settle(Promise.all(sends))
  await cluster.settle(producer.close())
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i)).sort()
