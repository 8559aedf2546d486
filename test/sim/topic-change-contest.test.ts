// Goal: changes of one topic that meet, and changes that lost a broker or their leader for good, always
// have a way forward, without a break of the order of keys while all brokers live (R52, R56, R57). Method:
// whole clusters under virtual time; two leaders at many distances from each other, each of which may die.

import { expect, test } from 'bun:test'
import { takeStep } from '../../src/client/change-calls.ts'
import { findScope } from '../../src/client/change-scope.ts'
import type { Client } from '../../src/client/client.ts'
import { changeTopic } from '../../src/client/topic-change.ts'
import type { MqError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import {
  change,
  dieBefore,
  loadOn,
  queuesAt,
  quickChange,
  threeBrokers,
} from '../support/topic-change-world.ts'

/** Repeats a command as people do; the number of times it took. */
async function insist(cluster: VirtualCluster, queueCount: number): Promise<number> {
  for (let i = 1; ; i++) {
    const failure = await quickChange(cluster, { queueCount }).then(
      () => null,
      (error: MqError) => error,
    )
    if (failure === null) return i
    if (i === 3) throw failure
  }
}

async function sumOf(cluster: VirtualCluster): Promise<number> {
  const queues = await queuesAt(cluster, '10.0.1.1:9876')
  return queues.flat().reduce((a, b) => a + b, 0) / 2
}

test('R57: two changes at once, whose leaders may die: one of them can be completed, then the other, and keys stay in order', async () => {
  let overruledCount = 0
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const cluster = await threeBrokers(seed, 8)
    const load = await loadOn(cluster, seed, {
      producerCount: 2,
      intervalMs: 200,
      handleMs: 300,
      memberCount: 1,
    })
    await cluster.clock.advance(5_000)
    let endedCount = 0
    const dead: (() => boolean)[] = []
    for (const queueCount of [10, 6]) {
      const leader = cluster.client()
      // Half of them live on.
      dead.push(dieBefore(leader, random.below(2) === 0 ? 1_000 : 1 + random.below(9)))
      void changeTopic(leader, { topic: 't', queueCount, settleMs: 1_000 }).then(
        () => endedCount++,
        (error: MqError) => {
          endedCount++
          if (error.message.includes('another change')) overruledCount++
        },
      )
      // From one request of the first one to all of them.
      if (queueCount === 10) await cluster.clock.advance(random.float() ** 4 * 2_000)
    }
    const isOver = (): boolean => endedCount + dead.filter((isDead) => isDead()).length >= 2
    await cluster.clock.runUntil(isOver, 700_000, 'both leaders')
    // The one that is past its fence comes first, and says so to the other.
    const order = seed % 2 === 0 ? [6, 10] : [10, 6]
    for (const queueCount of order) {
      const refusal = await insist(cluster, queueCount).then(
        () => null,
        (error: MqError) => error,
      )
      if (refusal === null) continue
      expect(refusal.hint, `seed ${seed}`).toContain('complete that first')
      const other = queueCount === 6 ? 10 : 6
      expect(await insist(cluster, other), `seed ${seed}`).toBe(1)
      expect(await insist(cluster, queueCount), `seed ${seed}`).toBe(1)
    }
    const last = order[1] as number
    expect(await sumOf(cluster), `seed ${seed}`).toBe(last)
    load.stopSending()
    await cluster.clock.runUntil(() => load.isAllHandled, 600_000, `all messages of seed ${seed}`)
    expect(load.sendFailures, `seed ${seed}`).toEqual([])
    expect(load.breakCount, `seed ${seed}`).toBe(0)
  }
  expect(overruledCount).toBeGreaterThan(3)
}, 120_000)

test('R57: brokers that were prepared for different changes: either command completes', async () => {
  for (const queueCount of [10, 6]) {
    const cluster = await threeBrokers(1, 8)
    const client = cluster.client()
    const prepare = async (count: number, brokerName: string): Promise<void> => {
      const wanted = { topic: 't', queueCount: count, order: 'drain', holdMs: 60_000 } as const
      const { plan } = await findScope(client, wanted)
      const { address } = cluster.broker(brokerName)
      await takeStep(client.caller, address, {
        topic: 't',
        step: 'prepare',
        plan: { ...plan, attempt: 1 },
      })
    }
    await cluster.clock.runFor(prepare(6, 'broker-a'), 10_000)
    await cluster.clock.runFor(prepare(10, 'broker-b'), 10_000)
    expect(await quickChange(cluster, { queueCount })).toMatchObject({ isChanged: true })
    expect(await sumOf(cluster)).toBe(queueCount)
  }
})

/** The client's next change request after so many waits to be let go. */
function pauseBefore(
  client: Client,
  requestCount: number,
): { isPaused: () => boolean; goOn: () => void } {
  const { channels } = client
  const call = channels.call.bind(channels)
  const gate = Promise.withResolvers<void>()
  let leftCount = requestCount
  channels.call = async (address, code, options) => {
    if (code === REQUEST.changeQueues && leftCount-- <= 0) await gate.promise
    return call(address, code, options)
  }
  return { isPaused: () => leftCount < 0, goOn: () => gate.resolve() }
}

