// Goal: administration does what it says on every peer, and names the peers that did not take part.
// Method: real nameservers and brokers on memory, virtual time; peers are killed and frozen.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { queueName } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import type { MqError } from '../../src/core/errors.ts'
import { FakeCluster } from '../support/fake-cluster.ts'

async function cluster3(nameserverCount = 1): Promise<{ cluster: FakeCluster; admin: Admin }> {
  const cluster = new FakeCluster()
  for (let i = 1; i <= nameserverCount; i++) await cluster.addNameserver(`ns${i}`)
  for (const name of ['broker-a', 'broker-b', 'broker-c']) await cluster.addRealBroker(name)
  return { cluster, admin: new Admin(cluster.client('admin')) }
}

async function send(cluster: FakeCluster, count: number, topic = 't'): Promise<void> {
  const producer = new Producer(cluster.client('p'))
  await cluster.settle(
    Promise.all(
      Array.from({ length: count }, () => producer.send({ topic, body: Buffer.from('x') })),
    ),
  )
  await cluster.settle(producer.close())
}

describe('topics', () => {
  test('create spreads 8 on 3 as 3, 3 and 2, in the route of every nameserver', async () => {
    const { cluster, admin } = await cluster3(2)
    const { value, failures } = await cluster.settle(
      admin.topics.create({ topic: 't', queueCount: 8 }),
    )
    expect(failures).toEqual([])
    expect(value.map((p) => [p.brokerName, p.writeQueueCount])).toEqual([
      ['broker-a', 3],
      ['broker-b', 3],
      ['broker-c', 2],
    ])
    for (const { value: route } of await cluster.settle(admin.cluster.routes('t'))) {
      expect(route?.queues.map((queues) => queues.readQueueCount).sort()).toEqual([2, 3, 3])
    }
  })

  test('brokers that get no queue are left alone', async () => {
    const { cluster, admin } = await cluster3()
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 1 }))
    const shown = await cluster.settle(admin.topics.show('t'))
    expect(shown.value.placements.map((p) => p.brokerName)).toEqual(['broker-a'])
  })

  test('what exists is not made again; what cannot be is refused by name', async () => {
    const { cluster, admin } = await cluster3()
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 3 }))
    const table: [Parameters<Admin['topics']['create']>[0], string, string][] = [
      [{ topic: 't', queueCount: 3 }, 'TOPIC_EXISTS', '1 queues on broker-a'],
      [{ topic: 'a b', queueCount: 3 }, 'TOPIC_INVALID', '"a b"'],
      [{ topic: 'u', queueCount: 0 }, 'USAGE', '0 queues'],
      [{ topic: 'u', queueCount: 1_000_000 }, 'USAGE', '1000000'],
      [{ topic: 'u', queueCount: 3, cluster: 'other' }, 'BROKER_NOT_FOUND', '"other"'],
    ]
    for (const [creation, code, words] of table) {
      const error = (await cluster.failure(admin.topics.create(creation))) as MqError
      expect(error.code).toBe(code as never)
      expect(error.message).toContain(words)
    }
  })

  test('several clusters: one has to be chosen', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addRealBroker('broker-a', { config: { cluster: 'east' } })
    await cluster.addRealBroker('broker-b', { config: { cluster: 'west' } })
    const admin = new Admin(cluster.client('admin'))
    const error = await cluster.failure(admin.topics.create({ topic: 't', queueCount: 2 }))
    expect(error.message).toContain('east, west')
    const made = await cluster.settle(
      admin.topics.create({ topic: 't', queueCount: 2, cluster: 'west' }),
    )
    expect(made.value.map((p) => p.brokerName)).toEqual(['broker-b'])
  })

  test('no broker at all says how to start one', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    const admin = new Admin(cluster.client('admin'))
    const error = (await cluster.failure(
      admin.topics.create({ topic: 't', queueCount: 2 }),
    )) as MqError
    expect(error.code).toBe('BROKER_NOT_FOUND')
    expect(error.hint).toContain('mq broker --nameservers ns1:9876')
  })

  test('list knows system topics from others', async () => {
    const { cluster, admin } = await cluster3(2)
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 3 }))
    const { value } = await cluster.settle(admin.topics.list())
    expect(value.filter((topic) => !topic.isSystem)).toEqual([
      { topic: 't', isSystem: false, seenBy: ['ns1:9876', 'ns2:9876'] },
    ])
    expect(value.map((topic) => topic.topic)).toContain('broker-a')
  })

  test('show: bounds and time of the last message, per queue', async () => {
    const { cluster, admin } = await cluster3()
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 3 }))
    await cluster.clock.advance(5_000)
    await send(cluster, 9)
    const { value } = await cluster.settle(admin.topics.show('t'))
    expect(value.queues.map((q) => [queueName(q), q.minOffset, q.maxOffset])).toEqual([
      ['t@broker-a:0', 0, 3],
      ['t@broker-b:0', 0, 3],
      ['t@broker-c:0', 0, 3],
    ])
    expect(Math.abs(value.queues[0]!.lastStoreTimeMs! - cluster.clock.wallMs())).toBeLessThan(1_000)
  })

  test('R54: alter keeps the spread even, up and down; what is stored stays readable', async () => {
    const { cluster, admin } = await cluster3()
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 8 }))
    await cluster.settle(admin.topics.alter({ topic: 't', queueCount: 12 }))
    const counts = async (): Promise<number[][]> => {
      const { value } = await cluster.settle(admin.topics.show('t'))
      return value.placements.map((p) => [p.writeQueueCount, p.readQueueCount, p.permission])
    }
    expect(await counts()).toEqual([
      [4, 4, 6],
      [4, 4, 6],
      [4, 4, 6],
    ])
    await cluster.settle(admin.topics.alter({ topic: 't', queueCount: 2 }))
    expect(await counts()).toEqual([
      [1, 4, 6],
      [1, 4, 6],
      [4, 4, 4],
    ])
    await cluster.settle(admin.topics.alter({ topic: 't', queueCount: 6 }))
    expect((await counts()).map(([write, , permission]) => [write, permission])).toEqual([
      [2, 6],
      [2, 6],
      [2, 6],
    ])
    await cluster.settle(admin.topics.alter({ topic: 't', permission: 4 }))
    expect((await counts()).map(([, , permission]) => permission)).toEqual([4, 4, 4])
    expect((await cluster.settle(admin.topics.alter({ topic: 't', permission: 4 }))).value).toEqual(
      [],
    )
  })

  test('delete: gone from every broker and every nameserver', async () => {
    const { cluster, admin } = await cluster3(2)
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 3 }))
    const { value, failures } = await cluster.settle(admin.topics.delete('t'))
    expect(value.sort()).toEqual(['broker-a', 'broker-b', 'broker-c'])
    expect(failures).toEqual([])
    await cluster.clock.advance(60_000)
    for (const view of await cluster.settle(admin.cluster.routes('t'))) {
      expect(view).toMatchObject({ value: null, error: null })
    }
    const again = (await cluster.failure(admin.topics.delete('t'))) as MqError
    expect(again.code).toBe('TOPIC_NOT_FOUND')
  })

  test('a broker that does not answer is named, the others are done', async () => {
    const { cluster, admin } = await cluster3()
    cluster.processes.get('broker-b')!.freeze()
    const { value, failures } = await cluster.settle(
      admin.topics.create({ topic: 't', queueCount: 6 }),
    )
    expect(value.map((p) => p.brokerName)).toEqual(['broker-a', 'broker-c'])
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatchObject({ purpose: 'setting up topic t' })
    expect(failures[0]!.error.code).toBe('TIMED_OUT')
  })
})

