// Goal: what a send is answered and what of it is stored, for every way of sending and every reason
// to refuse. Method: real frames over a simulated network to a broker on a log in memory, whose
// writes take time or fail as the test says.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Broker } from '../../src/broker/broker.ts'
import { COUNTER } from '../../src/broker/counters.ts'
import { PENDING_APPEND_BYTES_MAX } from '../../src/core/limits.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { encodeBatch } from '../../src/remoting/message-batch.ts'
import { encodeProperties } from '../../src/remoting/properties.ts'
import { decodeSendResult } from '../../src/remoting/send-header.ts'
import { parseOffsetMessageId } from '../../src/remoting/stored-message.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import {
  BROKER_HOST,
  BrokerSimulation,
  makeTopic,
  send,
  sendFields,
  stored,
  topicFields,
} from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

async function withTopic(): Promise<{ broker: Broker; peer: WirePeer }> {
  const broker = await world.started()
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  return { broker, peer }
}

describe('one message', () => {
  test('is answered with its place and stored as it was sent', async () => {
    const { broker, peer } = await withTopic()
    const properties = encodeProperties({ TAGS: 'paid', UNIQ_KEY: 'U1', city: 'Köln' })
    const answer = await send(peer, { queueId: 2, flag: 9, properties, systemFlag: 1 }, 'body')
    expect(answer.code).toBe(RESPONSE.success)
    const result = decodeSendResult(answer.fields)
    expect(result).toMatchObject({ queueId: 2, queueOffset: 0, transactionId: 'U1' })
    expect(answer.fields).toMatchObject({ MSG_REGION: 'DefaultRegion', TRACE_ON: 'true' })
    const [message] = stored(broker, 'orders', 2)
    expect(message).toMatchObject({
      topic: 'orders',
      queueId: 2,
      queueOffset: 0,
      flag: 9,
      systemFlag: 1,
      bornTimeMs: 1_767_225_600_000,
      storeHost: `${BROKER_HOST}:10911`,
      properties: { TAGS: 'paid', UNIQ_KEY: 'U1', city: 'Köln' },
    })
    expect(message?.bornHost).toStartWith('10.0.9.9:')
    expect(message?.body.toString()).toBe('body')
    expect(parseOffsetMessageId(result.offsetMessageId)).toEqual({
      host: BROKER_HOST,
      port: 10_911,
      position: message?.position as number,
    })
  })

  test('goes by the long header as well as by the short one', async () => {
    const { broker, peer } = await withTopic()
    const answer = await peer.ask(
      REQUEST.sendMessage,
      {
        producerGroup: 'p',
        topic: 'orders',
        defaultTopic: 'TBW102',
        defaultTopicQueueNums: 4,
        queueId: 1,
        sysFlag: 0,
        bornTimestamp: 5,
        flag: 0,
        properties: '',
        // Go sends both with every message; they mean something only for retry topics.
        reconsumeTimes: 0,
        maxReconsumeTimes: 0,
      },
      Buffer.from('long'),
    )
    expect(answer.code).toBe(RESPONSE.success)
    expect(stored(broker, 'orders', 1).map(({ body }) => body.toString())).toEqual(['long'])
  })

  test('gets a unique key if its client made none', async () => {
    const { broker, peer } = await withTopic()
    const first = await send(peer, { properties: 'TAGS\x01a' })
    await send(peer, {})
    const keys = stored(broker, 'orders').map(({ properties }) => properties['UNIQ_KEY'])
    expect(keys[0]).toMatch(/^[0-9A-F]{32}$/)
    expect(keys[0]).not.toBe(keys[1])
    expect(first.fields['transactionId']).toBe(keys[0])
    expect(stored(broker, 'orders')[0]?.properties['TAGS']).toBe('a')
  })

  test('may be empty, and keeps no host flags of its client', async () => {
    const { broker, peer } = await withTopic()
    expect((await send(peer, { systemFlag: 0x31 }, '')).code).toBe(RESPONSE.success)
    expect(stored(broker, 'orders')[0]).toMatchObject({ systemFlag: 1, queueOffset: 0 })
    expect(stored(broker, 'orders')[0]?.body.length).toBe(0)
  })

  test('goes to the queues in turn if the broker is to choose', async () => {
    const { peer } = await withTopic()
    const queues: number[] = []
    for (let i = 0; i < 8; i++) {
      queues.push(decodeSendResult((await send(peer, { queueId: -1 })).fields).queueId)
    }
    expect(queues).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
  })

  test('one-way is stored and not answered', async () => {
    const { broker, peer } = await withTopic()
    await peer.tell(REQUEST.sendMessageCompact, sendFields(), Buffer.from('quiet'))
    await world.clock.advance(10)
    expect(stored(broker, 'orders').map(({ body }) => body.toString())).toEqual(['quiet'])
    expect(broker.metrics.counter(COUNTER.messagesIn).value).toBe(1)
  })
})