test('R56 R57: a change that came too late to take the place of another touches no broker of it', async () => {
  const cluster = await threeBrokers(3, 3)
  const load = await loadOn(cluster, 3, { producerCount: 2, intervalMs: 100, handleMs: 150 })
  await cluster.clock.advance(5_000)
  const first = cluster.client()
  // Three times prepare, one fence.
  const isDead = dieBefore(first, 4)
  const firstGate = pauseBefore(first, 3)
  void changeTopic(first, { topic: 't', queueCount: 12 })
  await cluster.clock.runUntil(firstGate.isPaused, 60_000, 'all to be prepared')
  const second = cluster.client()
  const secondGate = pauseBefore(second, 0)
  const late = changeTopic(second, { topic: 't', queueCount: 6 }).catch((error: MqError) => error)
  await cluster.clock.runUntil(secondGate.isPaused, 60_000, 'the second to have looked')
  firstGate.goOn()
  await cluster.clock.runUntil(isDead, 60_000, 'the death of the first')
  secondGate.goOn()
  expect(await cluster.clock.runFor(late, 60_000)).toMatchObject({
    code: 'PARTIAL',
    message: expect.stringContaining('came first on broker broker-a'),
  })
  for (const { broker } of cluster.brokers.values()) {
    expect(broker.state.topics.get('t')?.change?.after.queues).toBe(
      'broker-a:4;broker-b:4;broker-c:4',
    )
  }
  expect(await insist(cluster, 12)).toBe(1)
  load.stopSending()
  await cluster.clock.runUntil(() => load.isAllHandled, 600_000, 'all messages')
  expect(load.sendFailures).toEqual([])
  expect(load.breakCount).toBe(0)
})

test('R57: the newer command takes the place of a change that nobody is past the fence of', async () => {
  const cluster = await threeBrokers(2, 8)
  const load = await loadOn(cluster, 2)
  await cluster.clock.advance(5_000)
  // It waits for consumers to take the new queues.
  const leader = cluster.client()
  const first = changeTopic(leader, { topic: 't', queueCount: 12 }).catch((error: MqError) => error)
  await cluster.clock.advance(20)
  // To the number it has: a cancellation.
  expect(await quickChange(cluster, { queueCount: 8 })).toMatchObject({ isChanged: true })
  expect(await cluster.clock.runFor(first, 60_000)).toMatchObject({
    code: 'PARTIAL',
    message: expect.stringContaining('another change of topic t came first'),
  })
  expect(await queuesAt(cluster, '10.0.1.1:9876')).toEqual([
    [2, 2],
    [3, 3],
    [3, 3],
  ])
  load.stopSending()
  await cluster.clock.runUntil(() => load.isAllHandled, 600_000, 'all messages')
  expect(load.sendFailures).toEqual([])
  expect(load.breakCount).toBe(0)
})

test('R56: a broker and the leader lost for good: when the hold is over keys go to the brokers that are left', async () => {
  // Dead before anybody is fenced, after the first, and after all of them.
  for (const requestCount of [3, 4, 6]) {
    const cluster = await threeBrokers(20 + requestCount, 3)
    const load = await loadOn(cluster, requestCount, {
      memberCount: 0,
      producerCount: 1,
      intervalMs: 250,
    })
    await cluster.clock.advance(5_000)
    const leader = cluster.client()
    const isDead = dieBefore(leader, requestCount)
    void changeTopic(leader, { topic: 't', queueCount: 6, limitMs: 120_000, settleMs: 1_000 })
    await cluster.clock.runUntil(isDead, 60_000, 'the death of the leader')
    cluster.broker('broker-c').process.kill()
    await cluster.clock.advance(150_000)
    const stuckCount = load.sendFailures.length
    // The limit, a minute, the look at the clock, and what was under way.
    await cluster.clock.advance(60_000)
    const failedCount = load.sendFailures.length
    expect(failedCount, `${requestCount} requests`).toBeGreaterThan(stuckCount)
    await cluster.clock.advance(60_000)
    load.stopSending()
    expect(load.sendFailures.length, `${requestCount} requests`).toBe(failedCount)
    expect(await quickChange(cluster, { queueCount: 6 })).toMatchObject({ isResumed: false })
    expect(await queuesAt(cluster, '10.0.1.1:9876')).toEqual([
      [3, 3],
      [3, 3],
    ])
  }
})

test('R57: a change goes on at once without a broker that is said to be lost, if it does not answer', async () => {
  for (const requestCount of [2, 3, 4, 6]) {
    const cluster = await threeBrokers(30 + requestCount, 3)
    const load = await loadOn(cluster, requestCount, { memberCount: 0 })
    await cluster.clock.advance(2_000)
    const leader = cluster.client()
    const isDead = dieBefore(leader, requestCount)
    void changeTopic(leader, { topic: 't', queueCount: 6, settleMs: 1_000 })
    await cluster.clock.runUntil(isDead, 60_000, 'the death of the leader')
    const without = { queueCount: 6, lostBrokers: ['broker-a'] }
    expect(await quickChange(cluster, without).catch((error: unknown) => error)).toMatchObject({
      code: 'NO_PERMISSION',
      message: 'broker broker-a is not lost: it answers',
    })
    cluster.broker('broker-a').process.kill()
    await cluster.clock.advance(1_000)
    const failure = await quickChange(cluster, { queueCount: 6 }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'UNREACHABLE' })
    expect((failure as MqError).hint).toContain('--without')
    await quickChange(cluster, without)
    // A change that was past its fence ends as it was planned; the next one shares out what it had.
    await quickChange(cluster, without)
    await cluster.clock.advance(5_000)
    const failedCount = load.sendFailures.length
    await cluster.clock.advance(10_000)
    load.stopSending()
    expect(load.sendFailures.length, `${requestCount} requests`).toBe(failedCount)
    expect(await queuesAt(cluster, '10.0.1.1:9876')).toEqual([
      [3, 3],
      [3, 3],
    ])
    // Against all hope it comes back, with its part of the change in its log.
    await cluster.addBroker('broker-a', '10.0.2.1')
    await change(cluster, { queueCount: 6, settleMs: 1_000 })
    expect(await queuesAt(cluster, '10.0.1.1:9876')).toEqual([
      [2, 2],
      [2, 2],
      [2, 2],
    ])
  }
})
