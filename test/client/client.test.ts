// Goal: heartbeats go where and when they should, and closing leaves nothing behind.
// Method: real nameserver, fake brokers that record requests, virtual time.

import { describe, expect, test } from 'bun:test'
import { Consumer } from '../../src/client/consumer.ts'
import { Producer } from '../../src/client/producer.ts'
import { Reader } from '../../src/client/reader.ts'
import type { Clock, Timer } from '../../src/core/clock.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { decodeHeartbeat } from '../../src/remoting/heartbeat.ts'
import type { FakeBroker } from '../support/fake-broker.ts'
import { fakeCluster } from '../support/fake-cluster.ts'

/** Knows how many timers are still to come. */
class CountingClock implements Clock {
  plannedCount = 0
  readonly #base: Clock

  constructor(base: Clock) {
    this.#base = base
  }

  wallMs(): number {
    return this.#base.wallMs()
  }

  monoMs(): number {
    return this.#base.monoMs()
  }

  after(delayMs: number, action: () => void): Timer {
    const end = this.#begin()
    const timer = this.#base.after(delayMs, () => {
      end()
      action()
    })
    return this.#timer(timer, end)
  }

  every(intervalMs: number, action: () => void): Timer {
    const end = this.#begin()
    return this.#timer(this.#base.every(intervalMs, action), end)
  }

  #timer(timer: Timer, end: () => void): Timer {
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
    }
  }

  #begin(): () => void {
    let isOver = false
    this.plannedCount++
    return () => {
      if (!isOver) this.plannedCount--
      isOver = true
    }
  }
}

const beats = (broker: FakeBroker): number => broker.requestsOf(REQUEST.heartbeat).length
const onMessages = (): void => {}

describe('ids', () => {
  test('look like every RocketMQ client and differ', async () => {
    const { cluster } = await fakeCluster({ a: 1 })
    const ids = Array.from({ length: 50 }, () => cluster.client('10.0.0.9').id)
    expect(new Set(ids).size).toBe(50)
    for (const id of ids) expect(id).toMatch(/^10\.0\.0\.9@\d+#\d+$/)
  })
})

describe('heartbeats', () => {
  test('at once when a route is known, every 30 s from then on, to every broker', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1, b: 1 })
    const producer = new Producer(cluster.client('c1'), { group: 'p' })
    await cluster.settle(producer.send({ topic: 't', body: Buffer.from('x') }))
    await cluster.clock.advance(10)
    expect([beats(brokers['a']!), beats(brokers['b']!)]).toEqual([1, 1])
    await cluster.clock.advance(90_000)
    expect([beats(brokers['a']!), beats(brokers['b']!)]).toEqual([4, 4])
  })

  test('they say what the client produces and consumes', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const client = cluster.client('c1')
    new Producer(client, { group: 'p' })
    const consumer = new Consumer(client, {
      group: 'g',
      topics: [{ topic: 't', tags: 'a || b' }],
      onMessages,
    })
    await cluster.settle(consumer.start())
    const beat = decodeHeartbeat(brokers['a']!.requestsOf(REQUEST.heartbeat).at(-1)!.body)
    expect(beat.clientId).toBe(client.id)
    expect(beat.producerGroups).toEqual(['p'])
    expect(beat.consumers).toHaveLength(1)
    expect(beat.consumers[0]).toMatchObject({
      group: 'g',
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
    })
    expect(beat.consumers[0]!.subscriptions[0]).toMatchObject({
      topic: 't',
      expression: 'a || b',
      tags: ['a', 'b'],
      tagHashes: [97, 98],
    })
  })

  test('a new broker gets one when the route shows it, not half a minute later', async () => {
    const { cluster } = await fakeCluster({ a: 1 })
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      onMessages,
    })
    await cluster.settle(consumer.start())
    const b = await cluster.addBroker('broker-b', { t: { queueCount: 1 } })
    await cluster.clock.advance(30_200)
    expect(b.members.get('g')?.size).toBe(1)
  })

  test('a broker whose connection broke hears from a consumer within about a second', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      onMessages,
    })
    // Another member has the only queue, so that no pull of this one repairs it.
    brokers['a']!.members.set('g', new Set(['a-first']))
    await cluster.settle(consumer.start())
    expect(consumer.assignment()).toEqual([])
    brokers['a']!.members.clear()
    cluster.network.sever({ a: 'c1', b: 'broker-a' })
    await cluster.clock.advance(1_500)
    expect(brokers['a']!.members.get('g')?.size).toBe(1)
  })

  test('a broker that does not answer delays nobody', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1, b: 1 })
    const producer = new Producer(cluster.client('c1'))
    await cluster.settle(producer.send({ topic: 't', body: Buffer.from('x') }))
    await cluster.settle(producer.send({ topic: 't', body: Buffer.from('x') }))
    cluster.processes.get('broker-a')!.freeze()
    const before = beats(brokers['b']!)
    await cluster.clock.advance(60_000)
    expect(beats(brokers['b']!)).toBe(before + 2)
  })
})

describe('closing', () => {
  test('says goodbye, stops everything, works twice, and with everybody gone', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1, b: 1 })
    const clock = new CountingClock(cluster.clock)
    const client = cluster.client('c1', { clock })
    const producer = new Producer(client, { group: 'p' })
    const consumer = new Consumer(client, { group: 'g', topics: [{ topic: 't' }], onMessages })
    await cluster.settle(consumer.start())
    await cluster.settle(producer.send({ topic: 't', body: Buffer.from('x') }))
    const reader = new Reader(client, { topic: 't', from: { kind: 'end' }, follows: true })
    const reading = reader[Symbol.asyncIterator]().next()
    await cluster.clock.advance(1_000)
    cluster.processes.get('broker-b')!.kill()
    const closing = client.close()
    expect(client.close()).toBe(closing)
    await cluster.settle(closing)
    expect(await cluster.settle(reading)).toEqual({ done: true, value: undefined })
    expect(brokers['a']!.members.get('g')?.size).toBe(0)
    expect(brokers['a']!.producers.has('p')).toBe(false)

    await cluster.clock.advance(60_000)
    expect(clock.plannedCount).toBe(0)
    expect(() => new Producer(client)).toThrow('closed')
  })

  test('a group two producers share is left by the last of them', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const client = cluster.client('c1')
    const producers = [1, 2].map(() => new Producer(client, { group: 'p' }))
    for (const producer of producers) {
      await cluster.settle(producer.send({ topic: 't', body: Buffer.from('x') }))
    }
    await cluster.settle(producers[0]!.close())
    expect(brokers['a']!.producers.has('p')).toBe(true)
    await cluster.settle(producers[1]!.close())
    expect(brokers['a']!.producers.has('p')).toBe(false)
  })
})
