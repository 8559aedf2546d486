// Goal: whatever the policy, a producer gives a broker that came its share, and one that was drained
// or stopped nothing more, within one pull of the route, or at once where routes are watched (R30).
// Method: the real nodes under virtual time with the default numbers; what each broker acknowledged
// is counted in the ten seconds after the producer had to know.

import { expect, test } from 'bun:test'
import { drainBroker } from '../../src/client/drain.ts'
import type { PolicyChoice } from '../../src/client/producer-options.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { SteadyProducer } from '../support/steady-producer.ts'

const SEED = 30
const WINDOW_MS = 10_000
const PULLED_MS = 30_500
const WATCHED_MS = 1_000
const KEY_COUNT = 600

interface Case {
  policy: PolicyChoice
  /** Of 1, before and after broker-c joins broker-a and broker-b, which have as many queues each. */
  before: Record<string, number>
  after: Record<string, number>
  /** Round robin is exact; keys fall where they fall. */
  tolerance: number
}

const EVEN = {
  before: { 'broker-a': 1 / 2, 'broker-b': 1 / 2 },
  after: { 'broker-a': 1 / 3, 'broker-b': 1 / 3, 'broker-c': 1 / 3 },
}

const CASES: Case[] = [
  { policy: { kind: 'round-robin' }, ...EVEN, tolerance: 0.02 },
  {
    policy: { kind: 'weighted', weights: { 'broker-a': 2 } },
    before: { 'broker-a': 2 / 3, 'broker-b': 1 / 3 },
    after: { 'broker-a': 2 / 4, 'broker-b': 1 / 4, 'broker-c': 1 / 4 },
    tolerance: 0.02,
  },
  { policy: { kind: 'key-hash' }, ...EVEN, tolerance: 0.1 },
  { policy: { kind: 'consistent-hash' }, ...EVEN, tolerance: 0.15 },
]

async function start(
  policy: PolicyChoice,
  watchesRoutes: boolean,
): Promise<{ cluster: VirtualCluster; producer: SteadyProducer; shares: Shares }> {
  const cluster = await VirtualCluster.start(SEED)
  const producer = new SteadyProducer(cluster, {
    name: 'p',
    intervalMs: 5,
    policy,
    client: cluster.client({ watchesRoutes }),
    keyOf: (count) => `key-${count % KEY_COUNT}`,
  })
  const shares = async (): Promise<Record<string, number>> => {
    const fromMs = cluster.clock.monoMs()
    await cluster.clock.advance(WINDOW_MS)
    const counts = producer.countsBetween(fromMs, cluster.clock.monoMs())
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    return Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, n / total]))
  }
  await cluster.clock.advance(3_000)
  return { cluster, producer, shares }
}

type Shares = () => Promise<Record<string, number>>

function expectShares(
  seen: Record<string, number>,
  wanted: Record<string, number>,
  tolerance: number,
): void {
  expect(Object.keys(seen).sort()).toEqual(Object.keys(wanted).sort())
  for (const [name, share] of Object.entries(wanted)) {
    const distance = Math.abs((seen[name] ?? 0) - share)
    expect(distance, `${name}: ${JSON.stringify(seen)}`).toBeLessThan(tolerance)
  }
}

for (const watchesRoutes of [false, true]) {
  const knownMs = watchesRoutes ? WATCHED_MS : PULLED_MS
  const how = watchesRoutes ? 'at once with watch' : 'within one pull'

  for (const { policy, before, after, tolerance } of CASES) {
    test(`R30: ${policy.kind}: a broker that joins and one that is drained, ${how}`, async () => {
      const { cluster, producer, shares } = await start(policy, watchesRoutes)
      expectShares(await shares(), before, tolerance)
      await cluster.addBroker('broker-c', '10.0.2.3')
      await cluster.createTopicOn('broker-c', 'orders', 4)
      await cluster.clock.advance(knownMs)
      expectShares(await shares(), after, tolerance)

      const drained = drainBroker(cluster.client(), { brokerName: 'broker-c', limitMs: 300_000 })
      await cluster.clock.advance(knownMs)
      expectShares(await shares(), before, tolerance)
      expect((await cluster.clock.runFor(drained, 300_000)).isDrained).toBe(true)
      await cluster.clock.runFor(cluster.broker('broker-c').broker.stop(), 10_000)
      await producer.stop()
      expect(producer.failures).toEqual([])
      expect(producer.producer.stats().retried).toBe(0)
    })

    test(`R30: ${policy.kind}: a broker that is stopped, ${how}`, async () => {
      const { cluster, producer, shares } = await start(policy, watchesRoutes)
      await cluster.clock.runFor(cluster.broker('broker-b').broker.stop(), 10_000)
      await cluster.clock.advance(knownMs)
      expectShares(await shares(), { 'broker-a': 1 }, tolerance)
      await cluster.addBroker('broker-b', '10.0.2.2')
      // The pull that finds it again is up to one interval away.
      await cluster.clock.advance(knownMs)
      expectShares(await shares(), before, tolerance)
      await producer.stop()
      expect(producer.failures).toEqual([])
    })
  }
}
