// Goal: members of a group share queues, resume where the group was, and lose nothing when they come,
// go and fail. Method: real nameserver and real brokers on memory, virtual time; fake brokers where
// an answer has to be made up.

import { describe, expect, test } from 'bun:test'
import { deflateSync, zstdCompressSync } from 'node:zlib'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import type { ConsumerOptions } from '../../src/client/consumer-options.ts'
import { queueName, type ReceivedMessage } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import type { StartPosition } from '../../src/client/start-position.ts'
import type { MqError } from '../../src/core/errors.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { encodePullAnswer } from '../../src/remoting/pull-header.ts'
import { FakeCluster, fakeCluster, realBrokerHost } from '../support/fake-cluster.ts'

async function realCluster(brokerNames: string[], queueCount: number): Promise<FakeCluster> {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  for (const name of brokerNames) await cluster.addRealBroker(name)
  const admin = new Admin(cluster.client('admin'))
  await cluster.settle(admin.topics.create({ topic: 't', queueCount }))
  return cluster
}

class Member {
  readonly received: ReceivedMessage[] = []
  readonly consumer: Consumer

  constructor(
    cluster: FakeCluster,
    host: string,
    options: Partial<ConsumerOptions> = {},
    from: StartPosition | null = { kind: 'start' },
  ) {
    this.consumer = new Consumer(cluster.client(host), {
      group: 'g',
      topics: [{ topic: 't' }],
      ...(from === null ? {} : { from }),
      onMessages: (messages) => {
        this.received.push(...messages)
      },
      ...options,
    })
  }

  get bodies(): string[] {
    return this.received.map((message) => message.body.toString())
  }

  get queues(): string[] {
    return this.consumer.assignment().map(queueName)
  }
}

async function produce(cluster: FakeCluster, from: number, to: number): Promise<void> {
  const producer = new Producer(cluster.client(`producer-${from}`))
  const sends = []
  for (let i = from; i < to; i++) {
    sends.push(
      producer.send({ topic: 't', body: Buffer.from(String(i)), tag: i % 2 ? 'odd' : 'even' }),
    )
  }
  await cluster.settle(Promise.all(sends))
  await cluster.settle(producer.close())
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i)).sort()

