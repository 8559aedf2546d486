// Goal: a client whose cache is out of date is told so by a clear code, refreshes, and does it again by
// itself, whether it spreads, goes by key, or reads (R55). Method: real nodes under virtual time; clients
// that are not told of changes and ask only every ten minutes.

import { expect, test } from 'bun:test'
import type { Client, ClientOptions } from '../../src/client/client.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { Producer } from '../../src/client/producer.ts'
import type { ProducerOptions, SendAttempt } from '../../src/client/producer-options.ts'
import { changeTopic } from '../../src/client/topic-change.ts'
import { MqError } from '../../src/core/errors.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { RESPONSE } from '../../src/remoting/codes.ts'

const STALE: Partial<ClientOptions> = { routePullIntervalMs: 600_000, watchesRoutes: false }

async function change(cluster: VirtualCluster, queueCount: number): Promise<void> {
  const client = cluster.client()
  const options = { topic: 'orders', queueCount, settleMs: 1_000 }
  await cluster.clock.runFor(changeTopic(client, options), 600_000)
  await cluster.clock.runFor(client.close(), 10_000)
}

/** A producer that knows the eight queues there are; the attempts that failed. */
async function producerOn(
  cluster: VirtualCluster,
  options: ProducerOptions,
): Promise<{ producer: Producer; client: Client; refusals: SendAttempt[] }> {
  const refusals: SendAttempt[] = []
  const client = cluster.client(STALE)
  const producer = new Producer(client, {
    ...options,
    onAttempt: (attempt) => {
      if (attempt.error !== null) refusals.push(attempt)
    },
  })
  const sends = Array.from({ length: 32 }, (_, i) =>
    producer.send({ topic: 'orders', key: `k${i}`, body: Buffer.from('before') }),
  )
  await cluster.clock.runFor(Promise.all(sends), 10_000)
  return { producer, client, refusals }
}

async function sendAll(cluster: VirtualCluster, producer: Producer): Promise<void> {
  const sends = Array.from({ length: 64 }, (_, i) =>
    producer.send({ topic: 'orders', key: `k${i}`, body: Buffer.from('after') }),
  )
  await cluster.clock.runFor(Promise.all(sends), 10_000)
}

function wireCodes(refusals: readonly SendAttempt[]): (number | null)[] {
  return [
    ...new Set(refusals.map(({ error }) => (error instanceof MqError ? error.wireCode : null))),
  ]
}

test('R55: sends to a queue that is gone are refused, and sent again to one that is there', async () => {
  const cluster = await VirtualCluster.start(1)
  const { producer, client, refusals } = await producerOn(cluster, { batchMessagesMax: 1 })
  await change(cluster, 4)
  expect(client.routes.peek('orders')?.route.queues[0]?.writeQueueCount).toBe(4)
  await sendAll(cluster, producer)
  // The code of a wrong queue id, as RocketMQ's brokers answer it: clients repeat it elsewhere.
  expect(wireCodes(refusals)).toEqual([RESPONSE.systemError])
  expect(refusals[0]?.error?.message).toContain('has 2 queues, queue')
  expect(client.routes.peek('orders')?.route.queues[0]?.writeQueueCount).toBe(2)
  expect(producer.stats().failed).toBe(0)
})

test('R55: while a queue is going it is refused by a code of its own', async () => {
  const cluster = await VirtualCluster.start(2)
  const { producer, refusals } = await producerOn(cluster, { batchMessagesMax: 1 })
  // A group that read one message and went keeps the queues that go from vanishing.
  const once = new Consumer(cluster.client(), {
    group: 'away',
    topics: [{ topic: 'orders' }],
    from: { kind: 'start' },
    batchMessagesMax: 1,
    onMessages: () => 0,
  })
  await cluster.clock.runFor(once.start(), 10_000)
  await cluster.clock.advance(6_000)
  await cluster.clock.runFor(once.close(), 20_000)
  const client = cluster.client()
  const options = { topic: 'orders', queueCount: 4, settleMs: 1_000, limitMs: 2_000 }
  const forced = { ...options, order: 'none' as const }
  const late = changeTopic(client, forced).catch((error: unknown) => error)
  expect(await cluster.clock.runFor(late, 60_000)).toMatchObject({ code: 'TIMED_OUT' })
  await sendAll(cluster, producer)
  expect(wireCodes(refusals)).toEqual([RESPONSE.noPermission])
  expect(refusals[0]?.error?.message).toContain('is going and takes no messages')
  expect(producer.stats().failed).toBe(0)
})

test('R55: keys are refused where the list has changed, and go by the new one from then on', async () => {
  const cluster = await VirtualCluster.start(3)
  const { producer, refusals } = await producerOn(cluster, { policy: { kind: 'key-hash' } })
  await change(cluster, 12)
  await sendAll(cluster, producer)
  expect(wireCodes(refusals)).toEqual([RESPONSE.queuesChanged])
  const before = refusals.length
  expect(before).toBeLessThanOrEqual(8)
  await sendAll(cluster, producer)
  expect(refusals).toHaveLength(before)
  expect(producer.stats().failed).toBe(0)
})

test('R55: a member that pulls from a queue that is gone asks for the route and lets go of it', async () => {
  const cluster = await VirtualCluster.start(4)
  const member = new Consumer(cluster.client(STALE), {
    group: 'g',
    topics: [{ topic: 'orders' }],
    from: { kind: 'start' },
    onMessages: () => {},
  })
  await cluster.clock.runFor(member.start(), 10_000)
  expect(member.assignment()).toHaveLength(8)
  await cluster.clock.advance(6_000)
  await change(cluster, 4)
  await cluster.clock.advance(20_000)
  expect(member.assignment()).toHaveLength(4)
  expect(member.stats().pullFailures).toBeGreaterThan(0)
})

test('R55: who knows a broker by an address that it left finds it at the new one', async () => {
  const cluster = await VirtualCluster.start(5)
  const { producer, client, refusals } = await producerOn(cluster, {})
  const received: string[] = []
  const reader = cluster.client(STALE)
  const member = new Consumer(reader, {
    group: 'g',
    topics: [{ topic: 'orders' }],
    from: { kind: 'start' },
    onMessages: (messages) => {
      for (const { body } of messages) received.push(body.toString())
    },
  })
  await cluster.clock.runFor(member.start(), 10_000)
  await cluster.clock.advance(6_000)
  expect(received).toHaveLength(32)
  // Nobody hears that it goes, or they would know of no broker-b until they ask again.
  const links = [client, reader].flatMap(({ options, nameservers }) =>
    nameservers.map((to) => ({ from: options.host ?? '', to: to.split(':')[0] ?? '' })),
  )
  for (const link of links) cluster.network.cut(link)
  cluster.broker('broker-b').process.kill()
  await cluster.addBroker('broker-b', '10.0.9.9')
  for (const link of links) cluster.network.heal(link)
  await sendAll(cluster, producer)
  await cluster.clock.advance(60_000)
  expect(received).toHaveLength(32 + 64)
  expect(refusals.length).toBeGreaterThan(0)
  expect(producer.stats().failed).toBe(0)
  const addresses = [client, reader].map((each) =>
    each.routes.peek('orders')?.route.brokers.flatMap((broker) => [...broker.addresses.values()]),
  )
  expect(addresses).toEqual([0, 1].map(() => ['10.0.2.1:10911', '10.0.9.9:10911']))
})
