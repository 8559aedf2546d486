// Goal: a group that consumes in order works on each queue in one place at a time, whatever its members
// believe (R17), and goes on when a member dies, sleeps or leaves. Method: real nameservers and brokers
// on memory under virtual time; every call of a handler is on record with its beginning and end.

import { describe, expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { queueName } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import { QueueLeases } from '../../src/client/queue-leases.ts'
import { type Clock, sleep } from '../../src/core/clock.ts'
import { MqError } from '../../src/core/errors.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command, Response } from '../../src/remoting/command.ts'
import { decodeLockRequest, encodeLockAnswer } from '../../src/remoting/queue-locks.ts'
import { realCluster, splitCluster } from '../support/consumer-fixture.ts'
import { FakeCluster, realBrokerHost } from '../support/fake-cluster.ts'

/** One call of a handler. */
interface Work {
  member: string
  queue: string
  firstOffset: number
  lastOffset: number
  startMs: number
  endMs: number
}

const WORK_MS = 40

class Group {
  readonly work: Work[] = []
  readonly bodies = new Set<string>()
  readonly consumers: Consumer[] = []
  readonly #cluster: FakeCluster
  readonly #isOrdered: boolean

  constructor(cluster: FakeCluster, isOrdered: boolean) {
    this.#cluster = cluster
    this.#isOrdered = isOrdered
  }

  async add(
    host: string,
    options: { nameserver?: string; clock?: Clock; workMs?: number } = {},
  ): Promise<Consumer> {
    const { nameserver, clock = this.#cluster.clock, workMs = WORK_MS } = options
    const client = this.#cluster.client(host, {
      clock,
      ...(nameserver === undefined ? {} : { nameservers: [nameserver] }),
    })
    const consumer = new Consumer(client, {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      isOrdered: this.#isOrdered,
      batchMessagesMax: 4,
      onMessages: async (messages, queue) => {
        const startMs = this.#cluster.clock.monoMs()
        await sleep(clock, workMs)
        const endMs = this.#cluster.clock.monoMs()
        const [firstOffset, lastOffset] = [messages[0]!, messages.at(-1)!].map(
          (message) => message.queueOffset,
        ) as [number, number]
        const name = queueName(queue)
        this.work.push({ member: host, queue: name, firstOffset, lastOffset, startMs, endMs })
        for (const message of messages) this.bodies.add(message.body.toString())
      },
    })
    this.consumers.push(consumer)
    await this.#cluster.settle(consumer.start())
    return consumer
  }

  /** Pairs of calls for one queue that ran at the same time, or went back behind what was done. */
  violations(): [Work, Work][] {
    const found: [Work, Work][] = []
    const last = new Map<string, Work>()
    for (const work of [...this.work].sort((a, b) => a.startMs - b.startMs)) {
      const before = last.get(work.queue)
      if (before !== undefined) {
        if (work.startMs < before.endMs || work.firstOffset <= before.lastOffset) {
          found.push([before, work])
        }
      }
      last.set(work.queue, work)
    }
    return found
  }

  owners(name: string): number {
    return this.consumers.filter((consumer) =>
      consumer.assignment().some((queue) => queueName(queue) === name),
    ).length
  }
}

/** A message every 20 ms until `stop`; its bodies are the numbers from 0. */
function load(cluster: FakeCluster): { stop: () => Promise<string[]> } {
  const producer = new Producer(cluster.client('producer', { nameservers: ['ns1:9876'] }))
  const sends: Promise<unknown>[] = []
  const timer = cluster.clock.every(20, () => {
    sends.push(producer.send({ topic: 't', body: Buffer.from(String(sends.length)) }))
  })
  return {
    async stop() {
      timer.cancel()
      await cluster.settle(Promise.all(sends))
      return sends.map((_, i) => String(i))
    },
  }
}

describe('R17: two members that both believe a queue is theirs', () => {
  async function run(isOrdered: boolean): Promise<{ group: Group; lost: string[] }> {
    const { cluster, heal } = await splitCluster()
    const group = new Group(cluster, isOrdered)
    const sending = load(cluster)
    await group.add('c1', { nameserver: 'ns1:9876' })
    await group.add('c2', { nameserver: 'ns2:9876' })
    await cluster.clock.advance(60_000)
    if (isOrdered) expect(group.owners('t@broker-a:2')).toBe(1)
    else expect(group.owners('t@broker-a:2')).toBe(2)
    heal()
    await cluster.clock.advance(80_000)
    const sent = await sending.stop()
    await cluster.clock.advance(5_000)
    for (let id = 0; id < 4; id++) {
      expect(group.owners(`t@broker-a:${id}`)).toBe(1)
      expect(group.owners(`t@broker-b:${id}`)).toBe(1)
    }
    return { group, lost: sent.filter((body) => !group.bodies.has(body)) }
  }

  test('R17: with locks one works and the other waits; nothing is out of order or lost', async () => {
    const { group, lost } = await run(true)
    expect(group.violations()).toEqual([])
    expect(lost).toEqual([])
  })

  test('R17: without locks both work on it', async () => {
    const { group, lost } = await run(false)
    expect(group.violations().length).toBeGreaterThan(10)
    expect(lost).toEqual([])
  })
})

