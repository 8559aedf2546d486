// Goal: a topic gets more or fewer queues under load without a failed or lost message, and in default
// mode with the order of every key kept, whatever the moment and whoever dies (R52 to R57). Method: whole
// clusters under virtual time, several seeds; without the hold the same load shows breaks, so the guard
// can fail.

import { expect, test } from 'bun:test'
import type { ChangeProgressStep } from '../../src/client/change-results.ts'
import { fetchRoute } from '../../src/client/nameserver-calls.ts'
import { changeTopic } from '../../src/client/topic-change.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import type { KeyedLoad } from '../support/keyed-load.ts'
import { change, dieBefore, loadOn, queuesAt, threeBrokers } from '../support/topic-change-world.ts'

const SEEDS = [1, 2, 3, 4]

async function settle(cluster: VirtualCluster, load: KeyedLoad): Promise<void> {
  load.stopSending()
  await cluster.clock.runUntil(() => load.isAllHandled, 600_000, 'all messages')
}

test('R52 R53 R54 R56: 8 to 12 under load: no failed send, every key in order, every queue owned', async () => {
  for (const seed of SEEDS) {
    const cluster = await threeBrokers(seed, 8)
    const load = await loadOn(cluster, seed)
    await cluster.clock.advance(20_000 + 997 * seed)
    const steps: ChangeProgressStep[] = []
    const outcome = await change(cluster, {
      queueCount: 12,
      onStep: ({ step }) => void steps.push(step),
    })
    for (const { address } of cluster.nameservers) {
      expect(await queuesAt(cluster, address), `seed ${seed}`).toEqual([
        [4, 4],
        [4, 4],
        [4, 4],
      ])
    }
    await cluster.clock.advance(60_000)
    expect(load.owned(), `seed ${seed}`).toHaveLength(12)
    expect(new Set(load.owned()).size, `seed ${seed}`).toBe(12)
    await settle(cluster, load)
    expect(load.sendFailures, `seed ${seed}`).toEqual([])
    expect(load.breakCount, `seed ${seed}`).toBe(0)
    expect(outcome.unowned).toEqual([])
    // Held while the backlog of a few seconds was consumed, reported per queue.
    expect(outcome.pauses.length).toBeGreaterThan(4)
    expect(outcome.longestPauseMs, `seed ${seed}`).toBeWithin(1, 20_000)
    expect([...new Set(steps)].slice(0, 4)).toEqual(['prepare', 'own', 'fence', 'drain'])
  }
}, 120_000)

test('R56: --order none breaks the order of keys under the same load, and the count says so', async () => {
  let breakCount = 0
  for (const seed of SEEDS) {
    const cluster = await threeBrokers(seed, 8)
    const load = await loadOn(cluster, seed)
    await cluster.clock.advance(20_000 + 997 * seed)
    await change(cluster, { queueCount: 12, order: 'none' })
    await cluster.clock.advance(60_000)
    await settle(cluster, load)
    expect(load.sendFailures).toEqual([])
    breakCount += load.breakCount
  }
  expect(breakCount).toBeGreaterThan(10)
}, 120_000)

test('R57: 12 to 8 under load: the four go when every group has read them, nothing lost, keys in order', async () => {
  for (const seed of SEEDS) {
    const cluster = await threeBrokers(seed, 12)
    const load = await loadOn(cluster, seed)
    await cluster.clock.advance(10_000 + 997 * seed)
    const routes: number[][][] = []
    const outcome = await change(cluster, {
      queueCount: 8,
      onStep: ({ step }) => {
        if (step !== 'settle' || routes.length > 0) return
        routes.push([])
        void queuesNow(cluster).then((queues) => {
          routes[0] = queues
        })
      },
    })
    // First closed to writers, still there for readers.
    expect(routes[0], `seed ${seed}`).toEqual([
      [2, 4],
      [3, 4],
      [3, 4],
    ])
    for (const { address } of cluster.nameservers) {
      expect(await queuesAt(cluster, address)).toEqual([
        [2, 2],
        [3, 3],
        [3, 3],
      ])
    }
    expect(outcome.leftBehind).toEqual([])
    await cluster.clock.advance(60_000)
    expect(new Set(load.owned()).size).toBe(8)
    await settle(cluster, load)
    expect(load.sendFailures, `seed ${seed}`).toEqual([])
    expect(load.breakCount, `seed ${seed}`).toBe(0)
  }
}, 120_000)

/** Within a run, where the clock is moved by somebody else. */
async function queuesNow(cluster: VirtualCluster): Promise<number[][]> {
  const client = cluster.client()
  const route = await fetchRoute(client.caller, cluster.nameservers[0]?.address ?? '', 't')
  await client.close()
  const queues = (route?.queues ?? []).map((each) => [each.writeQueueCount, each.readQueueCount])
  return queues.sort()
}