describe('one member', () => {
  test('gets everything once, in order per queue, and resumes where it stopped', async () => {
    const cluster = await realCluster(['broker-a', 'broker-b'], 4)
    await produce(cluster, 0, 500)
    const first = new Member(cluster, 'c1')
    await cluster.settle(first.consumer.start())
    expect(first.queues).toEqual(['t@broker-a:0', 't@broker-a:1', 't@broker-b:0', 't@broker-b:1'])
    await cluster.clock.runUntil(() => first.received.length >= 500, 20_000, 'the messages')
    expect([...first.bodies].sort()).toEqual(numbers(0, 500))
    const last = new Map<string, number>()
    for (const message of first.received) {
      const name = queueName(message)
      expect(message.queueOffset).toBe((last.get(name) ?? -1) + 1)
      last.set(name, message.queueOffset)
    }
    await cluster.settle(first.consumer.close())

    await produce(cluster, 500, 600)
    const second = new Member(cluster, 'c2')
    await cluster.settle(second.consumer.start())
    await cluster.clock.advance(10_000)
    expect([...second.bodies].sort()).toEqual(numbers(500, 600))
  })

  test('new messages arrive within a moment: the broker holds the pull', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    const member = new Member(cluster, 'c1')
    await cluster.settle(member.consumer.start())
    await cluster.clock.advance(3_000)
    await produce(cluster, 0, 2)
    await cluster.clock.runUntil(() => member.received.length === 2, 50, 'the messages')
  })

  test('tags are filtered by their text', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    await produce(cluster, 0, 100)
    const member = new Member(cluster, 'c1', { topics: [{ topic: 't', tags: 'odd || never' }] })
    await cluster.settle(member.consumer.start())
    await cluster.clock.advance(5_000)
    expect(member.received).toHaveLength(50)
    expect(member.received.every((message) => message.properties['TAGS'] === 'odd')).toBe(true)
    await cluster.settle(member.consumer.close())
    // What was filtered away counts as done.
    const admin = new Admin(cluster.client('admin2'))
    const group = await cluster.settle(admin.groups.show('g'))
    expect(group.value.queues.map((queue) => queue.lag)).toEqual([0, 0])
  })

  test('start positions: end, last, time, offset', async () => {
    const cluster = await realCluster(['broker-a'], 1)
    await produce(cluster, 0, 10)
    await cluster.clock.advance(60_000)
    const timestampMs = cluster.clock.wallMs() - 30_000
    await produce(cluster, 10, 20)
    const table: [StartPosition | null, string[]][] = [
      [{ kind: 'end' }, []],
      [{ kind: 'last', count: 3 }, ['17', '18', '19']],
      [{ kind: 'time', timestampMs }, numbers(10, 20)],
      [{ kind: 'offset', offset: 15 }, numbers(15, 20)],
      // The protocol's own rule: a young queue is read from its start.
      [null, numbers(0, 20)],
    ]
    for (const [at, [from, expected]] of table.entries()) {
      const member = new Member(cluster, `c${at}`, { group: `g${at}` }, from)
      await cluster.settle(member.consumer.start())
      await cluster.clock.advance(2_000)
      expect([from, [...member.bodies].sort()]).toEqual([from, expected])
      await cluster.settle(member.consumer.close())
    }
  })

  test('a group that began at the end keeps its place, even if it saw nothing', async () => {
    const cluster = await realCluster(['broker-a'], 1)
    await produce(cluster, 0, 5)
    const first = new Member(cluster, 'c1', { from: { kind: 'end' } })
    await cluster.settle(first.consumer.start())
    await cluster.clock.advance(6_000)
    await cluster.settle(first.consumer.close())
    await produce(cluster, 5, 8)
    const second = new Member(cluster, 'c2', { from: { kind: 'end' } })
    await cluster.settle(second.consumer.start())
    await cluster.clock.advance(3_000)
    expect(second.bodies).toEqual(['5', '6', '7'])
  })
})

