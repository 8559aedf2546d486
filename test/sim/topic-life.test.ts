// Goal: a topic is made and deleted on several brokers wholly or not at all, whoever is killed or away
// meanwhile (R49, R50). Method: the real nodes in one thread under virtual time; the coordinator is
// killed after each of its requests and after each answer it gets; brokers are away during deletions;
// nameservers restart.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Producer } from '../../src/client/producer.ts'
import type { MqError } from '../../src/core/errors.ts'
import type { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { type Direction, mortalClient } from '../support/mortal-client.ts'
import {
  ALL_BROKERS,
  birthIds,
  codeOf,
  create,
  held,
  hostOf,
  QUEUE_COUNT,
  remove,
  restart,
  restartNameservers,
  routed,
  SETTLE_MS,
  startCluster,
  TOPIC,
  WHOLE,
} from '../support/topic-world.ts'

const SEED = 49_051

/** Kills the coordinator after its n-th frame, for every n, until one is not killed any more. */
async function killedAfterEach(
  of: Direction,
  prepare: (cluster: VirtualCluster) => Promise<unknown>,
  act: (admin: Admin) => Promise<unknown>,
  check: (cluster: VirtualCluster, dieAfter: number) => Promise<void>,
): Promise<number> {
  for (let dieAfter = 1; ; dieAfter++) {
    const cluster = await startCluster(SEED + dieAfter)
    await prepare(cluster)
    const options = { hostName: '10.0.4.1', dieAfter, of, seed: dieAfter }
    const mortal = mortalClient(cluster, options)
    let isDone = false
    void act(new Admin(mortal.client)).then(
      () => {
        isDone = true
      },
      () => {},
    )
    await cluster.clock.advance(20_000)
    if (!mortal.isDead()) {
      expect(isDone).toBe(true)
      return dieAfter - 1
    }
    await cluster.clock.advance(SETTLE_MS)
    await check(cluster, dieAfter)
  }
}

describe('R49: creating', () => {
  test('R49: 8 queues on 3 brokers are 3, 3 and 2, under one id, in the route of every nameserver', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    expect(held(cluster)).toEqual(WHOLE)
    expect(birthIds(cluster).length).toBe(1)
    expect(await routed(cluster)).toEqual([ALL_BROKERS])
  })

  for (const of of ['requests', 'answers'] as const) {
    test(`R49: the coordinator is killed after each of its ${of}: the topic is whole or absent, and a retry makes it`, async () => {
      const outcomes = new Set<string>()
      const steps = await killedAfterEach(
        of,
        async () => {},
        (admin) => admin.topics.create({ topic: TOPIC, queueCount: QUEUE_COUNT }),
        async (cluster, dieAfter) => {
          const isThere = Object.keys(held(cluster)).length > 0
          outcomes.add(isThere ? 'whole' : 'absent')
          expect(held(cluster), `killed after ${dieAfter}`).toEqual(isThere ? WHOLE : {})
          expect(await routed(cluster)).toEqual([isThere ? ALL_BROKERS : ''])
          expect(await codeOf(create(cluster))).toBe(isThere ? 'TOPIC_EXISTS' : 'done')
          expect(held(cluster)).toEqual(WHOLE)
          expect(birthIds(cluster).length).toBe(1)
        },
      )
      // Both were seen, so the kills were spread over the whole of it.
      expect([...outcomes].sort()).toEqual(['absent', 'whole'])
      expect(steps).toBeGreaterThanOrEqual(7)
    })
  }

  test('R49: a retry at once, before the brokers have told each other, makes the rest', async () => {
    const cluster = await startCluster(SEED)
    // Never by itself.
    const fate = { dieAfter: 1_000, of: 'answers', seed: 1 } as const
    const mortal = mortalClient(cluster, { hostName: '10.0.4.1', ...fate })
    cluster.network.cut({ from: '10.0.4.1', to: hostOf('broker-b') })
    cluster.network.cut({ from: '10.0.4.1', to: hostOf('broker-c') })
    void new Admin(mortal.client).topics
      .create({ topic: TOPIC, queueCount: QUEUE_COUNT })
      .catch(() => {})
    await cluster.clock.runUntil(
      () => 'broker-a' in held(cluster),
      10_000,
      'the first part of the topic',
    )
    await cluster.clock.advance(100)
    mortal.kill()
    expect(held(cluster)).toEqual({ 'broker-a': 3 })
    const admin = new Admin(cluster.client())
    const shown = await cluster.clock.runFor(admin.topics.show(TOPIC), 10_000)
    expect(shown.value.missing).toEqual([
      { brokerName: 'broker-b', queueCount: 3 },
      { brokerName: 'broker-c', queueCount: 2 },
    ])
    // Not what was half made, but something else: that exists already.
    const other = admin.topics.create({ topic: TOPIC, queueCount: 2 })
    expect(await codeOf(cluster.clock.runFor(other, 10_000))).toBe('TOPIC_EXISTS')
    expect(await codeOf(create(cluster))).toBe('done')
    expect(held(cluster)).toEqual(WHOLE)
    expect(birthIds(cluster).length).toBe(1)
  })

  test('R49: a broker that dies during the creation makes its part when it is back', async () => {
    const cluster = await startCluster(SEED)
    const admin = new Admin(cluster.client())
    const made = admin.topics.create({ topic: TOPIC, queueCount: QUEUE_COUNT })
    // It is in the plan, and gone before it is told.
    await cluster.clock.run({ untilMs: cluster.clock.monoMs() + 3 })
    cluster.broker('broker-c').process.kill()
    const { failures } = await cluster.clock.runFor(made, 30_000)
    expect(failures.length).toBeGreaterThan(0)
    await cluster.clock.advance(60_000)
    await restart(cluster, 'broker-c')
    await cluster.clock.advance(5_000)
    expect(held(cluster)).toEqual(WHOLE)
    expect(await routed(cluster)).toEqual([ALL_BROKERS])
  })
})

