// Goal: a producer's sends end where they should, within its bounds, and mistakes are told at once.
// Method: real nameserver, fake brokers, virtual time and network.

import { describe, expect, test } from 'bun:test'
import { Producer } from '../../src/client/producer.ts'
import { sleep } from '../../src/core/clock.ts'
import type { MqError } from '../../src/core/errors.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { propertiesOf } from '../support/fake-broker.ts'
import { fakeCluster } from '../support/fake-cluster.ts'

const text = (value: string): Buffer => Buffer.from(value)

describe('one message', () => {
  test('arrives with key, tag, properties and id, and its receipt says where it is', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const producer = new Producer(cluster.client('c1'))
    const receipt = await cluster.settle(
      producer.send({
        topic: 't',
        body: text('hello'),
        key: 'k 1',
        tag: 'T',
        properties: { city: '北京' },
        flag: -3,
      }),
    )
    expect(receipt).toMatchObject({
      brokerName: 'broker-a',
      queueId: 0,
      queueOffset: 0,
      attempts: 1,
    })
    expect(receipt.isDurable).toBe(true)
    const [stored] = brokers['a']!.messages('t')
    expect(stored!.body.toString()).toBe('hello')
    expect(stored!.flag).toBe(-3)
    expect(propertiesOf(stored!)).toEqual({
      KEYS: 'k 1',
      TAGS: 'T',
      city: '北京',
      UNIQ_KEY: receipt.messageId,
    })
    expect(receipt.messageId).toMatch(/^[0-9A-F]{32}$/)
  })

  test('what is wrong with it is said before anything is sent', async () => {
    const { cluster } = await fakeCluster({ a: 1 })
    const producer = new Producer(cluster.client('c1'))
    const table: [Parameters<Producer['send']>[0], string][] = [
      [{ topic: 'bad topic', body: text('') }, 'TOPIC_INVALID'],
      [{ topic: 't', body: Buffer.alloc(4 * 1024 * 1024 + 1) }, 'MESSAGE_TOO_LARGE'],
      [{ topic: 't', body: text(''), key: 'x'.repeat(40_000) }, 'MESSAGE_INVALID'],
      [{ topic: 't', body: text(''), key: '"'.repeat(32_000) }, 'MESSAGE_INVALID'],
      [{ topic: 't', body: text(''), properties: { a: '' } }, 'MESSAGE_INVALID'],
      [{ topic: 't', body: text(''), properties: { KEYS: 'k' } }, 'MESSAGE_INVALID'],
      [{ topic: 't', body: text(''), properties: { a: 'x\u0001y' } }, 'MESSAGE_INVALID'],
      [{ topic: 't', body: text(''), flag: 1.5 }, 'MESSAGE_INVALID'],
    ]
    for (const [message, code] of table) {
      expect(((await cluster.failure(producer.send(message))) as MqError).code).toBe(code as never)
    }
    expect(producer.stats().attempts).toBe(0)
  })

  test('one-way: nobody answers, the message is there', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2 })
    const producer = new Producer(cluster.client('c1'))
    await cluster.settle(producer.sendOneway({ topic: 't', body: text('x') }))
    await cluster.clock.advance(10)
    expect(brokers['a']!.messages('t')).toHaveLength(1)
    expect(brokers['a']!.requestsOf(REQUEST.sendMessageCompact)[0]!.flag).toBe(2)
  })

  test('stored but not promised is a receipt that says so', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    brokers['a']!.overrides.set(REQUEST.sendMessageCompact, () => ({
      code: RESPONSE.flushDiskTimeout,
      fields: { msgId: 'x', queueId: 0, queueOffset: 5 },
    }))
    const producer = new Producer(cluster.client('c1'))
    const receipt = await cluster.settle(producer.send({ topic: 't', body: text('x') }))
    expect(receipt).toMatchObject({ queueOffset: 5, isDurable: false })
  })
})

