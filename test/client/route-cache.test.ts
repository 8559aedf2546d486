// Goal: routes are as fresh as promised (R7), survive nameservers that fail or forget (R20), and are
// never mixed. Method: real nameservers, fake brokers, virtual time.

import { describe, expect, test } from 'bun:test'
import { Producer } from '../../src/client/producer.ts'
import { FakeCluster, fakeCluster } from '../support/fake-cluster.ts'

const text = (value: string): Buffer => Buffer.from(value)

describe('freshness', () => {
  test('R7: a new broker shows up within 30 s plus a round trip, not before the pull', async () => {
    const { cluster } = await fakeCluster({ a: 2 })
    const client = cluster.client('c1', { watchesRoutes: false })
    const entry = await cluster.settle(client.routes.get('t'))
    expect(entry.version).toBe(1)
    const startedMs = cluster.clock.monoMs()
    await cluster.clock.advance(5_000)
    await cluster.addBroker('broker-b', { t: { queueCount: 2 } })
    await cluster.clock.run({ untilMs: startedMs + 29_900 })
    expect(client.routes.peek('t')?.version).toBe(1)
    await cluster.clock.run({ untilMs: startedMs + 30_100 })
    expect(client.routes.peek('t')?.version).toBe(2)
    expect(client.routes.peek('t')?.route.brokers).toHaveLength(2)
  })

  test('R7: versions count changes, not pulls; listeners hear of changes only', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2, b: 2 })
    const client = cluster.client('c1')
    const heard: number[] = []
    client.routes.onChange((entry) => heard.push(entry.version))
    await cluster.settle(client.routes.get('t'))
    await cluster.clock.advance(95_000)
    expect(heard).toEqual([1])
    await cluster.settle(brokers['a']!.setTopic('t', { queueCount: 4 }))
    await cluster.clock.advance(31_000)
    expect(heard).toEqual([1, 2])
  })

  test('questions about one topic at the same time are one question', async () => {
    const { cluster } = await fakeCluster({ a: 2 })
    const client = cluster.client('c1')
    const [first, second] = [client.routes.get('t'), client.routes.get('t')]
    expect(first).toBe(second)
    expect((await cluster.settle(first)).topic).toBe('t')
  })

  test('after errors the route is asked for at most once a second', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2 })
    const client = cluster.client('c1')
    await cluster.settle(client.routes.get('t'))
    await cluster.settle(client.routes.refreshAfterError('t'))
    await cluster.settle(brokers['a']!.setTopic('t', { queueCount: 3 }))
    await cluster.settle(client.routes.refreshAfterError('t'))
    expect(client.routes.peek('t')?.version).toBe(1)
    await cluster.clock.advance(1_000)
    await cluster.settle(client.routes.refreshAfterError('t'))
    expect(client.routes.peek('t')?.version).toBe(2)
  })
})

describe('nameservers', () => {
  async function twoNameservers(): Promise<FakeCluster> {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addNameserver('ns2')
    await cluster.addBroker('broker-a', { t: { queueCount: 2 } })
    return cluster
  }

  test('R20: one of two dies: the client turns to the other at once and stays there', async () => {
    const cluster = await twoNameservers()
    const client = cluster.client('c1')
    await cluster.settle(client.routes.get('t'))
    const [used, other] = client.routes.nameserver === 'ns1:9876' ? ['ns1', 'ns2'] : ['ns2', 'ns1']
    cluster.processes.get(used!)!.kill()
    await cluster.settle(client.routes.refresh('t'), 100)
    expect(client.routes.nameserver).toBe(`${other}:9876`)
    await cluster.clock.advance(60_000)
    expect(client.routes.peek('t')?.nameserver).toBe(`${other}:9876`)
  })

  test('R20: one of two freezes: the other answers within one timeout', async () => {
    const cluster = await twoNameservers()
    const client = cluster.client('c1')
    await cluster.settle(client.routes.get('t'))
    const used = client.routes.nameserver.split(':')[0]!
    cluster.processes.get(used)!.freeze()
    const startedMs = cluster.clock.monoMs()
    const entry = await cluster.settle(client.routes.refresh('t'))
    expect(cluster.clock.monoMs() - startedMs).toBeLessThan(3_200)
    expect(entry.nameserver).not.toBe(`${used}:9876`)
  })

  test('R20: both down: running clients keep sending on the routes they have', async () => {
    const cluster = await twoNameservers()
    const producer = new Producer(cluster.client('c1'))
    await cluster.settle(producer.send({ topic: 't', body: text('1') }))
    cluster.processes.get('ns1')!.kill()
    cluster.processes.get('ns2')!.kill()
    await cluster.clock.advance(300_000)
    await cluster.settle(producer.send({ topic: 't', body: text('2') }), 100)
    expect(producer.stats()).toMatchObject({ sent: 2, failed: 0 })
  })

  test('R33: the list changes: the one in use stays while it is listed, then another is used', async () => {
    const cluster = await twoNameservers()
    const client = cluster.client('c1')
    await cluster.settle(client.routes.get('t'))
    const used = client.routes.nameserver
    const [other] = client.nameservers.filter((address) => address !== used)
    client.routes.setNameservers(['ns3:9876', other!, used])
    expect(client.routes.nameserver).toBe(used)
    client.routes.setNameservers([other!])
    expect(client.routes.nameserver).toBe(other!)
    expect(client.channels.isOpen(used)).toBe(false)
    expect((await cluster.settle(client.routes.refresh('t'))).nameserver).toBe(other!)
    await cluster.clock.advance(40_000)
    expect(client.channels.isOpen(used)).toBe(false)
    expect(client.nameservers).toEqual([other!])
  })

  test('R25: a nameserver that restarts empty does not take the route away', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addBroker('broker-a', { t: { queueCount: 2 } })
    const client = cluster.client('c1')
    await cluster.settle(client.routes.get('t'))
    cluster.processes.get('ns1')!.kill()
    cluster.processes.get('broker-a')!.freeze()
    await cluster.addNameserver('ns1')
    const entry = await cluster.settle(client.routes.refresh('t'))
    expect(entry).toMatchObject({ version: 1 })
    expect(entry.route.queues).toHaveLength(1)
  })

  test('a topic only one of them knows is found, and the views are not mixed', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addNameserver('ns2')
    await cluster.addBroker('broker-a', { t: { queueCount: 2 }, u: { queueCount: 1 } }, [
      'ns1:9876',
    ])
    await cluster.addBroker('broker-b', { t: { queueCount: 2 }, v: { queueCount: 1 } }, [
      'ns2:9876',
    ])
    const client = cluster.client('c1')
    expect((await cluster.settle(client.routes.get('u'))).nameserver).toBe('ns1:9876')
    expect((await cluster.settle(client.routes.get('v'))).nameserver).toBe('ns2:9876')
    const names = (await cluster.settle(client.routes.get('t'))).route.brokers.map(
      (broker) => broker.brokerName,
    )
    expect(names).toHaveLength(1)
  })

  test('no nameserver given is a usage error', () => {
    const cluster = new FakeCluster()
    expect(() => cluster.client('c1', { nameservers: [] })).toThrow('no nameserver was given')
  })

  test('closing stops the pulls', async () => {
    const cluster = await twoNameservers()
    const client = cluster.client('c1')
    await cluster.settle(client.routes.get('t'))
    await cluster.settle(client.close())
    const error = await cluster.failure(client.routes.refresh('t'))
    expect(error.message).toContain('closed')
  })
})
