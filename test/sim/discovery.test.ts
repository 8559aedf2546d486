// Goal: a cluster whose nameservers change while messages flow does not notice (R32, R33): no send
// fails, brokers and clients end up at the new nameservers, nobody is restarted. Method: real nodes in
// one thread under virtual time, a name service of one table, a producer that does not retry.

import { expect, test } from 'bun:test'
import type { Client } from '../../src/client/client.ts'
import { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { SeedList } from '../../src/remoting/seed-list.ts'
import { NameTable } from '../support/name-table.ts'
import { recordingLogger } from '../support/quiet-logger.ts'
import { SteadyProducer } from '../support/steady-producer.ts'

const SEED = 2_026
const NAME = 'dns:mq.test:9876'

interface World {
  cluster: VirtualCluster
  names: NameTable
  /** A client that follows the name, as every command does. */
  client: Client
  seeds: SeedList
}

async function start(): Promise<World> {
  const cluster = new VirtualCluster(SEED)
  const names = new NameTable()
  cluster.resolver = names
  for (const host of ['10.0.1.1', '10.0.1.2']) await cluster.addNameserver(host)
  names.set('mq.test', ['10.0.1.1', '10.0.1.2'])
  for (const [name, host] of [
    ['broker-a', '10.0.2.1'],
    ['broker-b', '10.0.2.2'],
  ] as const) {
    await cluster.addBroker(name, host, { nameservers: [NAME] })
  }
  await cluster.createTopic('orders', 8)
  const seeds: SeedList = new SeedList({
    resolver: names,
    clock: cluster.clock,
    logger: recordingLogger(cluster.clock).logger,
    onChange: (addresses) => client.routes.setNameservers(addresses),
  })
  const nameservers = (await cluster.clock.runFor(seeds.set([NAME]), 10_000)) as readonly string[]
  const client = cluster.client({ nameservers })
  return { cluster, names, client, seeds }
}

async function stop({ cluster, client, seeds }: World): Promise<void> {
  seeds.stop()
  await cluster.clock.runFor(client.close(), 10_000)
}

/** Without retries: a single failure shows. */
function steadyProducer({ cluster, client }: World): SteadyProducer {
  return new SteadyProducer(cluster, { name: 'm', intervalMs: 20, group: 'p', retries: 0, client })
}

async function brokersAt({ cluster }: World, host: string): Promise<string[]> {
  const node = cluster.nameservers.find(({ address }) => address === `${host}:9876`)
  return node === undefined ? [] : cluster.route(node, 'orders')
}

test('R33: both addresses of a name are found, a third is used after the time to live', async () => {
  const world = await start()
  const { cluster, names, client } = world
  for (const host of ['10.0.1.1', '10.0.1.2']) {
    expect(await brokersAt(world, host)).toEqual(['broker-a', 'broker-b'])
  }
  await cluster.addNameserver('10.0.1.3')
  names.set('mq.test', ['10.0.1.1', '10.0.1.2', '10.0.1.3'])
  await cluster.clock.advance(10_500)
  expect(await brokersAt(world, '10.0.1.3')).toEqual(['broker-a', 'broker-b'])
  expect(client.nameservers).toEqual(['10.0.1.1:9876', '10.0.1.2:9876', '10.0.1.3:9876'])
  await stop(world)
})

test('R33: all nameservers are replaced under load, and no send fails', async () => {
  const world = await start()
  const { cluster, names, client } = world
  const producer = steadyProducer(world)
  await cluster.clock.advance(5_000)
  for (const host of ['10.0.1.3', '10.0.1.4']) await cluster.addNameserver(host)
  names.set('mq.test', ['10.0.1.3', '10.0.1.4'])
  await cluster.clock.advance(15_000)
  // The old ones have no broker any more, and nobody asks them.
  expect(await brokersAt(world, '10.0.1.1')).toEqual([])
  for (const host of ['10.0.1.3', '10.0.1.4']) {
    expect(await brokersAt(world, host)).toEqual(['broker-a', 'broker-b'])
  }
  for (const node of cluster.nameservers.slice(0, 2)) node.process.kill()
  await cluster.clock.advance(95_000)
  expect(['10.0.1.3:9876', '10.0.1.4:9876']).toContain(client.routes.nameserver)
  // Someone new finds the brokers through the new ones.
  await cluster.addBroker('broker-c', '10.0.2.3', { nameservers: [NAME] })
  expect(await brokersAt(world, '10.0.1.4')).toEqual(['broker-a', 'broker-b'])
  await producer.stop()
  expect(producer.failures).toEqual([])
  expect(producer.sent.length).toBeGreaterThan(1_000)
  await stop(world)
})

test('R33: the name vanishes: the last good list stays, and messages flow', async () => {
  const world = await start()
  const { cluster, names } = world
  const producer = steadyProducer(world)
  names.remove('mq.test')
  await cluster.clock.advance(120_000)
  for (const host of ['10.0.1.1', '10.0.1.2']) {
    expect(await brokersAt(world, host)).toEqual(['broker-a', 'broker-b'])
  }
  await producer.stop()
  expect(producer.failures).toEqual([])
  const said = cluster.complaints.filter((line) => line.includes('cannot look up'))
  expect(said.length).toBe(2)
  await stop(world)
})

test('R32: another list of nameservers under load: no send fails, nobody restarts', async () => {
  const world = await start()
  const { cluster } = world
  const producer = steadyProducer(world)
  const identities = [...cluster.brokers.values()].map(({ broker }) => broker.identity)
  for (const host of ['10.0.1.3', '10.0.1.4']) await cluster.addNameserver(host)
  for (const nameservers of [
    ['10.0.1.1:9876', '10.0.1.3:9876'],
    ['10.0.1.3:9876', '10.0.1.4:9876'],
    ['10.0.1.4:9876', '10.0.1.99:9876'],
  ]) {
    for (const { broker } of cluster.brokers.values()) {
      await cluster.clock.runFor(broker.reconfigure({ nameservers }), 10_000)
    }
    await cluster.clock.advance(40_000)
  }
  expect(await brokersAt(world, '10.0.1.4')).toEqual(['broker-a', 'broker-b'])
  for (const host of ['10.0.1.1', '10.0.1.2', '10.0.1.3']) {
    expect(await brokersAt(world, host)).toEqual([])
  }
  await producer.stop()
  expect(producer.failures).toEqual([])
  expect([...cluster.brokers.values()].map(({ broker }) => broker.identity)).toEqual(identities)
  expect(cluster.complaints.some((line) => line.includes('10.0.1.99'))).toBe(true)
  await stop(world)
})