describe('handing over', () => {
  test('members that come and go never work on a queue at the same time', async () => {
    const cluster = await realCluster(['broker-a', 'broker-b'], 8)
    const group = new Group(cluster, true)
    const sending = load(cluster)
    for (const host of ['c1', 'c2', 'c3']) {
      await group.add(host)
      await cluster.clock.advance(5_000)
    }
    await cluster.settle(group.consumers[1]!.close())
    await cluster.clock.advance(5_000)
    const sent = await sending.stop()
    await cluster.clock.advance(5_000)
    expect(group.violations()).toEqual([])
    expect(sent.filter((body) => !group.bodies.has(body))).toEqual([])
  })

  test('a queue that is given up stays locked while a handler works on it, however long', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    const group = new Group(cluster, true)
    const sending = load(cluster)
    await cluster.clock.advance(2_000)
    const sent = await sending.stop()
    const workMs = 200_000
    const first = await group.add('c1', { workMs })
    await cluster.clock.advance(1_000)
    const second = await group.add('c2')
    // Three times the minute that the broker keeps a lock nobody renews.
    await cluster.clock.advance(workMs - 10_000)
    expect(first.assignment()).toHaveLength(1)
    expect(group.work).toEqual([])
    await cluster.clock.advance(20_000)
    expect(second.assignment()).toHaveLength(1)
    await cluster.settle(first.close(), 30_000)
    await cluster.clock.advance(100_000)
    const [slow] = group.work
    expect(group.violations().filter(([before]) => before === slow)).toEqual([])
    expect(sent.filter((body) => !group.bodies.has(body))).toEqual([])
  })

  test('whoever closes gives its queues back at once', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    const group = new Group(cluster, true)
    const first = await group.add('c1')
    await cluster.settle(first.close())
    const second = await group.add('c2')
    expect(second.assignment()).toHaveLength(2)
  })

  test('a member that sleeps for minutes does not go on with what was taken from it', async () => {
    const cluster = await realCluster(['broker-a'], 1)
    const group = new Group(cluster, true)
    const sending = load(cluster)
    const sleeper = cluster.process('c1')
    await group.add('c1', { clock: sleeper.clock })
    await cluster.clock.advance(3_010)
    sleeper.freeze()
    await group.add('c2')
    // The broker takes it for dead after two minutes of silence.
    await cluster.clock.advance(150_000)
    const taken = group.work.filter(({ member }) => member === 'c2').length
    expect(taken).toBeGreaterThan(100)
    sleeper.thaw()
    await cluster.clock.advance(60_000)
    const sent = await sending.stop()
    // What gathered while nobody worked takes as long to be worked off.
    await cluster.clock.advance(90_000)
    // The batch it had when it fell asleep was handled again by the other: nothing else was.
    const late = group.violations().filter(([, after]) => after.member === 'c1')
    expect(late).toEqual([])
    expect(sent.filter((body) => !group.bodies.has(body))).toEqual([])
  })

  test('a lock is kept for as long as its holder works', async () => {
    const cluster = await realCluster(['broker-a'], 2)
    const group = new Group(cluster, true)
    await group.add('c1')
    // The broker's minute passes several times over.
    await cluster.clock.advance(200_000)
    const locks = new QueueLeases({
      caller: cluster.client('thief').caller,
      clock: cluster.clock,
      logger: cluster.logger('thief'),
      group: 'g',
      clientId: 'thief',
      addressOf: () => `${realBrokerHost('broker-a')}:10911`,
    })
    const queue = { topic: 't', brokerName: 'broker-a', queueId: 0 }
    expect(await cluster.settle(locks.take(queue))).toBe(false)
    await cluster.settle(group.consumers[0]!.close())
    expect(await cluster.settle(locks.take(queue))).toBe(true)
  })

  test('a broker that restarts has forgotten its locks; their holder goes on', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    const { disk, log } = await cluster.addRealBroker('broker-a')
    const admin = new Admin(cluster.client('admin'))
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 2 }))
    const group = new Group(cluster, true)
    await group.add('c1')
    cluster.processes.get('broker-a')?.kill()
    log.crash()
    await cluster.addRealBroker('broker-a', { disk })
    await cluster.clock.advance(30_000)
    const sending = load(cluster)
    await cluster.clock.advance(40_000)
    const sent = await sending.stop()
    await cluster.clock.advance(5_000)
    expect(group.violations()).toEqual([])
    expect(sent.filter((body) => !group.bodies.has(body))).toEqual([])
  })
})

test('a lock is given back if the queue cannot be taken after all', async () => {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  const broker = await cluster.addBroker('broker-a', { t: { queueCount: 1 } })
  const asked: number[] = []
  const answer = (code: number, respond: (request: Command) => Response): void => {
    broker.overrides.set(code, (request) => {
      asked.push(code)
      return respond(request)
    })
  }
  answer(REQUEST.lockQueues, ({ body }) => ({
    code: RESPONSE.success,
    body: encodeLockAnswer(decodeLockRequest(body).queues),
  }))
  answer(REQUEST.unlockQueues, () => ({ code: RESPONSE.success }))
  answer(REQUEST.queryConsumerOffset, () => ({ code: RESPONSE.systemError, remark: 'no' }))
  const consumer = new Consumer(cluster.client('c1'), {
    group: 'g',
    topics: [{ topic: 't' }],
    from: { kind: 'start' },
    isOrdered: true,
    onMessages: () => {},
  })
  await cluster.settle(consumer.start())
  const [lock, offset, unlock] = asked
  expect([lock, offset, unlock]).toEqual([
    REQUEST.lockQueues,
    REQUEST.queryConsumerOffset,
    REQUEST.unlockQueues,
  ])
  await cluster.settle(consumer.close())
})

test('what cannot be consumed in order is refused', async () => {
  const cluster = await realCluster(['broker-a'], 1)
  const options = { group: 'g', topics: [{ topic: 't' }], onMessages: () => {}, isOrdered: true }
  for (const wrong of [{ concurrency: 2 }, { model: 'broadcasting' as const }]) {
    const make = (): Consumer => new Consumer(cluster.client('c'), { ...options, ...wrong })
    expect(make).toThrow(MqError)
  }
})