test('R57: whoever leads the change may die between any two steps; the same command completes it', async () => {
  for (const [from, to] of [
    [8, 12],
    [12, 8],
  ] as const) {
    // Every request of the change is one moment to die before.
    for (let dieAfter = 0; ; dieAfter++) {
      const seed = 100 + dieAfter
      const cluster = await threeBrokers(seed, from)
      const load = await loadOn(cluster, seed, {
        producerCount: 2,
        intervalMs: 100,
        handleMs: 300,
      })
      await cluster.clock.advance(15_000)
      const leader = cluster.client()
      const isDead = dieBefore(leader, dieAfter)
      let isDone = false
      const first = changeTopic(leader, { topic: 't', queueCount: to })
      void first.then(() => {
        isDone = true
      })
      await cluster.clock.runUntil(() => isDead() || isDone, 700_000, 'the death of the leader')
      if (!isDead()) {
        expect(dieAfter).toBeGreaterThan(8)
        await first
        break
      }
      // Usable meanwhile: sends go on, and the topic says what it is in.
      await cluster.clock.advance(20_000)
      expect(load.sendFailures, `died before step request ${dieAfter}`).toEqual([])
      const outcome = await change(cluster, { queueCount: to })
      expect(outcome.brokers.map((each) => each.afterCount).reduce((a, b) => a + b)).toBe(to)
      for (const { address } of cluster.nameservers) {
        const queues = await queuesAt(cluster, address)
        expect(
          queues.flat().reduce((a, b) => a + b),
          `died before ${dieAfter}`,
        ).toBe(2 * to)
      }
      await settle(cluster, load)
      expect(load.sendFailures, `died before step request ${dieAfter}`).toEqual([])
      expect(load.breakCount, `died before step request ${dieAfter}`).toBe(0)
    }
  }
}, 240_000)

test('R56: the hold is in the logs of the brokers: it outlasts a crash of all of them', async () => {
  const cluster = await threeBrokers(7, 3)
  const load = await loadOn(cluster, 7, { memberCount: 1, handleMs: 300, intervalMs: 400 })
  await cluster.clock.advance(10_000)
  const leader = cluster.client()
  // Three times prepare, three times fence; nobody is released.
  const isDead = dieBefore(leader, 6)
  void changeTopic(leader, { topic: 't', queueCount: 6 })
  await cluster.clock.runUntil(isDead, 60_000, 'the death of the leader')
  load.stopSending()
  await cluster.clock.advance(20_000)
  const heldAt = load.handledCount
  expect(load.sentCount - heldAt).toBeGreaterThan(0)
  for (const [i, name] of ['broker-a', 'broker-b', 'broker-c'].entries()) {
    cluster.broker(name).process.kill()
    await cluster.addBroker(name, `10.0.2.${i + 1}`)
  }
  await cluster.clock.advance(60_000)
  expect(load.handledCount).toBe(heldAt)
  const outcome = await change(cluster, { queueCount: 6 })
  expect(outcome.isResumed).toBe(true)
  await settle(cluster, load)
  expect(load.breakCount).toBe(0)
})

test('R56: the hold ends by itself when nobody leads the change any more', async () => {
  const cluster = await threeBrokers(8, 3)
  const load = await loadOn(cluster, 8, { memberCount: 1, handleMs: 300, intervalMs: 400 })
  await cluster.clock.advance(10_000)
  const leader = cluster.client()
  const isDead = dieBefore(leader, 6)
  void changeTopic(leader, { topic: 't', queueCount: 6, limitMs: 120_000 })
  await cluster.clock.runUntil(isDead, 60_000, 'the death of the leader')
  load.stopSending()
  await cluster.clock.advance(170_000)
  expect(load.isAllHandled).toBe(false)
  await cluster.clock.advance(30_000)
  expect(load.isAllHandled).toBe(true)
})

test('R56: any policy, clients that poll for routes, and consumers of their own pace', async () => {
  for (const kind of ['key-hash', 'consistent-hash'] as const) {
    const cluster = await threeBrokers(9, 8)
    const load = await loadOn(cluster, 9, {
      policy: { kind },
      client: () => cluster.client({ watchesRoutes: false }),
    })
    await cluster.clock.advance(10_000)
    await change(cluster, { queueCount: 12 })
    await change(cluster, { queueCount: 5, settleMs: 1_000 })
    await settle(cluster, load)
    expect(load.sendFailures, kind).toEqual([])
    expect(load.breakCount, kind).toBe(0)
  }
}, 60_000)

test('R57: a broker that dies in the middle is waited for, or left out by force and made up for later', async () => {
  const cluster = await threeBrokers(10, 3)
  await cluster.clock.advance(1_000)
  const leader = cluster.client()
  const isDead = dieBefore(leader, 7)
  void changeTopic(leader, { topic: 't', queueCount: 6 })
  await cluster.clock.runUntil(isDead, 60_000, 'the death of the leader')
  cluster.broker('broker-c').process.kill()
  await cluster.clock.advance(2_000)
  const client = cluster.client()
  const again = (isForced: boolean): Promise<unknown> =>
    cluster.clock.runFor(
      changeTopic(client, { topic: 't', queueCount: 6, isForced }).catch((error: unknown) => error),
      60_000,
    )
  expect(await again(false)).toMatchObject({ code: 'UNREACHABLE' })
  expect(await again(true)).toMatchObject({ isResumed: true })
  await cluster.addBroker('broker-c', '10.0.2.3')
  expect(await again(false)).toMatchObject({ isResumed: true })
  expect(await again(false)).toMatchObject({ isChanged: false })
  expect(await queuesAt(cluster, '10.0.1.1:9876')).toEqual([
    [2, 2],
    [2, 2],
    [2, 2],
  ])
})

test('R56: keys do not cling to a broker that is lost right after it was added', async () => {
  const cluster = new VirtualCluster(11)
  await cluster.addNameserver('10.0.1.1')
  await cluster.addBroker('broker-a', '10.0.2.1')
  await cluster.createTopic('t', 2)
  const load = await loadOn(cluster, 11, { memberCount: 0 })
  await cluster.clock.advance(5_000)
  await cluster.addBroker('broker-b', '10.0.2.2')
  await change(cluster, { queueCount: 4 })
  await cluster.clock.advance(5_000)
  cluster.broker('broker-b').process.kill()
  await cluster.clock.advance(130_000)
  const failedCount = load.sendFailures.length
  await cluster.clock.advance(60_000)
  load.stopSending()
  expect(load.sendFailures.length).toBe(failedCount)
})
