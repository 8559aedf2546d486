// Goal: in a cluster of real nodes, clients that watch know of a broker that joins or leaves within
// 200 ms (R21), and the stale routes of R8 are over before they cost a send. Method: virtual time; the
// same run without watching, beside it, shows what the difference is.

import { expect, test } from 'bun:test'
import type { Client } from '../../src/client/client.ts'
import { Producer } from '../../src/client/producer.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'

const SEED = 21
const WATCHER_COUNT = 50

function knows(client: Client, brokerName: string): boolean {
  const route = client.routes.peek('orders')?.route
  return route?.brokers.some((broker) => broker.brokerName === brokerName) ?? false
}

test('R21: fifty watchers of two nameservers: each knows within 200 ms who joined, and who left', async () => {
  const cluster = await VirtualCluster.start(SEED)
  const { clock } = cluster
  const clients = Array.from({ length: WATCHER_COUNT }, () => cluster.client())
  for (const client of clients) await clock.runFor(client.routes.get('orders'), 5_000)
  await clock.advance(1_000)

  const isKnown = (name: string): number => clients.filter((client) => knows(client, name)).length
  await cluster.addBroker('broker-c', '10.0.2.3')
  const startMs = clock.monoMs()
  await cluster.createTopicOn('broker-c', 'orders', 4)
  const joined = (): boolean => isKnown('broker-c') === WATCHER_COUNT
  await clock.runUntil(joined, 60_000, 'all know broker-c')
  expect(clock.monoMs() - startMs).toBeLessThan(200)

  cluster.broker('broker-b').process.kill()
  const left = (): boolean => isKnown('broker-b') === 0
  expect(await clock.runUntil(left, 60_000, 'nobody knows broker-b')).toBeLessThan(200)
})

/** Sends a hundred a second without retries while broker-b dies; how many fail. */
async function failedSends(watchesRoutes: boolean): Promise<number> {
  const cluster = await VirtualCluster.start(SEED)
  const producer = new Producer(cluster.client({ watchesRoutes }), {
    retries: 0,
    avoidsFaults: false,
    refreshesRoutes: false,
  })
  let failed = 0
  const timer = cluster.clock.every(10, () => {
    producer.send({ topic: 'orders', body: Buffer.from('x') }).catch(() => failed++)
  })
  await cluster.clock.advance(5_000)
  cluster.broker('broker-b').process.kill()
  await cluster.clock.advance(60_000)
  timer.cancel()
  return failed
}

test('R8 R21: a dead broker costs no more than what was on its way, where its clients watch', async () => {
  expect(await failedSends(false)).toBeGreaterThan(100)
  expect(await failedSends(true)).toBeLessThanOrEqual(3)
})
