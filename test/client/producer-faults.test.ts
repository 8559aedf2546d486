// Goal: what happens to sends while a broker is gone but still in the route (R8), how retries (R9) and
// fault avoidance (R10) answer that, and what differing nameservers do to the balance (R13).
// Method: a producer at 100 sends a second against fake brokers; one is killed and the trace counted.

import { expect, test } from 'bun:test'
import { Producer } from '../../src/client/producer.ts'
import type { ProducerOptions, SendAttempt } from '../../src/client/producer-options.ts'
import { FakeCluster, fakeCluster } from '../support/fake-cluster.ts'

interface Outcome {
  attempts: (SendAttempt & { atMs: number })[]
  failedAtMs: number[]
  killedMs: number
  endMs: number
}

/** 100 sends a second for `durationMs`; broker-b is killed after 5 s. */
async function run(options: ProducerOptions, durationMs = 60_000): Promise<Outcome> {
  const { cluster } = await fakeCluster({ a: 4, b: 4 })
  const outcome: Outcome = { attempts: [], failedAtMs: [], killedMs: 0, endMs: 0 }
  // Pushed routes would end at once what these tests are about.
  const producer = new Producer(cluster.client('c1', { watchesRoutes: false }), {
    ...options,
    onAttempt: (attempt) => outcome.attempts.push({ ...attempt, atMs: cluster.clock.monoMs() }),
  })
  const sends: Promise<unknown>[] = []
  const timer = cluster.clock.every(10, () => {
    const send = producer.send({ topic: 't', body: Buffer.from('x') })
    sends.push(send.catch(() => outcome.failedAtMs.push(cluster.clock.monoMs())))
  })
  await cluster.clock.advance(5_000)
  outcome.killedMs = cluster.clock.monoMs()
  cluster.processes.get('broker-b')!.kill()
  await cluster.clock.advance(durationMs - 5_000)
  timer.cancel()
  await cluster.settle(Promise.all(sends))
  outcome.endMs = cluster.clock.monoMs()
  const stats = producer.stats()
  expect(stats.sent + stats.failed).toBe(sends.length)
  expect(stats.failed).toBe(outcome.failedAtMs.length)
  return outcome
}

test('R8: without retries sends fail, all to the dead broker, until the next pull', async () => {
  const { attempts, failedAtMs, killedMs } = await run({
    retries: 0,
    avoidsFaults: false,
    refreshesRoutes: false,
  })
  expect(failedAtMs.length).toBeGreaterThan(100)
  const failed = attempts.filter((attempt) => attempt.error !== null)
  expect(new Set(failed.map((attempt) => attempt.brokerName))).toEqual(new Set(['broker-b']))
  expect(failed.length).toBe(failedAtMs.length)
  expect(failedAtMs.at(-1)! - killedMs).toBeLessThan(30_100)
})

test('R8: asking for the route after an error closes the window almost at once', async () => {
  const { failedAtMs, killedMs } = await run({ retries: 0, avoidsFaults: false }, 20_000)
  expect(failedAtMs.length).toBeGreaterThan(0)
  expect(failedAtMs.at(-1)! - killedMs).toBeLessThan(200)
})

test('R9: with retries no send fails, and the retries are counted', async () => {
  const { attempts, failedAtMs } = await run({ avoidsFaults: false, refreshesRoutes: false })
  expect(failedAtMs).toEqual([])
  const retries = attempts.filter((attempt) => attempt.attempt > 1)
  expect(retries.length).toBeGreaterThan(100)
  expect(retries.every((attempt) => attempt.brokerName === 'broker-a')).toBe(true)
})

test('R10: after the first failure the dead broker gets at most one attempt per window', async () => {
  // The nameserver is gone as well, so that the route stays stale for the whole run.
  const { cluster } = await fakeCluster({ a: 4, b: 4 })
  const atB: number[] = []
  const producer = new Producer(cluster.client('c1'), {
    onAttempt: ({ brokerName }) => {
      if (brokerName === 'broker-b') atB.push(cluster.clock.monoMs())
    },
  })
  const sends: Promise<unknown>[] = []
  const timer = cluster.clock.every(10, () => {
    sends.push(producer.send({ topic: 't', body: Buffer.from('x') }))
  })
  await cluster.clock.advance(5_000)
  cluster.processes.get('ns1')!.kill()
  cluster.processes.get('broker-b')!.kill()
  const killedMs = cluster.clock.monoMs()
  await cluster.clock.advance(60_000)
  timer.cancel()
  await cluster.settle(Promise.all(sends))
  const late = atB.filter((atMs) => atMs > killedMs)
  expect(late.length).toBeGreaterThanOrEqual(5)
  for (let i = 1; i < late.length; i++) {
    expect(late[i]! - late[i - 1]!).toBeGreaterThanOrEqual(10_000)
  }
  expect(producer.stats().failed).toBe(0)
})

test('R10: without avoidance the dead broker is tried again and again', async () => {
  const { attempts, killedMs } = await run({ avoidsFaults: false, refreshesRoutes: false }, 20_000)
  const atB = attempts.filter(
    ({ brokerName, atMs }) => brokerName === 'broker-b' && atMs > killedMs,
  )
  expect(atB.length).toBeGreaterThan(300)
})