describe('a batch', () => {
  const items = ['a', 'b', 'c'].map((text, i) => ({
    flag: i,
    body: Buffer.from(text),
    properties: Buffer.from(encodeProperties({ UNIQ_KEY: `K${i}`, own: text })),
  }))

  test('is stored in order under consecutive offsets, with what its batch says of all', async () => {
    const { broker, peer } = await withTopic()
    const properties = encodeProperties({ UNIQ_KEY: 'BATCH', WAIT: 'true', own: 'batch' })
    await send(peer, { queueId: 1 })
    const answer = await peer.ask(
      REQUEST.sendBatch,
      sendFields({ queueId: 1, isBatch: true, properties }),
      encodeBatch(items),
    )
    expect(answer.code).toBe(RESPONSE.success)
    expect(answer.fields).toMatchObject({ queueId: '1', queueOffset: '1', transactionId: 'BATCH' })
    const messages = stored(broker, 'orders', 1).slice(1)
    expect(messages.map(({ queueOffset }) => queueOffset)).toEqual([1, 2, 3])
    expect(messages.map(({ body }) => body.toString())).toEqual(['a', 'b', 'c'])
    expect(messages.map(({ flag }) => flag)).toEqual([0, 1, 2])
    expect(messages.map(({ properties }) => ({ ...properties }))).toEqual([
      { UNIQ_KEY: 'K0', own: 'a', WAIT: 'true' },
      { UNIQ_KEY: 'K1', own: 'b', WAIT: 'true' },
      { UNIQ_KEY: 'K2', own: 'c', WAIT: 'true' },
    ])
    const ids = decodeSendResult(answer.fields).offsetMessageId.split(',')
    expect(ids.map((id) => parseOffsetMessageId(id)?.position)).toEqual(
      messages.map(({ position }) => position),
    )
  })

  test('is stored not at all if one of its messages cannot be', async () => {
    const { broker, peer } = await withTopic()
    const delayed = { ...items[0]!, properties: Buffer.from(encodeProperties({ DELAY: '3' })) }
    const body = encodeBatch([...items, delayed])
    const answer = await peer.ask(REQUEST.sendBatch, sendFields({ isBatch: true }), body)
    expect(answer.code).toBe(RESPONSE.notSupported)
    expect(stored(broker, 'orders')).toEqual([])
  })

  test('is refused when its body does not add up, and for retry topics', async () => {
    const { peer } = await withTopic()
    const cut = encodeBatch(items).subarray(0, -1)
    const broken = await peer.ask(REQUEST.sendBatch, sendFields({ isBatch: true }), cut)
    expect(broken.code).toBe(RESPONSE.messageIllegal)
    const retry = sendFields({ isBatch: true, topic: '%RETRY%g' })
    const refused = await peer.ask(REQUEST.sendBatch, retry, encodeBatch(items))
    expect(refused).toMatchObject({ code: RESPONSE.messageIllegal })
  })
})

