// Goal: the members of a group share its queues, whoever comes, goes, dies or sees another cluster (R14,
// R30). Method: real nameservers and brokers on memory, virtual time; cuts and signals.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import type { ConsumerOptions } from '../../src/client/consumer-options.ts'
import { queueName } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import { Member, numbers, produce, realCluster, splitCluster } from '../support/consumer-fixture.ts'
import { fakeCluster } from '../support/fake-cluster.ts'

describe('membership', () => {
  test('members share: 8 queues and 3 members are 3, 3 and 2, and change as they come and go', async () => {
    const cluster = await realCluster(['broker-a', 'broker-b'], 8)
    const members = ['c1', 'c2', 'c3'].map((host) => new Member(cluster, host))
    for (const member of members) {
      await cluster.settle(member.consumer.start())
      await cluster.clock.advance(1_000)
    }
    const shares = (): number[] => members.map(({ queues }) => queues.length).sort()
    expect(shares()).toEqual([2, 3, 3])
    expect(new Set(members.flatMap(({ queues }) => queues)).size).toBe(8)
    await cluster.settle(members[0]!.consumer.close())
    await cluster.clock.advance(1_000)
    expect(shares()).toEqual([0, 4, 4])
    await cluster.settle(members[1]!.consumer.close())
    await cluster.clock.advance(1_000)
    expect(shares()).toEqual([0, 0, 8])
  })

  test('one that is closed while it starts is no member: nobody else goes without its queues', async () => {
    const cluster = await realCluster(['broker-a'], 4)
    const early = new Member(cluster, 'c1')
    const started = early.consumer.start()
    const closed = early.consumer.close()
    expect(await cluster.failure(started)).toMatchObject({ code: 'CONNECTION_CLOSED' })
    await cluster.settle(closed)
    const other = new Member(cluster, 'c2')
    await cluster.settle(other.consumer.start())
    await cluster.clock.advance(60_000)
    expect(other.queues).toHaveLength(4)
  })

  test('messages during a change of members are lost by nobody', async () => {
    const cluster = await realCluster(['broker-a', 'broker-b'], 8)
    const members = ['c1', 'c2', 'c3'].map((host) => new Member(cluster, host))
    const producer = new Producer(cluster.client('p'))
    const sends: Promise<unknown>[] = []
    const timer = cluster.clock.every(5, () => {
      sends.push(producer.send({ topic: 't', body: Buffer.from(String(sends.length)) }))
    })
    for (const member of members) {
      await cluster.settle(member.consumer.start())
      await cluster.clock.advance(3_000)
    }
    await cluster.settle(members[1]!.consumer.close())
    await cluster.clock.advance(3_000)
    timer.cancel()
    await cluster.settle(Promise.all(sends))
    await cluster.clock.advance(5_000)
    const bodies = new Set(members.flatMap((member) => member.bodies))
    expect(bodies.size).toBe(sends.length)
  })

  for (const [signal, withinMs] of [
    ['kill', 1_000],
    ['freeze', 135_000],
  ] as const) {
    test(`${signal}: the queues of a dead member are taken over within ${withinMs} ms`, async () => {
      const cluster = await realCluster(['broker-a'], 4)
      const process = cluster.process('c2')
      const survivor = new Member(cluster, 'c1')
      const other = new Consumer(
        cluster.client('c2', { network: process.network, clock: process.clock }),
        { group: 'g', topics: [{ topic: 't' }], onMessages: () => {} },
      )
      await cluster.settle(survivor.consumer.start())
      await cluster.settle(other.start())
      await cluster.clock.advance(1_000)
      expect(survivor.queues).toHaveLength(2)
      process[signal]()
      await cluster.clock.advance(withinMs)
      expect(survivor.queues).toHaveLength(4)
    })
  }

  test('broadcasting: each member gets everything, nothing is committed', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    await produce(cluster, 0, 20)
    const members = ['c1', 'c2'].map((host) => new Member(cluster, host, { model: 'broadcasting' }))
    for (const member of members) await cluster.settle(member.consumer.start())
    await cluster.clock.advance(10_000)
    for (const member of members) expect([...member.bodies].sort()).toEqual(numbers(0, 20))
    const admin = new Admin(cluster.client('admin2'))
    const group = await cluster.settle(admin.groups.show('g'))
    expect(group.value.messageModel).toBe('BROADCASTING')
    expect(group.value.queues.map((queue) => queue.committedOffset)).toEqual([null, null])
  })

  test('R30: a new broker is consumed within pull and rebalance, one that is gone does no harm', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    const member = new Member(cluster, 'c1')
    await cluster.settle(member.consumer.start())
    await cluster.addRealBroker('broker-b')
    const admin = new Admin(cluster.client('admin2'))
    await cluster.settle(admin.topics.alter({ topic: 't', queueCount: 4 }))
    await cluster.clock.advance(31_000)
    expect(member.queues).toHaveLength(4)
    await produce(cluster, 0, 40)
    await cluster.clock.advance(1_000)
    expect([...member.bodies].sort()).toEqual(numbers(0, 40))
    cluster.processes.get('broker-b')!.kill()
    await cluster.clock.advance(31_000)
    expect(member.queues).toEqual(['t@broker-a:0', 't@broker-a:1'])
    await produce(cluster, 40, 50)
    await cluster.clock.advance(1_000)
    expect([...member.bodies].sort()).toEqual(numbers(0, 50))
  })

  test('R14: members on nameservers that differ take exactly what each sees', async () => {
    const { cluster, heal } = await splitCluster()
    const members = ['ns1:9876', 'ns2:9876'].map((nameserver, at) => {
      const received: string[] = []
      const client = cluster.client(`c${at + 1}`, { nameservers: [nameserver] })
      const consumer = new Consumer(client, {
        group: 'order_consumer',
        topics: [{ topic: 't' }],
        from: { kind: 'start' },
        onMessages: (messages) => {
          received.push(...messages.map((message) => message.messageId))
        },
      })
      return { consumer, received }
    })
    for (const { consumer } of members) await cluster.settle(consumer.start())
    await cluster.clock.advance(21_000)
    // c1 is first: ids begin with the host. So b has nobody, and a:2 and a:3 are consumed twice.
    const names = members.map(({ consumer }) => consumer.assignment().map(queueName))
    expect(names[0]).toEqual([0, 1, 2, 3].map((id) => `t@broker-a:${id}`))
    expect(names[1]).toEqual([2, 3].map((id) => `t@broker-a:${id}`))
    heal()
    await cluster.clock.advance(80_000)
    const healed = members.flatMap(({ consumer }) => consumer.assignment().map(queueName))
    expect(healed).toHaveLength(8)
    expect(new Set(healed).size).toBe(8)
  })
})

