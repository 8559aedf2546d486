// Goal: a topic that was made twice, because whoever made it second could not see the first, is one topic:
// nothing of it is lost, and it is deleted as one (R49, R51). Method: the real nodes in one thread under
// virtual time; brokers are away in turn while the topic is made, and while it is deleted.

import { describe, expect, test } from 'bun:test'
import type { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { testSeed } from '../support/seed.ts'
import {
  ALL_BROKERS,
  birthIds,
  codeOf,
  create,
  held,
  knownBirths,
  Reader,
  remove,
  restart,
  restartNameservers,
  routed,
  SETTLE_MS,
  sendAll,
  startCluster,
  TOPIC,
} from '../support/topic-world.ts'

/** Made on broker-a by `first`, and on the two others by a command, when neither can see the other. */
async function madeTwice(
  cluster: VirtualCluster,
  first: (cluster: VirtualCluster) => Promise<unknown>,
): Promise<void> {
  await takeAway(cluster, ['broker-b', 'broker-c'])
  await first(cluster)
  await takeAway(cluster, ['broker-a'])
  await restart(cluster, 'broker-b')
  await restart(cluster, 'broker-c')
  await create(cluster)
  expect(held(cluster)).toMatchObject({ 'broker-b': 4, 'broker-c': 4 })
}

async function takeAway(cluster: VirtualCluster, brokerNames: readonly string[]): Promise<void> {
  for (const name of brokerNames) cluster.broker(name).process.kill()
  await cluster.clock.advance(1_000)
}

describe('a topic made twice', () => {
  test('R49: is one topic: its brokers know all it was born with, and every message is delivered', async () => {
    const cluster = await startCluster(testSeed())
    let early: string[] = []
    await madeTwice(cluster, async () => {
      await create(cluster)
      early = await sendAll(cluster, 'early', 20)
    })
    const late = await sendAll(cluster, 'late', 20)
    await restart(cluster, 'broker-a')
    await cluster.clock.advance(2 * SETTLE_MS)
    expect(birthIds(cluster).length).toBe(2)
    expect(knownBirths(cluster)).toEqual([birthIds(cluster).sort().join(',')])
    expect(await routed(cluster)).toEqual([ALL_BROKERS])
    const reader = new Reader(cluster)
    await cluster.clock.runFor(reader.consumer.start(), 10_000)
    await cluster.clock.advance(SETTLE_MS)
    expect([reader.of('early'), reader.of('late')]).toEqual([early, late])
    await cluster.clock.runFor(reader.consumer.close(), 30_000)
    // And what it was born with elsewhere survives every restart.
    for (const name of ['broker-a', 'broker-b', 'broker-c']) {
      await takeAway(cluster, [name])
      await restart(cluster, name)
    }
    expect(knownBirths(cluster)).toEqual([birthIds(cluster).sort().join(',')])
  })

  test('R49: also while the nameservers have just started and know only some of the brokers', async () => {
    const cluster = await startCluster(testSeed())
    await create(cluster)
    await cluster.addBroker('broker-d', '10.0.2.9')
    await takeAway(cluster, ['broker-a', 'broker-b', 'broker-c'])
    await restartNameservers(cluster)
    await cluster.clock.advance(SETTLE_MS)
    expect(await codeOf(create(cluster))).toBe('done')
    for (const name of ['broker-a', 'broker-b', 'broker-c']) await restart(cluster, name)
    await cluster.clock.advance(2 * SETTLE_MS)
    expect(birthIds(cluster).length).toBe(2)
    expect(knownBirths(cluster)).toEqual([birthIds(cluster).sort().join(',')])
  })

  test('R51: is deleted as one, also the part of a broker that is away, and stays deleted', async () => {
    const cluster = await startCluster(testSeed())
    await madeTwice(cluster, create)
    await restart(cluster, 'broker-a')
    await cluster.clock.advance(2 * SETTLE_MS)
    await takeAway(cluster, ['broker-a'])
    await restartNameservers(cluster)
    await cluster.clock.advance(SETTLE_MS)
    await remove(cluster)
    await create(cluster)
    await restart(cluster, 'broker-a')
    await cluster.clock.advance(2 * SETTLE_MS)
    expect(held(cluster)).toEqual({ 'broker-b': 4, 'broker-c': 4 })
    expect(knownBirths(cluster)).toEqual(birthIds(cluster))
    expect(birthIds(cluster).length).toBe(1)
  })

  test('R51: what a broker that is away worked out by itself is deleted with it, though nobody saw it', async () => {
    const cluster = await startCluster(testSeed())
    await madeTwice(cluster, () => cluster.createTopicOn('broker-a', TOPIC, 2))
    await remove(cluster)
    await restart(cluster, 'broker-a')
    await cluster.clock.advance(2 * SETTLE_MS)
    expect(held(cluster)).toEqual({})
    expect(await routed(cluster)).toEqual([''])
  })
})