describe('refused', () => {
  const cases: [string, Parameters<typeof send>[1], number, RegExp][] = [
    ['an unknown topic', { topic: 'nothing' }, RESPONSE.topicNotExist, /autoCreateTopics/],
    ['an invalid topic name', { topic: 'a/../b' }, RESPONSE.systemError, /invalid topic name/],
    ['a reserved topic', { topic: 'SCHEDULE_TOPIC_XXXX' }, RESPONSE.noPermission, /reserved/],
    ['a queue that is not there', { queueId: 4 }, RESPONSE.systemError, /4 queues, queue 4/],
    ['a delay level', { properties: 'DELAY\x013\x02' }, RESPONSE.notSupported, /delayed/],
    ['a timer', { properties: 'TIMER_DELAY_SEC\x019\x02' }, RESPONSE.notSupported, /delayed/],
    ['half a transaction', { properties: 'TRAN_MSG\x01true' }, RESPONSE.notSupported, /transact/],
    ['a transaction flag', { systemFlag: 4 }, RESPONSE.notSupported, /transact/],
    [
      'properties over their limit',
      { properties: `k\x01${'v'.repeat(32_770)}\x02` },
      RESPONSE.messageIllegal,
      /32767 fit/,
    ],
  ]
  for (const [what, header, code, remark] of cases) {
    test(what, async () => {
      const { broker, peer } = await withTopic()
      const answer = await send(peer, header)
      expect(answer.code).toBe(code)
      expect(answer.remark).toMatch(remark)
      expect(broker.metrics.counter(COUNTER.sendsRefused).value).toBe(1)
      expect(stored(broker, 'orders')).toEqual([])
    })
  }

  test('a message over the limit, and no byte below it', async () => {
    await world.started({ config: { messageBytesMax: 100 } })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    expect((await send(peer, {}, 'x'.repeat(100))).code).toBe(RESPONSE.success)
    const refused = await send(peer, {}, 'x'.repeat(101))
    expect(refused.code).toBe(RESPONSE.messageIllegal)
    expect(refused.remark).toMatch(/101 bytes.*at most 100/)
  })

  test('a topic without the write permission; the queues of a shrunk one stay writable', async () => {
    const { peer } = await withTopic()
    const shrunk = topicFields('orders', { readQueues: 4, writeQueues: 2 })
    await peer.ask(REQUEST.createTopic, shrunk)
    expect((await send(peer, { queueId: 3 })).code).toBe(RESPONSE.success)
    await peer.ask(REQUEST.createTopic, topicFields('orders', { permission: 4 }))
    const answer = await send(peer, {})
    expect(answer.code).toBe(RESPONSE.noPermission)
    expect(answer.remark).toMatch(/orders.*not writable/)
  })

  test('values that mean "no delay" and "no transaction" are none', async () => {
    const { peer } = await withTopic()
    const properties = 'DELAY\x010\x02TRAN_MSG\x01false\x02'
    expect((await send(peer, { properties })).code).toBe(RESPONSE.success)
  })
})

describe('retry topics', () => {
  test('are made by the first send and take delayed messages', async () => {
    const broker = await world.started()
    const peer = world.peer()
    const header = { topic: '%RETRY%g', properties: 'DELAY\x014\x02UNIQ_KEY\x01U\x02' }
    const answer = await send(peer, { ...header, reconsumeTimes: 1, reconsumeTimesMax: 16 })
    expect(answer.code).toBe(RESPONSE.success)
    const [message] = stored(broker, '%RETRY%g')
    expect(message).toMatchObject({ reconsumeTimes: 1, properties: { DELAY: '4' } })
  })

  test('pass on to the dead letters what came back too often', async () => {
    const broker = await world.started()
    const peer = world.peer()
    const header = { topic: '%RETRY%g', reconsumeTimes: 17 }
    expect((await send(peer, header, 'poison')).code).toBe(RESPONSE.success)
    expect(broker.state.topics.has('%RETRY%g')).toBe(false)
    expect(stored(broker, '%DLQ%g').map(({ body }) => body.toString())).toEqual(['poison'])
  })
})

describe('topics made by sends', () => {
  test('have as many queues as the client asks for, up to the template', async () => {
    const broker = await world.started({ config: { autoCreateTopics: true } })
    const peer = world.peer()
    const names = ['few', 'many'] as const
    const counts = { few: 3, many: 100 }
    for (const topic of names) {
      const answer = await send(peer, { topic, templateQueueCount: counts[topic] })
      expect(answer.code).toBe(RESPONSE.success)
    }
    expect(broker.state.topics.get('few')).toMatchObject({ writeQueueCount: 3, permission: 6 })
    expect(broker.state.topics.get('many')).toMatchObject({ readQueueCount: 8, permission: 6 })
  })

  test('are made once for a burst of sends, which keep their order', async () => {
    const broker = await world.started({ config: { autoCreateTopics: true } })
    const peer = world.peer()
    const burst = Array.from({ length: 20 }, (_, i) =>
      peer.begin(REQUEST.sendMessageCompact, sendFields({ topic: 'new' }), Buffer.from(`${i}`)),
    )
    const answers = await world.clock.runFor(Promise.all(burst), 1_000)
    expect(answers.every(({ code }) => code === RESPONSE.success)).toBe(true)
    const bodies = stored(broker, 'new').map(({ body }) => Number(body.toString()))
    expect(bodies).toEqual(bodies.map((_, i) => i))
  })

  test('need a template that may be inherited from', async () => {
    await world.started({ config: { autoCreateTopics: true } })
    const peer = world.peer()
    await makeTopic(peer, 'plain')
    const answer = await send(peer, { topic: 'new', templateTopic: 'plain' })
    expect(answer.code).toBe(RESPONSE.topicNotExist)
    expect(answer.remark).toMatch(/new.*plain/)
  })
})

