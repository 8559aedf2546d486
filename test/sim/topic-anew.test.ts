// Goal: a topic that is made under the name of a deleted one has nothing of it: not its messages, not its
// offsets, on no broker and for no consumer that knows nothing of the change (R51, R55). Method: the real
// nodes in one thread under virtual time.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Producer } from '../../src/client/producer.ts'
import {
  BROKERS,
  birthIds,
  create,
  held,
  Reader,
  remove,
  restart,
  routed,
  SETTLE_MS,
  sendAll,
  startCluster,
  TOPIC,
} from '../support/topic-world.ts'

const SEED = 51_055

describe('R51: deleting, then making anew', () => {
  test('R51: another id, and nothing of the old topic is seen on any broker, also not on one that was away during both', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    const [oldId] = birthIds(cluster)
    await sendAll(cluster, 'old', 30)
    const reader = new Reader(cluster)
    await cluster.clock.runFor(reader.consumer.start(), 10_000)
    await cluster.clock.advance(20_000)
    expect(reader.of('old').length).toBe(30)
    await cluster.clock.runFor(reader.consumer.close(), 10_000)
    cluster.broker('broker-b').process.kill()
    await cluster.clock.advance(1_000)
    await remove(cluster)
    await create(cluster)
    await restart(cluster, 'broker-b')
    await cluster.clock.advance(SETTLE_MS)
    // Two brokers have all of the new topic: the third was not there when it was made.
    expect(held(cluster)).toEqual({ 'broker-a': 4, 'broker-c': 4 })
    expect(birthIds(cluster)).not.toContain(oldId as string)
    expect(await routed(cluster)).toEqual(['broker-a,broker-c'])
    const bodies = await sendAll(cluster, 'new', 40)
    const again = new Reader(cluster)
    await cluster.clock.runFor(again.consumer.start(), 10_000)
    await cluster.clock.advance(20_000)
    expect(again.received.sort()).toEqual(bodies)
    const admin = new Admin(cluster.client())
    const { value } = await cluster.clock.runFor(admin.topics.show(TOPIC), 10_000)
    for (const queue of value.queues) expect([queue.minOffset, queue.maxOffset]).toEqual([0, 5])
    await cluster.clock.runFor(again.consumer.close(), 10_000)
  })

  // More than the old topic had: offsets of old are inside the new one. Fewer: they are past its end.
  for (const count of [80, 16]) {
    test(`R51, R55: a consumer that runs on over both gets all ${count} new messages, once`, async () => {
      const cluster = await startCluster(SEED)
      await create(cluster)
      const reader = new Reader(cluster)
      await cluster.clock.runFor(reader.consumer.start(), 10_000)
      await sendAll(cluster, 'old', 40)
      await cluster.clock.advance(20_000)
      expect(reader.of('old').length).toBe(40)
      await remove(cluster)
      await create(cluster)
      const bodies = await sendAll(cluster, 'new', count)
      await cluster.clock.advance(90_000)
      expect(reader.of('new')).toEqual(bodies)
      await cluster.clock.runFor(reader.consumer.close(), 10_000)
    })
  }

  test('R51, R55: so do all members of a broadcasting group, which commit nothing', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    const readers = [1, 2].map(() => new Reader(cluster, { model: 'broadcasting' }))
    for (const { consumer } of readers) await cluster.clock.runFor(consumer.start(), 10_000)
    await sendAll(cluster, 'old', 40)
    await cluster.clock.advance(20_000)
    await remove(cluster)
    await create(cluster)
    const bodies = await sendAll(cluster, 'new', 80)
    await cluster.clock.advance(90_000)
    for (const reader of readers) {
      expect(reader.of('old').length).toBe(40)
      expect(reader.of('new')).toEqual(bodies)
      await cluster.clock.runFor(reader.consumer.close(), 10_000)
    }
  })

  test('R51: also if the brokers restart before it comes back to them', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    const reader = new Reader(cluster)
    await cluster.clock.runFor(reader.consumer.start(), 10_000)
    await sendAll(cluster, 'old', 40)
    await cluster.clock.advance(20_000)
    expect(reader.of('old').length).toBe(40)
    cluster.network.isolate(reader.host)
    await remove(cluster)
    await create(cluster)
    const bodies = await sendAll(cluster, 'new', 80)
    for (const name of BROKERS) {
      cluster.broker(name).process.kill()
      await restart(cluster, name)
    }
    cluster.network.rejoin(reader.host)
    await cluster.clock.advance(120_000)
    expect(reader.of('new')).toEqual(bodies)
    await cluster.clock.runFor(reader.consumer.close(), 10_000)
  })

  test('R55: a producer whose route is of the old topic is told, asks again, and goes on by itself', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    const producer = new Producer(cluster.client({ watchesRoutes: false }))
    const send = (): Promise<unknown> =>
      cluster.clock.runFor(producer.send({ topic: TOPIC, body: Buffer.from('x') }), 30_000)
    for (let i = 0; i < 8; i++) await send()
    await remove(cluster)
    // On one broker only: two of three places it knows are wrong.
    const admin = new Admin(cluster.client())
    await cluster.clock.runFor(admin.topics.create({ topic: TOPIC, queueCount: 1 }), 10_000)
    for (let i = 0; i < 8; i++) await send()
    const { value } = await cluster.clock.runFor(admin.topics.show(TOPIC), 10_000)
    expect(value.queues.map(({ brokerName, maxOffset }) => [brokerName, maxOffset])).toEqual([
      ['broker-a', 8],
    ])
    await cluster.clock.runFor(producer.close(), 5_000)
  })
})