describe('spreading', () => {
  test('R27: 4,000 sends over 4 queues are 1,000 each', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2, b: 2 })
    const producer = new Producer(cluster.client('c1'))
    const sends = Array.from({ length: 4_000 }, (_, i) =>
      producer.send({ topic: 't', body: text(String(i)) }),
    )
    await cluster.settle(Promise.all(sends))
    for (const name of ['a', 'b']) {
      expect(brokers[name]!.queue('t', 0)).toHaveLength(1_000)
      expect(brokers[name]!.queue('t', 1)).toHaveLength(1_000)
    }
    expect(producer.stats()).toMatchObject({ sent: 4_000, failed: 0, retried: 0 })
  })

  test('R28: weights 3:1 by broker give 3,000:1,000', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 4, b: 4 })
    const weights = { 'broker-a': 3, 'broker-b': 1 }
    const producer = new Producer(cluster.client('c1'), { policy: { kind: 'weighted', weights } })
    const sends = Array.from({ length: 4_000 }, () => producer.send({ topic: 't', body: text('') }))
    await cluster.settle(Promise.all(sends))
    expect(brokers['a']!.messages('t')).toHaveLength(3_000)
    expect(brokers['b']!.messages('t')).toHaveLength(1_000)
  })

  test('sends made together travel together; receipts still name each message', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const producer = new Producer(cluster.client('c1'))
    await cluster.settle(producer.send({ topic: 't', body: text('first') }))
    const receipts = await cluster.settle(
      Promise.all([1, 2, 3].map((i) => producer.send({ topic: 't', body: text(`m${i}`) }))),
    )
    expect(brokers['a']!.requestsOf(REQUEST.sendBatch)).toHaveLength(1)
    expect(receipts.map((receipt) => receipt.queueOffset)).toEqual([1, 2, 3])
    expect(new Set(receipts.map((receipt) => receipt.messageId)).size).toBe(3)
    const stored = brokers['a']!.messages('t')
    receipts.forEach((receipt, i) => {
      expect(propertiesOf(stored[i + 1]!)['UNIQ_KEY']).toBe(receipt.messageId)
    })
  })

  test('a delayed message is never part of a batch', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const producer = new Producer(cluster.client('c1'))
    const sends = [undefined, { DELAY: '3' }, undefined, undefined].map((properties, i) =>
      producer.send({ topic: 't', body: text(`${i}`), ...(properties ? { properties } : {}) }),
    )
    await cluster.settle(Promise.all(sends))
    expect(brokers['a']!.requestsOf(REQUEST.sendMessageCompact)).toHaveLength(2)
    expect(brokers['a']!.requestsOf(REQUEST.sendBatch)).toHaveLength(1)
  })

  test('sendBatch: neighbours in one queue; refused whole when it cannot be', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2, b: 2 })
    const producer = new Producer(cluster.client('c1'))
    const messages = [1, 2, 3].map((i) => ({ topic: 't', body: text(`${i}`) }))
    const receipts = await cluster.settle(producer.sendBatch(messages))
    expect(receipts.map((receipt) => receipt.queueOffset)).toEqual([0, 1, 2])
    expect(new Set(receipts.map((r) => `${r.brokerName}${r.queueId}`)).size).toBe(1)
    const mixed = producer.sendBatch([...messages, { topic: 'u', body: text('') }])
    expect((await cluster.failure(mixed)).message).toContain('one topic')
    expect([...brokers['a']!.messages('t'), ...brokers['b']!.messages('t')]).toHaveLength(3)
    expect(await cluster.settle(producer.sendBatch([]))).toEqual([])
  })

  test('one bad message in a batch fails for itself only', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const isBad = (body: Buffer): boolean => body.includes('bad')
    const refusal = { code: RESPONSE.messageIllegal, remark: 'too large' }
    for (const code of [REQUEST.sendBatch, REQUEST.sendMessageCompact]) {
      brokers['a']!.overrides.set(code, ({ body }) => (isBad(body) ? refusal : undefined))
    }
    const producer = new Producer(cluster.client('c1'))
    const outcomes = await cluster.settle(
      Promise.allSettled(
        ['x', 'bad', 'y'].map((body) => producer.send({ topic: 't', body: text(body) })),
      ),
    )
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(producer.stats()).toMatchObject({ sent: 2, failed: 1 })
  })
})

