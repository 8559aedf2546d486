// Goal: a member gets everything from where its group was, hands it out as promised, and commits only
// what is done. Method: real nameserver and broker on memory, virtual time; fake brokers where an
// answer has to be made up.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { queueName } from '../../src/client/message.ts'
import type { StartPosition } from '../../src/client/start-position.ts'
import type { MqError } from '../../src/core/errors.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { Member, numbers, produce, realCluster } from '../support/consumer-fixture.ts'
import { fakeCluster } from '../support/fake-cluster.ts'

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
