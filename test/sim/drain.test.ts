// Goal: a drained broker is stopped without a failed send (R18), where a plain stop fails some, and a
// drain that cannot end says why. Method: the real nodes under virtual time with the default numbers;
// producers have retries off, look at routes every 30 s and never besides, and are not told of changes.

import { expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { type DrainOptions, drainBroker, undrainBroker } from '../../src/client/drain.ts'
import { fetchRoute } from '../../src/client/nameserver-calls.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { SteadyProducer } from '../support/steady-producer.ts'

const SEED = 1_804
/** 500 messages a second. */
const INTERVAL_MS = 2
const ROUTE_INTERVAL_MS = 30_000
const WITHOUT_HELP = { retries: 0, avoidsFaults: false, refreshesRoutes: false }

function plainProducer(cluster: VirtualCluster, intervalMs = INTERVAL_MS): SteadyProducer {
  const client = cluster.client({ watchesRoutes: false })
  return new SteadyProducer(cluster, { name: 'p', intervalMs, client, ...WITHOUT_HELP })
}

function member(cluster: VirtualCluster, bodies: Set<string>): Consumer {
  return new Consumer(cluster.client({ watchesRoutes: false }), {
    group: 'g',
    topics: [{ topic: 'orders' }],
    from: { kind: 'start' },
    onMessages: (messages) => {
      for (const { body } of messages) bodies.add(body.toString())
    },
  })
}

function drain(cluster: VirtualCluster, options: Partial<DrainOptions> = {}) {
  const drained = drainBroker(cluster.client(), {
    brokerName: 'broker-b',
    limitMs: 600_000,
    ...options,
  })
  return cluster.clock.runFor(drained, 700_000)
}

/** What a minute and a half of load saw when broker-b left in this way. */
async function leave(kind: 'plain stop' | 'drain, then stop') {
  const cluster = await VirtualCluster.start(SEED)
  const read = new Set<string>()
  const consumer = member(cluster, read)
  await cluster.clock.runFor(consumer.start(), 10_000)
  const producer = plainProducer(cluster)
  await cluster.clock.advance(10_000)
  const startMs = cluster.clock.monoMs()
  if (kind !== 'plain stop') expect((await drain(cluster)).isDrained).toBe(true)
  const drainedMs = cluster.clock.monoMs() - startMs
  await cluster.clock.runFor(cluster.broker('broker-b').broker.stop(), 10_000)
  await cluster.clock.advance(40_000)
  await producer.stop()
  const unread = producer.sent.filter((body) => !read.has(body)).length
  return { sent: producer.sent.length, failed: producer.failures.length, unread, drainedMs }
}

test('R18: drained first, no send fails; a plain stop fails some: both side by side', async () => {
  const plain = await leave('plain stop')
  const drained = await leave('drain, then stop')
  const row = (name: string, run: typeof plain): string =>
    `${name.padEnd(17)} ${String(run.failed).padStart(5)} of ${run.sent + run.failed} sends failed, ${run.unread} unread, stopped after ${Math.round(run.drainedMs)} ms`
  process.stderr.write(
    `500/s, retries off\n${row('plain stop', plain)}\n${row('drain, then stop', drained)}\n`,
  )
  expect(plain.failed).toBeGreaterThan(100)
  expect(drained.failed).toBe(0)
  expect(drained.unread).toBe(0)
  // A pull of the route, and then as long as another one may take.
  expect(drained.drainedMs).toBeWithin(ROUTE_INTERVAL_MS, 2 * ROUTE_INTERVAL_MS + 3_000)
}, 60_000)

test('R18: a limit ends the waiting and tells which group has what left', async () => {
  const cluster = await VirtualCluster.start(SEED)
  const consumer = member(cluster, new Set())
  await cluster.clock.runFor(consumer.start(), 10_000)
  const producer = plainProducer(cluster, 100)
  await cluster.clock.advance(20_000)
  await cluster.clock.runFor(consumer.close(), 10_000)
  const steps: string[] = []
  const outcome = await drain(cluster, {
    limitMs: 90_000,
    onProgress: ({ step }) => {
      if (steps.at(-1) !== step) steps.push(step)
    },
  })
  await producer.stop()
  expect(producer.failures).toEqual([])
  expect(steps).toEqual(['producers', 'consumers', 'over'])
  expect(outcome).toMatchObject({ isDrained: false, isQuiet: true })
  expect(outcome.elapsedMs).toBeWithin(90_000, 91_000)
  expect(outcome.view?.unreadQueueCount).toBe(4)
  for (const { group, topic, lag } of outcome.view?.unread ?? []) {
    expect([group, topic]).toEqual(['g', 'orders'])
    expect(lag).toBeGreaterThan(0)
  }
})

test('R18: restarted it is still drained, and undrained it takes its part again', async () => {
  const cluster = await VirtualCluster.start(SEED)
  const producer = plainProducer(cluster, 100)
  await cluster.clock.advance(10_000)
  expect((await drain(cluster)).isDrained).toBe(true)
  await cluster.clock.runFor(cluster.broker('broker-b').broker.stop(), 10_000)
  await cluster.clock.advance(40_000)
  await cluster.addBroker('broker-b', '10.0.2.2')
  const againMs = cluster.clock.monoMs()
  await cluster.clock.advance(90_000)
  expect(Object.keys(producer.countsBetween(againMs, cluster.clock.monoMs()))).toEqual(['broker-a'])

  await cluster.clock.runFor(undrainBroker(cluster.client(), { brokerName: 'broker-b' }), 10_000)
  await cluster.clock.advance(ROUTE_INTERVAL_MS + 1_000)
  const backMs = cluster.clock.monoMs()
  await cluster.clock.advance(20_000)
  const counts = producer.countsBetween(backMs, cluster.clock.monoMs())
  expect(counts['broker-b']).toBeWithin(95, 105)
  await producer.stop()
  expect(producer.failures).toEqual([])
})

test('R18: the last broker that takes messages of a topic is drained only by force', async () => {
  const cluster = await VirtualCluster.start(SEED)
  await cluster.createTopicOn('broker-b', 'lonely', 4)
  const refused = await drain(cluster).catch((error) => error)
  expect(refused).toMatchObject({ code: 'NO_PERMISSION' })
  expect(refused.message).toContain('broker-b is the only broker that takes messages of lonely')
  expect(await cluster.clock.runFor(permissionOf(cluster, 'lonely'), 10_000)).toBe(6)
  expect((await drain(cluster, { isForced: true })).isDrained).toBe(true)
  expect(await cluster.clock.runFor(permissionOf(cluster, 'lonely'), 10_000)).toBe(4)
  // Now nobody but broker-a takes messages of the other topic.
  expect(await drain(cluster, { brokerName: 'broker-a' }).catch((error) => error)).toMatchObject({
    code: 'NO_PERMISSION',
  })
})

test('topics are made and changed while a broker drains, and it stays drained', async () => {
  const cluster = await VirtualCluster.start(SEED)
  await drain(cluster)
  const { topics } = new Admin(cluster.client())
  const made = topics.create({ topic: 'new', queueCount: 2 })
  const { value, failures } = await cluster.clock.runFor(made, 20_000)
  expect(value.map(({ brokerName, writeQueueCount }) => [brokerName, writeQueueCount])).toEqual([
    ['broker-a', 2],
  ])
  expect(failures).toEqual([])
  const address = cluster.broker('broker-b').address
  const altered = await cluster.clock.runFor(
    cluster.client().caller.channels.call(address, REQUEST.createTopic, {
      fields: { topic: 'orders', readQueueNums: 6, writeQueueNums: 6, perm: 6 },
      timeoutMs: 3_000,
    }),
    10_000,
  )
  expect(altered.code).toBe(0)
  for (const node of cluster.nameservers) {
    const { caller } = cluster.client()
    const route = await cluster.clock.runFor(fetchRoute(caller, node.address, 'orders'), 5_000)
    const queues = route?.queues.find(({ brokerName }) => brokerName === 'broker-b')
    expect(queues).toMatchObject({ writeQueueCount: 6, permission: 4 })
  }
})

async function permissionOf(cluster: VirtualCluster, topic: string): Promise<number | undefined> {
  const { route } = await cluster.client().routes.refresh(topic)
  return route.queues[0]?.permission
}

test('R18: a producer that looks at routes less often than promised is seen, and waited for', async () => {
  const cluster = await VirtualCluster.start(SEED)
  const client = cluster.client({ watchesRoutes: false, routePullIntervalMs: 75_000 })
  const slow = new SteadyProducer(cluster, {
    name: 's',
    intervalMs: 1_000,
    client,
    ...WITHOUT_HELP,
  })
  await cluster.clock.advance(5_000)
  const outcome = await drain(cluster)
  expect(outcome.elapsedMs).toBeGreaterThan(100_000)
  await cluster.clock.runFor(cluster.broker('broker-b').broker.stop(), 10_000)
  await slow.stop()
  expect(slow.failures).toEqual([])
})
