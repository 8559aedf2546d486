// Goal: a topic's messages come into a new topic complete, once, in order of their keys, with what their
// senders attached; whoever leads may die; the old topic takes no more (R57). Method: virtual time.

import { expect, test } from 'bun:test'
import type { Client } from '../../src/client/client.ts'
import type { ReceivedMessage } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import { Reader } from '../../src/client/reader.ts'
import { migrateTopic } from '../../src/client/topic-migration.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { REQUEST } from '../../src/remoting/codes.ts'

async function fill(cluster: VirtualCluster, count: number): Promise<Producer> {
  const producer = new Producer(cluster.client(), { policy: { kind: 'key-hash' }, retries: 0 })
  const sends = Array.from({ length: count }, (_, i) =>
    producer.send({
      topic: 'orders',
      key: `k${i % 9}`,
      tag: i % 2 === 0 ? 'even' : 'odd',
      flag: i,
      properties: { colour: 'blue' },
      body: Buffer.from(String(i)),
    }),
  )
  await cluster.clock.runFor(Promise.all(sends), 10_000)
  return producer
}

async function readAll(cluster: VirtualCluster, topic: string): Promise<ReceivedMessage[]> {
  const messages: ReceivedMessage[] = []
  const reading = async (): Promise<void> => {
    const reader = new Reader(cluster.client(), { topic, from: { kind: 'start' }, follows: false })
    for await (const message of reader) messages.push(message)
  }
  await cluster.clock.runFor(reading(), 60_000)
  return messages
}

function migrate(cluster: VirtualCluster, client: Client = cluster.client()) {
  return migrateTopic(client, { source: 'orders', target: 'orders-2', queueCount: 5 })
}

function expectOrder(messages: readonly ReceivedMessage[]): void {
  const last = new Map<string, number>()
  for (const { properties, body } of messages) {
    const key = properties['KEYS'] ?? ''
    expect(Number(body.toString())).toBeGreaterThanOrEqual(last.get(key) ?? 0)
    last.set(key, Number(body.toString()))
  }
}

test('R57: everything is in the new topic, as it was sent, and the old one is closed', async () => {
  const cluster = await VirtualCluster.start(1)
  const producer = await fill(cluster, 500)
  const outcome = await cluster.clock.runFor(migrate(cluster), 60_000)
  expect(outcome).toMatchObject({ queueCount: 5, copiedCount: 500, isResumed: false })
  const messages = await readAll(cluster, 'orders-2')
  expect(messages).toHaveLength(500)
  expectOrder(messages)
  for (const { body, flag, properties } of messages) {
    const number = Number(body.toString())
    expect(flag).toBe(number)
    expect(properties).toMatchObject({
      KEYS: `k${number % 9}`,
      TAGS: number % 2 === 0 ? 'even' : 'odd',
      colour: 'blue',
    })
  }
  const late = producer
    .send({ topic: 'orders', key: 'k', body: Buffer.from('late') })
    .catch((error: unknown) => error)
  expect(await cluster.clock.runFor(late, 60_000)).toMatchObject({ code: 'NO_PERMISSION' })
})

test('R57: ended anywhere and called again it completes; nothing is lost, and order holds', async () => {
  for (let requestCount = 1; requestCount < 40; requestCount += 3) {
    const cluster = await VirtualCluster.start(requestCount)
    await fill(cluster, 300)
    const leader = cluster.client()
    let leftCount = requestCount
    const { channels } = leader
    const call = channels.call.bind(channels)
    channels.call = (address, code, options) =>
      code === REQUEST.updateConsumerOffset && leftCount-- <= 0
        ? new Promise(() => {})
        : call(address, code, options)
    void migrate(cluster, leader).catch(() => {})
    await cluster.clock.advance(5_000)
    await cluster.clock.runFor(migrate(cluster), 60_000)
    const messages = await readAll(cluster, 'orders-2')
    // What was copied before the end may come twice; the first time counts.
    const bodies = messages.map(({ body }) => body.toString())
    const first = messages.filter((_, at) => bodies.indexOf(bodies[at] ?? '') === at)
    expect(first, `died at commit ${requestCount}`).toHaveLength(300)
    expectOrder(first)
  }
})

test('R57: a target with messages of its own is refused', async () => {
  const cluster = await VirtualCluster.start(2)
  await fill(cluster, 10)
  await cluster.createTopic('other', 2)
  const refused = migrateTopic(cluster.client(), { source: 'other', target: 'orders' }).catch(
    (error: unknown) => error,
  )
  expect(await cluster.clock.runFor(refused, 60_000)).toMatchObject({ code: 'TOPIC_EXISTS' })
})
