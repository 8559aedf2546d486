// Goal: messages with one key are stored in the order they were sent, in one queue, while anything
// fails (R29). Method: real nameserver, fake brokers that refuse or are killed, virtual time.

import { describe, expect, test } from 'bun:test'
import { keyHash } from '../../src/client/key-hash.ts'
import { Producer } from '../../src/client/producer.ts'
import type { MqError } from '../../src/core/errors.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { propertiesOf } from '../support/fake-broker.ts'
import { fakeCluster } from '../support/fake-cluster.ts'

const text = (value: string): Buffer => Buffer.from(value)

describe('by key', () => {
  test('R29: the same key always reaches the same queue', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 4, b: 4 })
    const producer = new Producer(cluster.client('c1'), { policy: { kind: 'key-hash' } })
    const sends = Array.from({ length: 2_000 }, (_, i) =>
      producer.send({ topic: 't', body: text(String(i)), key: `k${i % 100}` }),
    )
    await cluster.settle(Promise.all(sends))
    const queueOfKey = new Map<string, Set<string>>()
    for (const [name, broker] of Object.entries(brokers)) {
      for (const message of broker.messages('t')) {
        const key = propertiesOf(message)['KEYS']!
        queueOfKey.set(key, (queueOfKey.get(key) ?? new Set()).add(`${name}${message.queueId}`))
      }
    }
    expect(queueOfKey.size).toBe(100)
    for (const [key, queues] of queueOfKey) {
      const at = keyHash(key) % 8
      expect([...queues]).toEqual([`${at < 4 ? 'a' : 'b'}${at % 4}`])
    }
  })

  test('order of a key holds while requests fail and are repeated', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2 })
    let requestCount = 0
    for (const code of [REQUEST.sendMessageCompact, REQUEST.sendBatch]) {
      brokers['a']!.overrides.set(code, () =>
        ++requestCount % 3 === 0 ? { code: RESPONSE.systemBusy, remark: 'busy' } : undefined,
      )
    }
    const producer = new Producer(cluster.client('c1'), {
      policy: { kind: 'key-hash' },
      batchMessagesMax: 7,
      timeoutMs: 30_000,
    })
    const sends = Array.from({ length: 300 }, (_, i) =>
      producer.send({ topic: 't', body: text(String(i)), key: `k${i % 5}` }),
    )
    await cluster.settle(Promise.all(sends))
    expectOrderByKey([...brokers['a']!.queue('t', 0), ...brokers['a']!.queue('t', 1)], 300)
    expect(producer.stats().retried).toBeGreaterThan(10)
  })

  test('nobody passes the first sends, which wait for the route', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const client = cluster.client('c1')
    const producer = new Producer(client, { policy: { kind: 'key-hash' } })
    const sends: Promise<unknown>[] = []
    const send = (): void => {
      sends.push(producer.send({ topic: 't', body: text(String(sends.length)), key: 'k' }))
    }
    send()
    const route = client.routes.get('t')
    // One at each step of the promises that the arrival of the route sets off.
    const racing = route.then(async () => {
      for (let step = 0; step < 12; step++) {
        send()
        await null
      }
    })
    await cluster.settle(racing)
    await cluster.settle(Promise.all(sends))
    expectOrderByKey(brokers['a']!.messages('t'), 13)
  })

  test('when a broker goes, its keys move together and none is lost or overtaken', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2, b: 2 })
    const producer = new Producer(cluster.client('c1'), {
      policy: { kind: 'consistent-hash' },
      batchMessagesMax: 5,
    })
    const sends: Promise<unknown>[] = []
    const timer = cluster.clock.every(1, () => {
      const i = sends.length
      sends.push(producer.send({ topic: 't', body: text(String(i)), key: `k${i % 20}` }))
    })
    await cluster.clock.advance(200)
    cluster.processes.get('broker-b')!.kill()
    await cluster.clock.advance(300)
    timer.cancel()
    await cluster.settle(Promise.all(sends))
    expect(producer.stats()).toMatchObject({ failed: 0, sent: sends.length })
    // Broker a has every key's messages from the switch on in order; before it, b had some.
    const perBroker = [brokers['a']!, brokers['b']!].map((broker) => broker.messages('t'))
    const bodies = new Set(perBroker.flat().map((message) => message.body.toString()))
    expect(bodies.size).toBe(sends.length)
    for (const messages of perBroker) expectOrderByKey(messages, null)
  })

  test("'fixed': a key never changes its queue, its sends fail while the broker is away", async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1, b: 1 })
    const producer = new Producer(cluster.client('c1'), {
      policy: { kind: 'key-hash' },
      queueSet: 'fixed',
    })
    const keyOfB = Array.from({ length: 50 }, (_, i) => `k${i}`).find((k) => keyHash(k) % 2 === 1)!
    await cluster.settle(producer.send({ topic: 't', body: text('0'), key: keyOfB }))
    cluster.processes.get('broker-b')!.kill()
    const error = await cluster.failure(
      producer.send({ topic: 't', body: text('1'), key: keyOfB }),
      4_000,
    )
    expect((error as MqError).code).toBe('UNREACHABLE')
    expect(brokers['a']!.messages('t')).toHaveLength(0)
  })

  test('messages without a key are spread', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 4 })
    const producer = new Producer(cluster.client('c1'), { policy: { kind: 'key-hash' } })
    await cluster.settle(
      Promise.all(Array.from({ length: 40 }, () => producer.send({ topic: 't', body: text('') }))),
    )
    for (let id = 0; id < 4; id++) expect(brokers['a']!.queue('t', id)).toHaveLength(10)
  })
})

function expectOrderByKey(
  messages: Parameters<typeof propertiesOf>[0][],
  count: number | null,
): void {
  if (count !== null) expect(messages).toHaveLength(count)
  const last = new Map<string, number>()
  for (const message of messages) {
    const key = `${propertiesOf(message)['KEYS']}`
    const value = Number(message.body.toString())
    expect(value).toBeGreaterThan(last.get(key) ?? -1)
    last.set(key, value)
  }
}