describe('handlers', () => {
  test('one that fails gets the same messages again; nothing of them is committed', async () => {
    const cluster = await realCluster(['broker-a'], 1)
    await produce(cluster, 0, 3)
    let failures = 0
    const seen: string[] = []
    const member = new Member(cluster, 'c1', {
      onMessages: (messages) => {
        seen.push(messages.map((message) => message.body.toString()).join(','))
        if (failures++ < 2) throw new Error('not today')
      },
    })
    await cluster.settle(member.consumer.start())
    await cluster.clock.advance(900)
    const admin = new Admin(cluster.client('admin2'))
    const before = await cluster.settle(admin.groups.show('g'))
    expect(before.value.queues[0]).toMatchObject({ lag: 3 })
    await cluster.clock.advance(10_000)
    expect(seen).toEqual(['0,1,2', '0,1,2', '0,1,2'])
    expect(member.consumer.stats()).toMatchObject({ handlerFailures: 2, processed: 3 })
    const after = await cluster.settle(admin.groups.show('g'))
    expect(after.value.queues[0]).toMatchObject({ lag: 0, committedOffset: 3 })
  })

  test('one that does part of a batch gets the rest, and the part is committed on close', async () => {
    const cluster = await realCluster(['broker-a'], 1)
    await produce(cluster, 0, 10)
    const taken: string[] = []
    const member = new Member(cluster, 'c1', {
      onMessages: (messages) => {
        // As a command that wants seven messages and no more.
        const count = Math.min(7 - taken.length, messages.length)
        taken.push(...messages.slice(0, count).map((message) => message.body.toString()))
        return count
      },
    })
    await cluster.settle(member.consumer.start())
    await cluster.clock.runUntil(() => taken.length === 7, 5_000, 'seven messages')
    await cluster.settle(member.consumer.close())
    const second = new Member(cluster, 'c2')
    await cluster.settle(second.consumer.start())
    await cluster.clock.advance(2_000)
    expect([...taken, ...second.bodies].sort()).toEqual(numbers(0, 10))
  })

  test('a slow one holds pulling back, within the bounds', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    for (let i = 0; i < 500; i++) brokers['a']!.append('t', 0, { body: Buffer.from(String(i)) })
    let release: () => void = () => {}
    const seen: string[] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      cachedMessagesMax: 100,
      batchMessagesMax: 10,
      onMessages: (messages) => {
        seen.push(...messages.map((message) => message.body.toString()))
        return new Promise<void>((resolve) => {
          release = resolve
        })
      },
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(5_000)
    expect(seen).toHaveLength(10)
    const pulls = brokers['a']!.requestsOf(REQUEST.pullMessage).length
    expect(pulls).toBe(4)
    for (let i = 0; i < 60; i++) {
      release()
      await cluster.clock.advance(10)
    }
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => String(i)))
    await cluster.settle(consumer.close(), 20_000)
  })

  test('with concurrency, what may be committed is the smallest unfinished offset', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    for (let i = 0; i < 4; i++) brokers['a']!.append('t', 0, { body: Buffer.from(String(i)) })
    const release: (() => void)[] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      concurrency: 4,
      batchMessagesMax: 1,
      onMessages: () => new Promise<void>((resolve) => release.push(resolve)),
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(100)
    expect(release).toHaveLength(4)
    release[3]!()
    release[1]!()
    await cluster.clock.advance(5_100)
    expect(brokers['a']!.offsets.get('g@t:0')).toBe(0)
    release[0]!()
    await cluster.clock.advance(5_100)
    expect(brokers['a']!.offsets.get('g@t:0')).toBe(2)
    release[2]!()
    await cluster.settle(consumer.close())
    expect(brokers['a']!.offsets.get('g@t:0')).toBe(4)
  })

  test('close does not wait for ever for a handler that hangs', async () => {
    const cluster = await realCluster(['broker-a'], 1)
    await produce(cluster, 0, 1)
    const member = new Member(cluster, 'c1', { onMessages: () => new Promise(() => {}) })
    await cluster.settle(member.consumer.start())
    await cluster.clock.advance(1_000)
    const closing = member.consumer.close()
    expect(member.consumer.close()).toBe(closing)
    await cluster.settle(closing, 15_000)
  })
})

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
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addNameserver('ns2')
    await cluster.addRealBroker('broker-a')
    const cut = { from: realBrokerHost('broker-b'), to: 'ns2' }
    cluster.network.cut(cut)
    await cluster.addRealBroker('broker-b')
    const admin = new Admin(cluster.client('admin', { nameservers: ['ns1:9876'] }))
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 8 }))
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
    cluster.network.heal(cut)
    await cluster.clock.advance(80_000)
    const healed = members.flatMap(({ consumer }) => consumer.assignment().map(queueName))
    expect(healed).toHaveLength(8)
    expect(new Set(healed).size).toBe(8)
  })
})