test('R9: a frozen broker costs a third of the time budget, not the send', async () => {
  const { cluster } = await fakeCluster({ a: 1, b: 1 })
  const producer = new Producer(cluster.client('c1'))
  await cluster.settle(
    Promise.all([0, 1].map(() => producer.send({ topic: 't', body: Buffer.from('x') }))),
  )
  cluster.processes.get('broker-b')!.freeze()
  const startedMs = cluster.clock.monoMs()
  const receipts = await cluster.settle(
    Promise.all([0, 1].map(() => producer.send({ topic: 't', body: Buffer.from('x') }))),
  )
  expect(cluster.clock.monoMs() - startedMs).toBeLessThan(1_300)
  expect(receipts.map((receipt) => receipt.brokerName)).toEqual(['broker-a', 'broker-a'])
  expect(receipts.map((receipt) => receipt.attempts).sort()).toEqual([1, 2])
})

test('a broker that is all there is gets some time between attempts', async () => {
  const { cluster, brokers } = await fakeCluster({ a: 1 })
  let refusals = 0
  brokers['a']!.overrides.set(310, () =>
    ++refusals <= 2 ? { code: 2, remark: 'system busy' } : undefined,
  )
  const producer = new Producer(cluster.client('c1'))
  const startedMs = cluster.clock.monoMs()
  const receipt = await cluster.settle(producer.send({ topic: 't', body: Buffer.from('x') }))
  expect(receipt.attempts).toBe(3)
  expect(cluster.clock.monoMs() - startedMs).toBeGreaterThan(450)
})

test('a refusal that no broker would take back is not repeated', async () => {
  const { cluster, brokers } = await fakeCluster({ a: 1, b: 1 })
  for (const broker of Object.values(brokers)) {
    broker.overrides.set(310, () => ({ code: 13, remark: 'the message is illegal' }))
  }
  const producer = new Producer(cluster.client('c1'))
  const error = await cluster.failure(producer.send({ topic: 't', body: Buffer.from('x') }))
  expect(error.message).toContain('after 1 attempt')
  expect(producer.stats()).toMatchObject({ attempts: 1, retried: 0, failed: 1 })
})

test('R13: on nameservers that differ nothing is lost, only the balance suffers', async () => {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  await cluster.addNameserver('ns2')
  const a = await cluster.addBroker('broker-a', { t: { queueCount: 4 } })
  // Broker b cannot reach the second nameserver.
  cluster.network.cut({ from: 'broker-b', to: 'ns2' })
  const starting = cluster.addBroker('broker-b', { t: { queueCount: 4 } })
  const b = await starting
  const producers = ['ns1:9876', 'ns2:9876'].map(
    (nameserver, i) => new Producer(cluster.client(`p${i}`, { nameservers: [nameserver] })),
  )
  const round = (): Promise<unknown> =>
    cluster.settle(
      Promise.all(
        producers.flatMap((producer) =>
          Array.from({ length: 4_000 }, () =>
            producer.send({ topic: 't', body: Buffer.from('x') }),
          ),
        ),
      ),
    )
  await round()
  expect(a.messages('t')).toHaveLength(6_000)
  expect(b.messages('t')).toHaveLength(2_000)

  cluster.network.heal({ from: 'broker-b', to: 'ns2' })
  await cluster.clock.advance(60_200)
  await round()
  expect(a.messages('t')).toHaveLength(10_000)
  expect(b.messages('t')).toHaveLength(6_000)
  expect(producers.map((producer) => producer.stats().failed)).toEqual([0, 0])
})

for (const policy of [
  { kind: 'round-robin' },
  { kind: 'weighted', weights: { 'broker-c': 1 } },
  { kind: 'key-hash' },
  { kind: 'consistent-hash' },
] as const) {
  test(`R30: ${policy.kind} adapts within one pull when brokers come and go`, async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2, b: 2 })
    const counts = new Map<string, number>()
    const producer = new Producer(cluster.client('c1'), {
      policy,
      onAttempt: ({ brokerName, messageCount, error }) => {
        if (error === null) counts.set(brokerName, (counts.get(brokerName) ?? 0) + messageCount)
      },
    })
    const burst = async (): Promise<Map<string, number>> => {
      counts.clear()
      const sends = Array.from({ length: 300 }, (_, i) =>
        producer.send({ topic: 't', body: Buffer.from('x'), key: `k${i}` }),
      )
      await cluster.settle(Promise.all(sends))
      return new Map(counts)
    }
    expect([...(await burst()).keys()].sort()).toEqual(['broker-a', 'broker-b'])
    await cluster.addBroker('broker-c', { t: { queueCount: 2 } })
    await cluster.clock.advance(30_100)
    expect((await burst()).get('broker-c')).toBeGreaterThan(50)
    cluster.processes.get('broker-b')!.kill()
    await cluster.clock.advance(30_100)
    expect((await burst()).has('broker-b')).toBe(false)
    expect(producer.stats().failed).toBe(0)
    expect(brokers['a']!.messages('t').length).toBeGreaterThan(100)
  })
}