describe('durability', () => {
  test('R62: nothing is acknowledged before the log says it is durable', async () => {
    const commitMs = 1_000
    const { clock, disk } = world
    await world.started({ log: new MemoryLog({ disk, clock, commitMs }) })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    const begunMs = clock.monoMs()
    let answeredMs = 0
    const answer = peer
      .begin(REQUEST.sendMessageCompact, sendFields(), Buffer.from('held'))
      .then((command) => {
        answeredMs = clock.monoMs()
        return command
      })
    await clock.advance(commitMs - 10)
    expect(answeredMs).toBe(0)
    expect((await clock.runFor(answer, 1_000)).code).toBe(RESPONSE.success)
    expect(answeredMs - begunMs).toBeGreaterThanOrEqual(commitMs)
  })

  test('R62: what was acknowledged is there after a crash, what was not is not', async () => {
    const { clock, disk } = world
    const log = new MemoryLog({ disk, clock, commitMs: 100 })
    const broker = await world.started({ log })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    await send(peer, {}, 'kept')
    const lost = peer.begin(REQUEST.sendMessageCompact, sendFields(), Buffer.from('lost'))
    lost.catch(() => {})
    await clock.advance(50)
    world.kill(broker, log)
    const again = await world.started()
    expect(stored(again, 'orders').map(({ body }) => body.toString())).toEqual(['kept'])
  })

  test('a full disk refuses sends with code 14, serves what is there, and recovers', async () => {
    const log = new MemoryLog({ disk: world.disk })
    const broker = await world.started({ log })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    await send(peer, {}, 'before')
    log.failWrite(1, { code: 'DISK_FULL' })
    const refused = await send(peer, {}, 'refused')
    expect(refused.code).toBe(RESPONSE.serviceNotAvailable)
    expect((await send(peer, {}, 'refused')).code).toBe(RESPONSE.serviceNotAvailable)
    expect(stored(broker, 'orders').map(({ body }) => body.toString())).toEqual(['before'])
    expect(world.failures).toEqual([])
    await world.clock.advance(1_001)
    expect((await send(peer, {}, 'after')).code).toBe(RESPONSE.success)
    expect(stored(broker, 'orders').map(({ queueOffset }) => queueOffset)).toEqual([0, 1])
  })

  test('a failed disk is reported once and acknowledges nothing more', async () => {
    const log = new MemoryLog({ disk: world.disk })
    await world.started({ log })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    log.failWrite(1, { code: 'DISK_FAILED', isWritten: true })
    for (let i = 0; i < 3; i++) {
      expect((await send(peer, {})).code).toBe(RESPONSE.serviceNotAvailable)
    }
    expect(world.failures.map(({ code }) => code)).toEqual(['DISK_FAILED'])
  })

  test('sends are turned away while too much waits for the disk', async () => {
    const { clock, disk } = world
    await world.started({ log: new MemoryLog({ disk, clock, commitMs: 500 }) })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    const body = Buffer.alloc(4 * 1024 * 1024)
    const count = PENDING_APPEND_BYTES_MAX / body.length + 2
    const answers = Array.from({ length: count }, () =>
      peer.begin(REQUEST.sendMessageCompact, sendFields(), body),
    )
    const codes = (await clock.runFor(Promise.all(answers), 60_000)).map(({ code }) => code)
    expect(codes.filter((code) => code === RESPONSE.success).length).toBeGreaterThan(15)
    expect(codes.slice(0, 3)).toEqual([0, 0, 0])
    expect(codes.at(-1)).toBe(RESPONSE.systemBusy)
  })
})
