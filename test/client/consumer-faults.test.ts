// Goal: a consumer goes on after brokers that restart, forget, move offsets or refuse. Method: real broker
// on memory for a restart, fake brokers for answers that have to be made up, virtual time.

import { describe, expect, test } from 'bun:test'
import { deflateSync, zstdCompressSync } from 'node:zlib'
import { Admin } from '../../src/client/admin.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { sleep } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Response } from '../../src/remoting/command.ts'
import { encodePullAnswer } from '../../src/remoting/pull-header.ts'
import { ENTRY_KIND } from '../../src/store/append-log.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { Member, numbers, produce } from '../support/consumer-fixture.ts'
import { FakeCluster, fakeCluster } from '../support/fake-cluster.ts'

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

  test('pulls carry the progress: a broker killed before the first commit repeats only the end', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    const { disk, log } = await cluster.addRealBroker('broker-a')
    const admin = new Admin(cluster.client('admin'))
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 1 }))
    const process = cluster.process('c1')
    const seen: string[] = []
    const member = new Consumer(
      cluster.client('c1', { network: process.network, clock: process.clock }),
      {
        group: 'g',
        topics: [{ topic: 't' }],
        from: { kind: 'start' },
        onMessages: (messages) => {
          seen.push(...messages.map((message) => message.body.toString()))
        },
      },
    )
    await cluster.settle(member.start())
    await produce(cluster, 0, 50)
    await cluster.clock.advance(1_000)
    await produce(cluster, 50, 60)
    await cluster.clock.advance(2_000)
    process.kill()
    cluster.processes.get('broker-a')!.kill()
    log.crash()
    await cluster.clock.advance(5_000)
    await cluster.addRealBroker('broker-a', { disk })
    const next = new Member(cluster, 'c2')
    await cluster.settle(next.consumer.start())
    await cluster.clock.advance(10_000)
    expect(next.bodies.filter((body) => Number(body) < 50)).toEqual([])
    expect([...new Set([...seen, ...next.bodies])].sort()).toEqual(numbers(0, 60))
  })

  test('a queue that lost its end: what was pulled before and is still there is not skipped', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    const disk = new MemoryDisk({ random: seededRandom(4), syncDelayMs: 500 })
    const { log } = await cluster.addRealBroker('broker-a', { disk, config: { flush: 'async' } })
    const admin = new Admin(cluster.client('admin'))
    await cluster.settle(admin.topics.create({ topic: 't', queueCount: 1 }))
    const member = new Member(cluster, 'c1', {
      batchMessagesMax: 1,
      onMessages: async ([message]) => {
        await sleep(cluster.clock, 200)
        if (message !== undefined) member.received.push(message)
      },
    })
    await cluster.settle(member.consumer.start())
    await produce(cluster, 0, 30)
    await cluster.clock.advance(1_000)
    await produce(cluster, 30, 34)
    // All 34 are pulled, a few are handled, and the last ones were not synced.
    cluster.processes.get('broker-a')!.kill()
    const messages = log.cutPower().filter(({ kind }) => kind === ENTRY_KIND.message)
    expect(messages.length).toBeGreaterThan(0)
    expect(member.bodies.length).toBeLessThan(20)
    await cluster.addRealBroker('broker-a', { disk, config: { flush: 'async' } })
    await cluster.clock.advance(20_000)
    await produce(cluster, 34, 40)
    await cluster.clock.advance(10_000)
    const bodies = new Set(member.bodies)
    const kept = numbers(0, 34 - messages.length)
    expect(kept.filter((body) => !bodies.has(body))).toEqual([])
    expect(numbers(34, 40).filter((body) => !bodies.has(body))).toEqual([])
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
    expect(cluster.log.join('\n')).toContain('moves the group from 900 to 5')
  })

  test('a commit that was under way while the broker moved the group is not the last', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 1 })
    const broker = brokers['a']!
    for (let i = 0; i < 10; i++) broker.append('t', 0, { body: Buffer.from(String(i)) })
    let isMoved = false
    const later = (delayMs: number, answer: () => Response): Promise<Response> =>
      new Promise((resolve) => cluster.clock.after(delayMs, () => resolve(answer())))
    broker.overrides.set(REQUEST.pullMessage, ({ fields }) => {
      if (Number(fields['queueOffset']) < 10) return undefined
      return later(4_000, () => {
        const code = isMoved ? RESPONSE.pullNotFound : RESPONSE.pullOffsetMoved
        const nextOffset = isMoved ? 10 : 6
        isMoved = true
        return { code, fields: encodePullAnswer({ nextOffset, minOffset: 0, maxOffset: 10 }) }
      })
    })
    broker.overrides.set(REQUEST.updateConsumerOffset, () => later(2_000, () => ({ code: 0 })))
    const consumer = new Consumer(cluster.client('c1'), {
      group: 'g',
      topics: [{ topic: 't' }],
      from: { kind: 'start' },
      commitIntervalMs: 3_000,
      onMessages: () => {},
    })
    await cluster.settle(consumer.start())
    const commits = (): number => broker.requestsOf(REQUEST.updateConsumerOffset).length
    await cluster.clock.advance(3_500)
    expect([commits(), isMoved]).toEqual([1, false])
    await cluster.clock.advance(1_000)
    expect([commits(), isMoved]).toEqual([1, true])
    // The answer to the first commit comes at 5 s, and says nothing about the offset after the move.
    await cluster.clock.advance(3_000)
    expect(commits()).toBe(2)
    await cluster.settle(consumer.close())
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
