// Goal: nameservers that see different brokers (R11 to R13, R19) cost balance, never messages, and agree
// again once they can. Method: the real nodes under virtual time; one direction between one broker and
// one nameserver is cut, in silence, as a broken switch would.

import { expect, test } from 'bun:test'
import { Client } from '../../src/client/client.ts'
import { Producer } from '../../src/client/producer.ts'
import { seededRandom } from '../../src/core/random.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'

const SEED = 1_113

/** A producer that asks one nameserver only, and counts where its messages went. */
class LoyalProducer {
  readonly sent = new Map<string, number>()
  readonly failures: string[] = []
  readonly #producer: Producer
  readonly #cluster: VirtualCluster

  constructor(cluster: VirtualCluster, nameserver: string, hostName: string) {
    this.#cluster = cluster
    const client = new Client({
      ...cluster.client().options,
      nameservers: [nameserver],
      network: cluster.network.host(hostName),
      random: seededRandom(SEED + hostName.length),
      host: hostName,
    })
    this.#producer = new Producer(client, { batchMessagesMax: 1 })
  }

  async send(count: number): Promise<void> {
    const sends = Array.from({ length: count }, (_, i) =>
      this.#producer.send({ topic: 'orders', body: Buffer.from(String(i)) }).then(
        ({ brokerName }) => this.sent.set(brokerName, (this.sent.get(brokerName) ?? 0) + 1),
        (error) => this.failures.push(String(error)),
      ),
    )
    await this.#cluster.clock.runFor(Promise.all(sends), 30_000)
  }
}

async function splitCluster(): Promise<VirtualCluster> {
  const cluster = await VirtualCluster.start(SEED)
  // What broker-b sends never reaches the second nameserver; nobody is told.
  cluster.network.cut({ from: '10.0.2.2', to: '10.0.1.2' })
  await cluster.clock.advance(140_000)
  return cluster
}

async function views(cluster: VirtualCluster): Promise<string[][]> {
  const all: string[][] = []
  for (const node of cluster.nameservers) all.push(await cluster.route(node, 'orders'))
  return all
}

test('R12: nameservers that do not talk to each other differ, each for its own reason', async () => {
  const cluster = await splitCluster()
  expect(await views(cluster)).toEqual([['broker-a', 'broker-b'], ['broker-a']])
})

test('R11: not one frame goes between nameservers', async () => {
  const cluster = await splitCluster()
  const hosts = cluster.nameservers.map(({ process }) => process.hostName)
  for (const node of cluster.nameservers) {
    expect(node.arrivals.length).toBeGreaterThan(0)
    expect(node.arrivals.filter(({ fromHost }) => hosts.includes(fromHost))).toEqual([])
  }
})

test('R13: producers with different views lose nothing, only the balance; it is back after healing', async () => {
  const cluster = await splitCluster()
  const [first, second] = cluster.nameservers
  if (first === undefined || second === undefined) throw new Error('no nameservers')
  const p1 = new LoyalProducer(cluster, first.address, '10.0.4.1')
  const p2 = new LoyalProducer(cluster, second.address, '10.0.4.22')
  await p1.send(800)
  await p2.send(800)
  expect([p1.failures, p2.failures]).toEqual([[], []])
  const at = (name: string): number => (p1.sent.get(name) ?? 0) + (p2.sent.get(name) ?? 0)
  expect(at('broker-a')).toBeWithin(1_190, 1_211)
  expect(at('broker-b')).toBeWithin(390, 411)

  cluster.network.heal({ from: '10.0.2.2', to: '10.0.1.2' })
  // A heartbeat of the broker, then a route pull of the client.
  await cluster.clock.advance(65_000)
  p1.sent.clear()
  p2.sent.clear()
  await p1.send(800)
  await p2.send(800)
  expect([p1.failures, p2.failures]).toEqual([[], []])
  expect(at('broker-a')).toBeWithin(790, 811)
})

test('R19: after any mix of cuts, all views agree within a heartbeat and a scan', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seededRandom(seed)
    const cluster = await VirtualCluster.start(seed)
    const directions: { from: string; to: string }[] = []
    for (const broker of ['10.0.2.1', '10.0.2.2']) {
      for (const nameserver of ['10.0.1.1', '10.0.1.2']) {
        directions.push({ from: broker, to: nameserver }, { from: nameserver, to: broker })
      }
    }
    for (let round = 0; round < 4; round++) {
      for (const direction of directions) {
        if (random.below(3) === 0) cluster.network.cut(direction)
        else cluster.network.heal(direction)
      }
      await cluster.clock.advance(random.below(200_000))
    }
    for (const direction of directions) cluster.network.heal(direction)
    await cluster.clock.advance(45_000)
    expect(await views(cluster), `seed ${seed}`).toEqual([
      ['broker-a', 'broker-b'],
      ['broker-a', 'broker-b'],
    ])
  }
})