describe('nameservers and brokers', () => {
  test('each nameserver answers for itself; one that is down is named', async () => {
    const { cluster, admin } = await cluster3(2)
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 3 }))
    cluster.processes.get('ns2')!.kill()
    await cluster.clock.advance(10)
    const [first, second] = await cluster.settle(admin.cluster.routes('t'))
    expect(first?.value?.queues).toHaveLength(3)
    expect(second?.value).toBeNull()
    expect(second?.error?.code).toBe('UNREACHABLE')
    const brokers = await cluster.settle(admin.cluster.brokers())
    expect(brokers.value.map((broker) => broker.brokerName)).toEqual([
      'broker-a',
      'broker-b',
      'broker-c',
    ])
    expect(brokers.failures.map(({ peer }) => peer)).toEqual(['ns2:9876'])
    cluster.processes.get('ns1')!.kill()
    await cluster.clock.advance(10)
    const error = (await cluster.failure(admin.cluster.brokers())) as MqError
    expect(error.code).toBe('UNREACHABLE')
    expect(error.message).toContain('ns1:9876')
    expect(error.message).toContain('ns2:9876')
  })

  test('R3: the age of each registration rises, and falls back with a heartbeat', async () => {
    const { cluster, admin } = await cluster3()
    const ages = async (): Promise<number[]> => {
      const [view] = await cluster.settle(admin.cluster.registrations())
      return (view?.value?.brokers ?? []).map((broker) => broker.lastHeartbeatAgeMs)
    }
    await cluster.clock.advance(20_000)
    expect(Math.min(...(await ages()))).toBeGreaterThan(15_000)
    await cluster.clock.advance(10_500)
    expect(Math.max(...(await ages()))).toBeLessThan(2_000)
  })

  test('probe tells who answers and who does not, for either role', async () => {
    const { cluster, admin } = await cluster3()
    const address = (await cluster.settle(admin.cluster.brokers())).value[0]!.address
    expect(await cluster.settle(admin.cluster.probe(address))).toMatchObject({ isReachable: true })
    expect(await cluster.settle(admin.cluster.probe('ns1:9876'))).toMatchObject({
      isReachable: true,
    })
    cluster.processes.get('broker-a')!.freeze()
    const frozen = await cluster.settle(admin.cluster.probe(address))
    expect(frozen).toMatchObject({ isReachable: false })
    expect(frozen.error?.code).toBe('TIMED_OUT')
    expect(await cluster.settle(admin.cluster.probe('nowhere:1'))).toMatchObject({
      isReachable: false,
    })
  })

  test('a broker tells of itself', async () => {
    const { cluster, admin } = await cluster3()
    const address = (await cluster.settle(admin.cluster.brokers())).value[0]!.address
    const table = await cluster.settle(admin.cluster.runtime(address))
    expect(table.has('brokerVersionDesc')).toBe(true)
  })
})

