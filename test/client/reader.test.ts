// Goal: reading without a group sees what it should, ends when it should, holds back when nobody
// takes, and leaves no trace. Method: real broker on memory, fake brokers, virtual time.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Producer } from '../../src/client/producer.ts'
import { Reader, type ReaderOptions } from '../../src/client/reader.ts'
import type { MqError } from '../../src/core/errors.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { FakeCluster, fakeCluster } from '../support/fake-cluster.ts'

const FROM_START = { topic: 't', from: { kind: 'start' }, follows: false } as const

async function readAll(reader: Reader): Promise<string[]> {
  const bodies: string[] = []
  for await (const message of reader) bodies.push(message.body.toString())
  return bodies
}

async function filledCluster(count: number): Promise<FakeCluster> {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  await cluster.addRealBroker('broker-a')
  await cluster.addRealBroker('broker-b')
  const admin = new Admin(cluster.client('admin'))
  await cluster.settle(admin.topics.create({ topic: 't', queueCount: 4 }))
  await produce(cluster, 0, count)
  return cluster
}

async function produce(cluster: FakeCluster, from: number, to: number): Promise<void> {
  const producer = new Producer(cluster.client('p'))
  const sends = []
  for (let i = from; i < to; i++) {
    const body = Buffer.from(String(i))
    sends.push(producer.send({ topic: 't', body, tag: i % 2 ? 'odd' : 'even' }))
  }
  await cluster.settle(Promise.all(sends))
  await cluster.settle(producer.close())
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i)).sort()

describe('up to the end', () => {
  test('everything that was there when reading began, and nothing that came later', async () => {
    const cluster = await filledCluster(1_000)
    const reader = new Reader(cluster.client('r'), { ...FROM_START, bufferedMessagesMax: 10 })
    const iterator = reader[Symbol.asyncIterator]()
    const first = await cluster.settle(iterator.next())
    await produce(cluster, 1_000, 1_100)
    const rest: string[] = []
    for (;;) {
      const { done, value } = await cluster.settle(iterator.next())
      if (done) break
      rest.push(value.body.toString())
    }
    expect([String(first.value.body), ...rest].sort()).toEqual(numbers(0, 1_000))
  })

  test('start positions and tags', async () => {
    const cluster = await filledCluster(100)
    const table: [Partial<ReaderOptions>, number][] = [
      [{}, 100],
      [{ from: { kind: 'end' } }, 0],
      [{ from: { kind: 'last', count: 3 } }, 12],
      [{ from: { kind: 'offset', offset: 20 } }, 20],
      [{ from: { kind: 'time', timestampMs: cluster.clock.wallMs() + 1 } }, 0],
      [{ tags: 'odd' }, 50],
      [{ tags: 'none' }, 0],
    ]
    for (const [options, count] of table) {
      const reader = new Reader(cluster.client('r'), { ...FROM_START, ...options })
      expect([options, (await cluster.settle(readAll(reader))).length]).toEqual([options, count])
    }
  })

  test('no group appears, and nothing is committed', async () => {
    const cluster = await filledCluster(10)
    await cluster.settle(readAll(new Reader(cluster.client('r'), FROM_START)))
    const admin = new Admin(cluster.client('admin2'))
    expect((await cluster.settle(admin.groups.list())).value).toEqual([])
  })

  test('a topic nobody knows rejects, and so does a broker that stays away', async () => {
    // More than one pull brings, or there would be nothing left to ask for.
    const cluster = await filledCluster(1_000)
    const missing = new Reader(cluster.client('r'), { ...FROM_START, topic: 'nope' })
    const error = (await cluster.failure(readAll(missing))) as MqError
    expect(error.code).toBe('TOPIC_NOT_FOUND')

    const reader = new Reader(cluster.client('r2'), { ...FROM_START, bufferedMessagesMax: 1 })
    const iterator = reader[Symbol.asyncIterator]()
    await cluster.settle(iterator.next())
    cluster.processes.get('broker-a')!.freeze()
    cluster.processes.get('broker-b')!.freeze()
    const reading = (async () => {
      while (!(await iterator.next()).done) {}
    })()
    const cut = (await cluster.failure(reading, 60_000)) as MqError
    expect(cut.code).toBe('TIMED_OUT')
    expect(cut.message).toContain('cannot read t@broker-')
    expect(await cluster.settle(iterator.next())).toEqual({ done: true, value: undefined })
  })
})

describe('following', () => {
  test('new messages, new queues and new brokers are read as they come', async () => {
    const cluster = await filledCluster(10)
    const reader = new Reader(cluster.client('r'), { ...FROM_START, follows: true })
    const bodies: string[] = []
    const reading = (async () => {
      for await (const message of reader) bodies.push(message.body.toString())
    })()
    await cluster.clock.advance(1_000)
    expect(bodies).toHaveLength(10)
    await produce(cluster, 10, 20)
    await cluster.clock.runUntil(() => bodies.length === 20, 50, 'the messages')
    await cluster.addRealBroker('broker-c')
    const admin = new Admin(cluster.client('admin2'))
    await cluster.settle(admin.topics.alter({ topic: 't', queueCount: 9 }))
    await produce(cluster, 20, 60)
    await cluster.clock.advance(31_000)
    expect([...bodies].sort()).toEqual(numbers(0, 60))
    await cluster.settle(reader.close())
    await cluster.settle(reading)
  })

  test('a broker that is away for a while is read on when it returns', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const append = (body: string): number =>
      brokers['a']!.append('t', 0, { body: Buffer.from(body) })
    append('1')
    const reader = new Reader(cluster.client('r'), { ...FROM_START, follows: true })
    const bodies: string[] = []
    const reading = (async () => {
      for await (const message of reader) bodies.push(message.body.toString())
    })()
    await cluster.clock.advance(1_000)
    cluster.processes.get('broker-a')!.freeze()
    append('2')
    await cluster.clock.advance(90_000)
    cluster.processes.get('broker-a')!.thaw()
    await cluster.clock.advance(35_000)
    expect(bodies).toEqual(['1', '2'])
    await cluster.settle(cluster.clients.at(-1)!.close())
    await cluster.settle(reading)
  })

  test('what nobody takes is not read ahead without bound', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    for (let i = 0; i < 1_000; i++) brokers['a']!.append('t', 0, { body: Buffer.from(String(i)) })
    const options = { ...FROM_START, follows: true, bufferedMessagesMax: 64 }
    const iterator = new Reader(cluster.client('r'), options)[Symbol.asyncIterator]()
    await cluster.settle(iterator.next())
    await cluster.clock.advance(10_000)
    expect(brokers['a']!.requestsOf(REQUEST.pullMessage).length).toBeLessThanOrEqual(3)
    for (let i = 1; i < 1_000; i++) {
      expect((await cluster.settle(iterator.next())).value.body.toString()).toBe(String(i))
    }
    await cluster.settle(iterator.return!())
  })

  test('breaking out of the loop closes the reader', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    brokers['a']!.append('t', 0, { body: Buffer.from('1') })
    const reader = new Reader(cluster.client('r'), { ...FROM_START, follows: true })
    const reading = (async () => {
      for await (const message of reader) return message.body.toString()
      return null
    })()
    expect(await cluster.settle(reading)).toBe('1')
    const pulls = brokers['a']!.requestsOf(REQUEST.pullMessage).length
    await cluster.clock.advance(60_000)
    expect(brokers['a']!.requestsOf(REQUEST.pullMessage).length).toBeLessThanOrEqual(pulls + 1)
  })
})