test('R50: a broker that gets the topic by a change, or misses one, is named and buries it like the others', async () => {
  const cluster = await startCluster(SEED)
  const admin = new Admin(cluster.client())
  const run = <T>(work: Promise<T>): Promise<T> => cluster.clock.runFor(work, 30_000)
  await run(admin.topics.create({ topic: TOPIC, queueCount: 2 }))
  expect(held(cluster)).toEqual({ 'broker-a': 1, 'broker-b': 1 })
  await run(admin.topics.alter({ topic: TOPIC, queueCount: 3 }))
  await run(admin.topics.alter({ topic: TOPIC, permission: 4 }))
  expect(held(cluster)).toEqual({ 'broker-a': 1, 'broker-b': 1, 'broker-c': 1 })
  expect(birthIds(cluster).length).toBe(1)
  cluster.broker('broker-b').process.kill()
  await cluster.clock.advance(1_000)
  const { failures } = await remove(cluster)
  expect(failures.map(({ peer }) => peer)).toEqual(['broker-b'])
  await restart(cluster, 'broker-b')
  await cluster.clock.advance(1_000)
  expect(held(cluster)).toEqual({})
})

describe('R50: deleting', () => {
  for (const of of ['requests', 'answers'] as const) {
    test(`R50: the coordinator is killed after each of its ${of}: the topic is whole or gone, and a retry ends it`, async () => {
      const outcomes = new Set<string>()
      const steps = await killedAfterEach(
        of,
        create,
        (admin) => admin.topics.delete(TOPIC),
        async (cluster, dieAfter) => {
          const isThere = Object.keys(held(cluster)).length > 0
          outcomes.add(isThere ? 'whole' : 'gone')
          expect(held(cluster), `killed after ${dieAfter}`).toEqual(isThere ? WHOLE : {})
          expect(await routed(cluster)).toEqual([isThere ? ALL_BROKERS : ''])
          expect(await codeOf(remove(cluster))).toBe(isThere ? 'done' : 'TOPIC_NOT_FOUND')
          expect(held(cluster)).toEqual({})
          expect(await routed(cluster)).toEqual([''])
        },
      )
      expect([...outcomes].sort()).toEqual(['gone', 'whole'])
      expect(steps).toBeGreaterThanOrEqual(9)
    })
  }

  test('R50: with one broker of three told, the nameservers hide all of it at once, and a retry at once ends it', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    const mortal = mortalClient(cluster, {
      hostName: '10.0.4.1',
      dieAfter: 99,
      of: 'answers',
      seed: 1,
    })
    const deletion = new Admin(mortal.client).topics.delete(TOPIC)
    deletion.catch(() => {})
    // Until every broker has said what it has; then only one can be reached.
    await cluster.clock.runUntil(
      () => Object.keys(held(cluster)).length < 3,
      5_000,
      'the first burial',
    )
    mortal.kill()
    await cluster.clock.advance(100)
    expect(await routed(cluster)).toEqual([''])
    expect(['done', 'TOPIC_NOT_FOUND']).toContain(await codeOf(remove(cluster)))
    expect(held(cluster)).toEqual({})
  })

  test('R50: from then on sends and pulls are refused with TOPIC_NOT_EXIST, parked pulls at once', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    const producer = new Producer(cluster.client(), { retries: 0 })
    await cluster.clock.runFor(producer.send({ topic: TOPIC, body: Buffer.from('1') }), 5_000)
    await remove(cluster)
    const sent = cluster.clock.runFor(
      producer.send({ topic: TOPIC, body: Buffer.from('2') }).catch((error) => error),
      30_000,
    )
    const error = (await sent) as MqError
    expect(error.code).toBe('TOPIC_NOT_FOUND')
    await cluster.clock.runFor(producer.close(), 5_000)
  })

  for (const isNameserversRestarted of [false, true]) {
    const also = isNameserversRestarted ? ', also if the nameservers restarted meanwhile' : ''
    test(`R50: a broker that was away is named, and does not bring the topic back${also}`, async () => {
      const cluster = await startCluster(SEED)
      await create(cluster)
      cluster.broker('broker-b').process.kill()
      await cluster.clock.advance(1_000)
      const { value, failures } = await remove(cluster)
      expect(value).toEqual(['broker-a', 'broker-c'])
      expect(failures.map(({ peer, error }) => [peer, error.code])).toEqual([
        ['broker-b', 'UNREACHABLE'],
      ])
      if (isNameserversRestarted) {
        await restartNameservers(cluster)
        await cluster.clock.advance(SETTLE_MS)
      }
      await restart(cluster, 'broker-b')
      // Even before it has carried out what it was told, nobody is sent there.
      expect(await routed(cluster)).toEqual([''])
      await cluster.clock.advance(1_000)
      expect(held(cluster)).toEqual({})
      expect(cluster.broker('broker-b').broker.state.tombstones.list.length).toBeGreaterThan(0)
      await cluster.clock.advance(2 * SETTLE_MS)
      expect(await routed(cluster)).toEqual([''])
    })
  }

  test('R50: a frozen broker is named and buries the topic when it thaws', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    cluster.broker('broker-b').process.freeze()
    const { failures } = await remove(cluster)
    expect(failures.map(({ peer }) => peer)).toContain('broker-b')
    cluster.broker('broker-b').process.thaw()
    await cluster.clock.advance(SETTLE_MS)
    expect(held(cluster)).toEqual({})
    expect(await routed(cluster)).toEqual([''])
  })

  test('R50: topics that nobody gave an id are buried just so: made by tools, by sends, or added later', async () => {
    const cluster = await startCluster(SEED)
    await cluster.createTopicOn('broker-a', TOPIC, 4)
    await cluster.createTopicOn('broker-b', TOPIC, 4)
    expect(birthIds(cluster).length).toBe(1)
    cluster.broker('broker-b').process.kill()
    await cluster.clock.advance(1_000)
    await remove(cluster)
    await restart(cluster, 'broker-b')
    await cluster.clock.advance(1_000)
    expect(held(cluster)).toEqual({})
    // The next one of that name is another one, again the same on both brokers.
    await cluster.createTopicOn('broker-a', TOPIC, 2)
    await cluster.createTopicOn('broker-b', TOPIC, 2)
    expect(birthIds(cluster).length).toBe(1)
    await cluster.clock.advance(SETTLE_MS)
    expect(held(cluster)).toEqual({ 'broker-a': 2, 'broker-b': 2 })
  })

  test('R50: the tombstone lasts longer than the broker that knew the topic', async () => {
    const cluster = await startCluster(SEED)
    await create(cluster)
    cluster.broker('broker-b').process.kill()
    await cluster.clock.advance(1_000)
    await remove(cluster)
    // Those that had it go; one that never had it, and joined later, knows of the deletion.
    await cluster.addBroker('broker-d', '10.0.2.9')
    await cluster.clock.advance(SETTLE_MS)
    for (const name of ['broker-a', 'broker-c']) cluster.broker(name).process.kill()
    await restartNameservers(cluster)
    await cluster.clock.advance(SETTLE_MS)
    await restart(cluster, 'broker-b')
    await cluster.clock.advance(1_000)
    expect(cluster.broker('broker-b').broker.state.topics.has(TOPIC)).toBe(false)
    expect(await routed(cluster)).toEqual([''])
  })
})
