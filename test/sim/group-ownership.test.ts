// Goal: when members see different clusters, `group show` says who really holds what (R14, R16), and after
// healing every queue has one owner, the backlog drains and nothing is lost. Method: the real nodes under
// virtual time; what broker-b sends does not reach the second nameserver, which is all that c2 asks.

import { expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import type { GroupDescription } from '../../src/client/admin-results.ts'
import { Client } from '../../src/client/client.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { Producer } from '../../src/client/producer.ts'
import { seededRandom } from '../../src/core/random.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'

const SEED = 1_114
const GROUP = 'order_consumer'
/** The protocol's own: how often members take queues anew, and how often routes are pulled. */
const REBALANCE_MS = 20_000
const ROUTE_PULL_MS = 30_000
const HEARTBEAT_MS = 30_000
const CUT = { from: '10.0.2.2', to: '10.0.1.2' }

class Group {
  readonly cluster: VirtualCluster
  /** Message → how often it was handled. */
  readonly handled = new Map<string, number>()
  readonly consumers: Consumer[] = []
  readonly #admin: Admin

  constructor(cluster: VirtualCluster) {
    this.cluster = cluster
    this.#admin = new Admin(cluster.client())
  }

  async join(host: string, nameserver: string, tags = '*'): Promise<void> {
    const { cluster } = this
    const client = new Client({
      ...cluster.client().options,
      nameservers: [nameserver],
      network: cluster.network.host(host),
      random: seededRandom(SEED + host.length),
      host,
    })
    const consumer = new Consumer(client, {
      group: GROUP,
      topics: [{ topic: 'orders', tags }],
      from: { kind: 'start' },
      onMessages: (messages) => {
        for (const message of messages) {
          const body = message.body.toString()
          this.handled.set(body, (this.handled.get(body) ?? 0) + 1)
        }
      },
    })
    this.consumers.push(consumer)
    await cluster.clock.runFor(consumer.start(), 60_000)
  }

  async show(): Promise<GroupDescription> {
    const shown = await this.cluster.clock.runFor(this.#admin.groups.show(GROUP), 30_000)
    expect(shown.failures).toEqual([])
    return shown.value
  }
}

/** "c1: broker-a 0 1 2 3" for each member, and for nobody. */
function assignment({ queues }: GroupDescription): string[] {
  const held = new Map<string, string[]>()
  for (const { brokerName, queueId, owners } of queues) {
    for (const owner of owners.length === 0 ? ['nobody'] : owners) {
      const name = `${owner.split('@')[0]}: ${brokerName}`
      held.set(name, [...(held.get(name) ?? []), String(queueId)])
    }
  }
  return [...held].map(([name, ids]) => `${name} ${ids.sort().join(' ')}`).sort()
}

/** c1 sees both brokers, c2 only broker-a. */
async function splitGroup(): Promise<Group> {
  const cluster = await VirtualCluster.start(SEED)
  cluster.network.cut(CUT)
  await cluster.clock.advance(140_000)
  const [first, second] = cluster.nameservers
  const group = new Group(cluster)
  await group.join('c1', first!.address)
  await group.join('c2', second!.address)
  await cluster.clock.advance(REBALANCE_MS)
  return group
}

async function produce(cluster: VirtualCluster, count: number): Promise<void> {
  const producer = new Producer(cluster.client(), { batchMessagesMax: 1 })
  const sends = Array.from({ length: count }, (_, i) =>
    producer.send({ topic: 'orders', body: Buffer.from(`m${i}`) }),
  )
  await cluster.clock.runFor(Promise.all(sends), 30_000)
}

test('R14: c1 sees 8 queues, c2 sees 4: the table shows who holds what, nobody and twice', async () => {
  const group = await splitGroup()
  const shown = await group.show()
  expect(
    shown.members.map(({ clientId, heldQueueCount }) => [clientId.split('@')[0], heldQueueCount]),
  ).toEqual([
    // And one queue each of the group's retry topic on every broker they see.
    ['c1', expect.any(Number)],
    ['c2', expect.any(Number)],
  ])
  expect(assignment(shown)).toEqual([
    'c1: broker-a 0 1 2 3',
    'c2: broker-a 2 3',
    'nobody: broker-b 0 1 2 3',
  ])
  const marked = (ownership: string): string[] =>
    shown.queues
      .filter((queue) => queue.ownership === ownership)
      .map((queue) => `${queue.brokerName}:${queue.queueId}`)
  expect(marked('none')).toEqual(['broker-b:0', 'broker-b:1', 'broker-b:2', 'broker-b:3'])
  expect(marked('several')).toEqual(['broker-a:2', 'broker-a:3'])
  expect([shown.queuesWithoutOwner, shown.queuesWithTwoOwners]).toEqual([4, 2])
})

test('R14: meanwhile broker-b piles up and a:q2, q3 go to both; after healing nothing is lost', async () => {
  const group = await splitGroup()
  const { cluster, handled } = group
  await produce(cluster, 800)
  await cluster.clock.advance(10_000)
  const split = await group.show()
  const lag = (name: string): number =>
    split.queues.filter((queue) => queue.brokerName === name).reduce((sum, q) => sum + q.lag, 0)
  expect([lag('broker-a'), lag('broker-b')]).toEqual([0, 400])
  expect(handled.size).toBe(400)
  expect([...handled.values()].filter((times) => times === 2)).toHaveLength(200)

  cluster.network.heal(CUT)
  // The broker's next heartbeat reaches the nameserver; then "within pull + rebalance".
  await cluster.clock.advance(HEARTBEAT_MS + ROUTE_PULL_MS + REBALANCE_MS)
  const healed = await group.show()
  expect(assignment(healed)).toEqual(['c1: broker-a 0 1 2 3', 'c2: broker-b 0 1 2 3'])
  expect([healed.queuesWithoutOwner, healed.queuesWithTwoOwners]).toEqual([0, 0])
  await cluster.clock.advance(10_000)
  expect((await group.show()).queues.every((queue) => queue.lag === 0)).toBe(true)
  expect(handled.size).toBe(800)
})

test('R16: both numbers are there within one rebalance period of the split, and 0 after healing', async () => {
  const group = await splitGroup()
  // The members joined one rebalance period ago, into a cluster that was already split.
  const shown = await group.show()
  expect(shown.queuesWithoutOwner).toBeGreaterThan(0)
  expect(shown.queuesWithTwoOwners).toBeGreaterThan(0)
  group.cluster.network.heal(CUT)
  await group.cluster.clock.advance(HEARTBEAT_MS + ROUTE_PULL_MS + REBALANCE_MS)
  const healed = await group.show()
  expect([healed.queuesWithoutOwner, healed.queuesWithTwoOwners]).toEqual([0, 0])
})

test('a member that freezes makes its queues unknown, not ownerless; a group offline has idle ones', async () => {
  const cluster = await VirtualCluster.start(SEED)
  const group = new Group(cluster)
  const all = cluster.nameservers[0]!.address
  await group.join('c1', all)
  await group.join('c2', all)
  await cluster.clock.advance(1_000)
  expect((await group.show()).queues.every(({ ownership }) => ownership === 'one')).toBe(true)
  cluster.network.cut({ from: 'c2', to: '10.0.2.1' })
  cluster.network.cut({ from: 'c2', to: '10.0.2.2' })
  const frozen = await group.show()
  const count = (shown: GroupDescription, ownership: string): number =>
    shown.queues.filter((queue) => queue.ownership === ownership).length
  expect([count(frozen, 'one'), count(frozen, 'unknown'), frozen.queuesWithoutOwner]).toEqual([
    4, 4, 0,
  ])
  expect(frozen.members.map(({ heldQueueCount }) => heldQueueCount === null)).toEqual([false, true])
  const expected = frozen.queues.filter(({ ownership }) => ownership === 'unknown')
  expect(expected.every(({ expectedOwner }) => expectedOwner?.startsWith('c2@'))).toBe(true)
  for (const consumer of group.consumers) await cluster.clock.runFor(consumer.close(), 60_000)
  await cluster.clock.advance(150_000)
  const offline = await group.show()
  expect(count(offline, 'idle')).toBe(offline.queues.length)
})

test('members with other tags are told apart, and what only the other wants is skipped', async () => {
  const cluster = await VirtualCluster.start(SEED)
  const group = new Group(cluster)
  const all = cluster.nameservers[0]!.address
  await group.join('c1', all, 'red')
  await group.join('c2', all, 'blue')
  await cluster.clock.advance(REBALANCE_MS)
  const { unequalSubscriptions, members } = await group.show()
  expect(unequalSubscriptions).toEqual([
    {
      topic: 'orders',
      wants: [
        { expression: 'red', clientIds: [expect.stringMatching(/^c1@/)] },
        { expression: 'blue', clientIds: [expect.stringMatching(/^c2@/)] },
      ],
    },
  ])
  expect(members.map((member) => member.subscriptions[0]?.expression)).toEqual(['red', 'blue'])
  // Each broker, once.
  const warned = cluster.complaints.filter((line) => line.includes('subscribe differently'))
  expect(warned).toHaveLength(2)
})