describe('brokers that fail', () => {
  test('a broker that restarts is consumed on, from where the group was', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    const { disk, log } = await cluster.addRealBroker('broker-a')
    const admin = new Admin(cluster.client('admin'))
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 2 }))
    const member = new Member(cluster, 'c1')
    await cluster.settle(member.consumer.start())
    await produce(cluster, 0, 50)
    await cluster.clock.advance(8_000)
    cluster.processes.get('broker-a')!.kill()
    log.crash()
    await cluster.clock.advance(5_000)
    await cluster.addRealBroker('broker-a', { disk })
    await cluster.clock.advance(5_000)
    await produce(cluster, 50, 60)
    await cluster.clock.advance(5_000)
    expect([...member.bodies].sort()).toEqual(numbers(0, 60))
  })

  test('an offset the broker does not have: the consumer goes where the broker says', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    for (let i = 0; i < 5; i++) brokers['a']!.append('t', 0, { body: Buffer.from(String(i)) })
    brokers['a']!.offsets.set('g@t:0', 900)
    const seen: string[] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      onMessages: (messages) => void seen.push(...messages.map((m) => m.body.toString())),
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(6_000)
    brokers['a']!.append('t', 0, { body: Buffer.from('5') })
    await cluster.clock.advance(1_000)
    expect(seen).toEqual(['5'])
    await cluster.settle(consumer.close())
    expect(brokers['a']!.offsets.get('g@t:0')).toBe(6)
    expect(cluster.log.join('\n')).toContain('has no offset 900')
  })

  test('a broker that forgot the group hears from it again, and goes on', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    brokers['a']!.append('t', 0, { body: Buffer.from('x') })
    let hasForgotten = true
    brokers['a']!.overrides.set(REQUEST.pullMessage, () =>
      hasForgotten ? { code: RESPONSE.subscriptionNotExist, remark: 'who are you' } : undefined,
    )
    brokers['a']!.overrides.set(REQUEST.heartbeat, () => {
      hasForgotten = brokers['a']!.requestsOf(REQUEST.heartbeat).length < 2
      return undefined
    })
    const seen: string[] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      onMessages: (messages) => void seen.push(...messages.map((m) => m.body.toString())),
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(3_000)
    expect(seen).toEqual(['x'])
  })

  test('compressed bodies: zlib and zstd are inflated, LZ4 stops the queue with a reason', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const text = Buffer.from('x'.repeat(5_000))
    const append = (body: Buffer, systemFlag: number): void => {
      brokers['a']!.append('t', 0, { body, systemFlag })
    }
    append(deflateSync(text), 0x1)
    append(deflateSync(text), 0x301)
    append(zstdCompressSync(text), 0x201)
    const seen: number[] = []
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      onMessages: (messages) => void seen.push(...messages.map((m) => m.body.length)),
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(1_000)
    expect(seen).toEqual([5_000, 5_000, 5_000])
    append(text, 0x101)
    await cluster.clock.advance(1_000)
    expect(cluster.log.join('\n')).toContain('offset 3 of t@broker-a:0 is compressed with LZ4')
    await cluster.settle(consumer.close())
    expect(brokers['a']!.offsets.get('g@t:0')).toBe(3)
  })

  test('an answer that says no and no, for long, is not asked a thousand times', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    brokers['a']!.overrides.set(REQUEST.pullMessage, () => ({
      code: RESPONSE.noPermission,
      remark: 'closed',
      fields: encodePullAnswer({ nextOffset: 0, minOffset: 0, maxOffset: 0 }),
    }))
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      onMessages: () => {},
    })
    await cluster.settle(consumer.start())
    await cluster.clock.advance(10_000)
    expect(brokers['a']!.requestsOf(REQUEST.pullMessage).length).toBeLessThan(12)
    expect(consumer.stats().pullFailures).toBeGreaterThan(5)
    await cluster.settle(consumer.close())
  })
})

describe('mistakes', () => {
  test('no topic with a route, a bad group, a second consumer of the group', async () => {
    const { cluster } = await fakeCluster({ a: 1 })
    const client = cluster.client('c1')
    const onMessages = (): void => {}
    const missing = new Consumer(client, { group: 'g', topics: [{ topic: 'nope' }], onMessages })
    expect(((await cluster.failure(missing.start())) as MqError).code).toBe('TOPIC_NOT_FOUND')
    expect(
      () => new Consumer(client, { group: 'a b', topics: [{ topic: 't' }], onMessages }),
    ).toThrow('invalid group name')
    expect(() => new Consumer(client, { group: 'g', topics: [], onMessages })).toThrow(
      'at least one',
    )
    const first = new Consumer(client, { group: 'g', topics: [{ topic: 't' }], onMessages })
    await cluster.settle(first.start())
    const second = new Consumer(client, { group: 'g', topics: [{ topic: 't' }], onMessages })
    expect((await cluster.failure(second.start())).message).toContain('already consumes')
    await cluster.settle(client.close())
    expect((await cluster.failure(first.start())).message).toContain('closed')
  })
})