describe('a queue that goes to somebody else', () => {
  /** One member on two queues, which a made-up second member can take one of. */
  async function shared(onMessages: ConsumerOptions['onMessages']) {
    const { cluster, brokers } = await fakeCluster({ a: 2 })
    const broker = brokers['a']!
    for (const queueId of [0, 1]) {
      for (let i = 0; i < 3; i++) broker.append('t', queueId, { body: Buffer.from(String(i)) })
    }
    const assigned: string[][] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      commitIntervalMs: 3_600_000,
      onMessages,
      onAssigned: (queues) => void assigned.push(queues.map(queueName)),
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(100)
    return { cluster, broker, consumer, assigned }
  }

  test('is committed at once, for the other to go on there', async () => {
    const { cluster, broker, consumer } = await shared(() => {})
    expect(broker.offsets.size).toBe(0)
    broker.members.get('g')!.add('other')
    await cluster.clock.advance(20_500)
    expect(consumer.assignment().map(queueName)).toEqual(['t@broker-a:0'])
    expect([...broker.offsets]).toEqual([['g@t:1', 3]])
  })

  test('is not taken back while an old handler still works on it', async () => {
    let release: () => void = () => {}
    const calls: number[] = []
    const { cluster, broker, consumer } = await shared(async (_, queue) => {
      calls.push(queue.queueId)
      if (queue.queueId === 1 && calls.length <= 2) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
      }
    })
    expect(calls.sort()).toEqual([0, 1])
    broker.members.get('g')!.add('other')
    await cluster.clock.advance(20_500)
    broker.members.get('g')!.delete('other')
    await cluster.clock.advance(60_000)
    expect(consumer.assignment().map(queueName)).toEqual(['t@broker-a:0'])
    expect(calls).toHaveLength(2)
    release()
    await cluster.clock.advance(1_000)
    expect(consumer.assignment()).toHaveLength(2)
    expect(calls).toHaveLength(3)
  })

  test('a broker that forgot its members hears from this one before the queues are shared', async () => {
    const { cluster, broker, assigned } = await shared(() => {})
    broker.members.clear()
    await cluster.clock.advance(25_000)
    expect(assigned).toEqual([['t@broker-a:0', 't@broker-a:1']])
    expect(broker.members.get('g')?.size).toBe(1)
  })
})