describe('bounds', () => {
  test('no more than the bound is under way; ready() and the order of calls hold', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    let inFlightCount = 0
    let inFlightMax = 0
    brokers['a']!.overrides.set(REQUEST.sendMessageCompact, (request, connection) => {
      inFlightMax = Math.max(inFlightMax, ++inFlightCount)
      return new Promise((resolve) => {
        cluster.clock.after(20, () => {
          inFlightCount--
          const queueOffset = brokers['a']!.append('t', 0, { body: request.body })
          resolve({ code: 0, fields: { msgId: connection.peer, queueId: 0, queueOffset } })
        })
      })
    })
    const producer = new Producer(cluster.client('c1'), {
      inFlightMessagesMax: 4,
      batchMessagesMax: 1,
    })
    const sends = Array.from({ length: 40 }, (_, i) =>
      producer.send({ topic: 't', body: text(String(i)) }),
    )
    let isReady = false
    void producer.ready().then(() => {
      isReady = true
    })
    await cluster.clock.advance(30)
    expect(isReady).toBe(false)
    await cluster.settle(Promise.all(sends))
    await cluster.settle(producer.ready())
    expect(inFlightMax).toBe(4)
    expect(brokers['a']!.messages('t').map((m) => m.body.toString())).toEqual(
      Array.from({ length: 40 }, (_, i) => String(i)),
    )
  })

  test('bytes are bounded too, and a message above the bound goes alone', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const producer = new Producer(cluster.client('c1'), { inFlightBytesMax: 1_000 })
    const sizes = [300, 300, 5_000, 300]
    await cluster.settle(
      Promise.all(sizes.map((size) => producer.send({ topic: 't', body: Buffer.alloc(size) }))),
    )
    expect(brokers['a']!.messages('t').map((m) => m.body.length)).toEqual(sizes)
  })

  test('close settles what is under way and says goodbye; sending afterwards is refused', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const client = cluster.client('c1')
    const producer = new Producer(client, { group: 'p' })
    const send = producer.send({ topic: 't', body: text('x') })
    await cluster.clock.advance(10)
    expect(brokers['a']!.producers.has('p')).toBe(true)
    const order: string[] = []
    brokers['a']!.overrides.set(REQUEST.sendMessageCompact, async () => {
      await sleep(cluster.clock, 300)
      return { code: 0, fields: { msgId: 'x', queueId: 0, queueOffset: 1 } }
    })
    const last = producer.send({ topic: 't', body: text('y') }).then(() => order.push('sent'))
    const closing = producer.close().then(() => order.push('closed'))
    await cluster.settle(closing)
    await cluster.settle(Promise.all([send, last, producer.close()]))
    expect(order).toEqual(['sent', 'closed'])
    expect(brokers['a']!.producers.has('p')).toBe(false)
    const late = await cluster.failure(producer.send({ topic: 't', body: text('x') }))
    expect(late.message).toContain('closed')
    await cluster.settle(client.close())
  })
})

describe('routes', () => {
  test('a missing topic: who was asked, what they know, what to do', async () => {
    const { cluster } = await fakeCluster({ a: 1 })
    const producer = new Producer(cluster.client('c1'))
    const error = (await cluster.failure(
      producer.send({ topic: 'nope', body: text('x') }),
    )) as MqError
    expect(error.code).toBe('TOPIC_NOT_FOUND')
    expect(error.message).toContain('ns1:9876 knows 1 broker but not this topic')
    expect(error.hint).toContain('mq topic create nope')
  })

  test('no nameserver at all is UNREACHABLE and names each', async () => {
    const { cluster } = await fakeCluster({ a: 1 })
    const client = cluster.client('c1', { nameservers: ['ns1:1', 'ns1:2'] })
    const error = (await cluster.failure(
      new Producer(client).send({ topic: 't', body: text('x') }),
    )) as MqError
    expect(error.code).toBe('UNREACHABLE')
    expect(error.message).toContain('ns1:1')
    expect(error.message).toContain('ns1:2')
    expect(error.hint).toContain('mq nameserver')
  })

  test('an unknown topic is sent to the template of brokers that make topics by themselves', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const broker = brokers['a']!
    await cluster.settle(broker.setTopic('TBW102', { queueCount: 8, permission: 7 }))
    let isMade = false
    broker.overrides.set(REQUEST.sendMessageCompact, ({ fields }) => {
      expect(fields['c']).toBe('TBW102')
      if (!isMade) void broker.setTopic('fresh', { queueCount: 4 })
      isMade = true
      return undefined
    })
    // The fake makes the topic when it sees the request, so the first answer is "no such topic".
    const client = cluster.client('c1')
    const producer = new Producer(client)
    await cluster.settle(producer.send({ topic: 'fresh', body: text('1') }))
    await cluster.clock.advance(2_000)
    await cluster.settle(producer.send({ topic: 'fresh', body: text('2') }))
    await cluster.clock.advance(2_000)
    expect(broker.messages('fresh')).toHaveLength(2)
    expect(client.routes.peek('fresh')?.route.queues[0]?.writeQueueCount).toBe(4)
  })

  test('a topic without a writable queue says why', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    await cluster.settle(brokers['a']!.setTopic('t', { queueCount: 2, permission: 4 }))
    const error = await cluster.failure(
      new Producer(cluster.client('c1')).send({ topic: 't', body: text('x') }),
    )
    expect((error as MqError).code).toBe('NO_PERMISSION')
    expect(error.message).toContain('broker-a takes no writes')
  })
})