describe('groups', () => {
  async function group(
    count: number,
  ): Promise<{ cluster: FakeCluster; admin: Admin; consumer: Consumer }> {
    const { cluster, admin } = await cluster3()
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 6 }))
    await send(cluster, count)
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't', tags: 'a || b' }],
      from: { kind: 'start' },
      onMessages: () => {},
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(7_000)
    return { cluster, admin, consumer }
  }

  test('list and show: members, subscription, progress, owners', async () => {
    const { cluster, admin } = await group(12)
    const client = cluster.client('c2')
    const other = new Consumer(client, {
      group: 'g',
      topics: [{ topic: 't', tags: 'a || b' }],
      onMessages: () => {},
    })
    await cluster.settle(other.start())
    await cluster.clock.advance(7_000)
    const list = await cluster.settle(admin.groups.list())
    expect(list).toEqual({
      value: [{ group: 'g', topics: ['t'], memberCount: 2 }],
      failures: [],
    })
    const { value, failures } = await cluster.settle(admin.groups.show('g'))
    expect(failures).toEqual([])
    expect(value.messageModel).toBe('CLUSTERING')
    expect(value.members.map((member) => member.clientId.split('@')[0])).toEqual(['c1', 'c2'])
    expect(value.members[0]?.brokers).toHaveLength(3)
    expect(value.subscriptions).toContainEqual({ topic: 't', expression: 'a || b' })
    expect(value.queues.map((queue) => [queueName(queue), queue.lag])).toEqual([
      ['t@broker-a:0', 0],
      ['t@broker-a:1', 0],
      ['t@broker-b:0', 0],
      ['t@broker-b:1', 0],
      ['t@broker-c:0', 0],
      ['t@broker-c:1', 0],
    ])
    const mine = value.queues.filter((queue) => queue.owner === client.id).map(queueName)
    expect(mine).toEqual(other.assignment().map(queueName))
  })

  test('a group nobody knows', async () => {
    const { cluster, admin } = await cluster3()
    const error = (await cluster.failure(admin.groups.show('nope'))) as MqError
    expect(error.code).toBe('GROUP_NOT_FOUND')
    expect(error.hint).toContain('mq group list')
  })

  test('reset of a group that is away: it goes on from there when it returns', async () => {
    const { cluster, admin, consumer } = await group(12)
    await cluster.settle(consumer.close())
    const { value, failures } = await cluster.settle(
      admin.groups.reset({ group: 'g', topic: 't', to: { kind: 'offset', offset: 1 } }),
    )
    expect(failures).toEqual([])
    expect(value.map(({ before, after }) => [before, after])).toEqual(Array(6).fill([2, 1]))
    const received: number[] = []
    const next = new Consumer(cluster.client('c9'), {
      group: 'g',
      topics: [{ topic: 't' }],
      onMessages: (messages) => {
        received.push(...messages.map((message) => message.queueOffset))
      },
    })
    await cluster.settle(next.start())
    await cluster.clock.advance(2_000)
    expect(received).toEqual(Array(6).fill(1))
  })

  test('reset of a group at work: its members go there with their next pull', async () => {
    const { cluster, admin } = await cluster3()
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 3 }))
    await send(cluster, 30)
    const received: number[] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      onMessages: (messages) => {
        received.push(...messages.map((message) => message.queueOffset))
      },
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(7_000)
    expect(received).toHaveLength(30)
    await cluster.settle(
      admin.groups.reset({ group: 'g', topic: 't', to: { kind: 'last', count: 4 } }),
    )
    await cluster.clock.advance(7_000)
    expect(received.slice(30).sort()).toEqual([6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9])
    const shown = await cluster.settle(admin.groups.show('g'))
    expect(shown.value.queues.map((queue) => queue.lag)).toEqual([0, 0, 0])
  })

  test('a broker that is away is named, with the queues that cannot be told', async () => {
    const { cluster, admin } = await group(12)
    cluster.processes.get('broker-c')!.freeze()
    const { value, failures } = await cluster.settle(admin.groups.show('g'))
    expect(value.queues).toHaveLength(4)
    expect(failures.length).toBeGreaterThan(0)
    expect(failures.every(({ error }) => error.code === 'TIMED_OUT')).toBe(true)
    expect(new Set(failures.map(({ peer }) => peer)).size).toBe(1)
  })
})
