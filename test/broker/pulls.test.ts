// Goal: every pull is answered as the protocol's table has it, with all four offsets, at once or when a
// message comes or its time is over; nothing waits longer or is answered twice. Method: a broker on a log
// in memory, frames over a simulated network, virtual time.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { COUNTER } from '../../src/broker/counters.ts'
import { OUTPUT_BYTES_MAX, PARK_MS_MAX } from '../../src/core/limits.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import {
  BrokerWorld,
  createTopic,
  heartbeat,
  type PullOptions,
  pull,
  pullFields,
  pullLine,
  send,
} from '../support/broker-world.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerWorld
let client: WirePeer

beforeEach(async () => {
  world = new BrokerWorld()
  await world.start()
  client = world.peer('10.0.0.9')
  await createTopic(client, 'T', { queueCount: 2 })
})

afterEach(() => world.stop())

async function sendAll(bodies: string[], tag?: string): Promise<void> {
  for (const body of bodies) {
    const message = { topic: 'T', body, ...(tag === undefined ? {} : { tag }) }
    expect((await send(client, message)).code).toBe(0)
  }
}

describe('the table of answers', () => {
  test.each([
    ['found', 0, '0 next 3 of 0-3 a b c'],
    ['found in the middle', 2, '0 next 3 of 0-3 c'],
    ['at the end', 3, '19 next 3 of 0-3'],
    ['past the end', 4, '21 next 3 of 0-3'],
    ['before the start', -1, '21 next 0 of 0-3'],
  ])('%s', async (_what, offset, expected) => {
    await sendAll(['a', 'b', 'c'])
    expect(pullLine(await pull(client, { topic: 'T', offset }))).toBe(expected)
  })

  test('a queue that was never written', async () => {
    expect(pullLine(await pull(client, { topic: 'T', offset: 0 }))).toBe('19 next 0 of 0-0')
    expect(pullLine(await pull(client, { topic: 'T', offset: 9 }))).toBe('21 next 0 of 0-0')
  })

  test('nothing matches: the offset advances', async () => {
    await sendAll(['a', 'b'], 'red')
    const answer = await pull(client, { topic: 'T', offset: 0, subscription: 'blue' })
    expect(pullLine(answer)).toBe('20 next 2 of 0-2')
  })

  test('what matches is delivered, what does not is passed over', async () => {
    await sendAll(['a'], 'red')
    await sendAll(['b'], 'blue')
    await sendAll(['c'])
    const answer = await pull(client, { topic: 'T', offset: 0, subscription: 'red || green' })
    expect(pullLine(answer)).toBe('0 next 3 of 0-3 a')
  })

  test('the lite pull is the same request under another number', async () => {
    await sendAll(['a'])
    const fields = pullFields({ topic: 'T', offset: 0 })
    expect(pullLine(await client.ask(REQUEST.litePullMessage, fields))).toBe('0 next 1 of 0-1 a')
  })

  test('is bounded in messages and bytes, but always has one', async () => {
    await sendAll(Array.from({ length: 40 }, (_, i) => `m${i}`))
    const countOf = async (options: Partial<PullOptions>): Promise<number> => {
      const answer = await pull(client, { topic: 'T', offset: 0, ...options })
      return Number(answer.fields['nextBeginOffset'])
    }
    expect(await countOf({})).toBe(32)
    expect(await countOf({ messagesMax: 1_000_000 })).toBe(32)
    expect(await countOf({ messagesMax: 3 })).toBe(3)
    expect(await countOf({ messagesMax: 0 })).toBe(1)
    expect(await countOf({ bytesMax: 1 })).toBe(1)
    expect(await countOf({ bytesMax: 500 })).toBeWithin(2, 6)
    expect(await countOf({ bytesMax: 2_147_483_647 })).toBe(32)
  })
})

describe('refusals', () => {
  const codeOf = async (options: Partial<PullOptions>): Promise<[number, string | null]> => {
    const answer = await pull(client, { topic: 'T', offset: 0, ...options })
    return [answer.code, answer.remark]
  }

  test('an unknown topic, an unreadable one, a queue it does not have', async () => {
    await createTopic(client, 'WriteOnly', { permission: 2 })
    expect((await codeOf({ topic: 'Nowhere' }))[0]).toBe(17)
    expect((await codeOf({ topic: 'WriteOnly' }))[0]).toBe(16)
    expect(await codeOf({ queueId: 2 })).toEqual([
      1,
      'topic T has 2 read queues, queue 2 is none of them',
    ])
    expect((await codeOf({ queueId: -1 }))[0]).toBe(1)
    expect((await codeOf({ group: 'no spaces' }))[0]).toBe(1)
  })

  test('a subscription that is unknown, too old, or SQL', async () => {
    expect((await codeOf({ subscription: null }))[0]).toBe(24)
    await heartbeat(client, { clientId: 'c', group: 'g', topics: [{ topic: 'T', version: 5n }] })
    expect((await codeOf({ subscription: null, subscriptionVersion: 5 }))[0]).toBe(19)
    expect((await codeOf({ subscription: null, subscriptionVersion: 6 }))[0]).toBe(25)
    expect(await codeOf({ subscription: 'a > 1', expressionType: 'SQL92' })).toEqual([
      1,
      'The broker does not support consumer to filter message by SQL92',
    ])
  })

  test('a group that may not consume', async () => {
    const config = JSON.stringify({ groupName: 'g', consumeEnable: false })
    await client.ask(REQUEST.updateGroup, {}, Buffer.from(config))
    expect((await codeOf({}))[0]).toBe(16)
    expect((await codeOf({ group: 'h' }))[0]).toBe(19)
  })

  test('a field that is missing or no number is named', async () => {
    const fields = pullFields({ topic: 'T', offset: 0 })
    const missing = await client.ask(REQUEST.pullMessage, { ...fields, queueId: undefined })
    expect([missing.code, missing.remark]).toEqual([1, expect.stringContaining('"queueId"')])
    const text = await client.ask(REQUEST.pullMessage, { ...fields, queueOffset: 'x' })
    expect(text.remark).toContain('"queueOffset"')
  })
})

describe('waiting', () => {
  /** Starts a pull that may wait; `answer` is null until it is answered. */
  function waiting(options: Partial<PullOptions> = {}): {
    answer: () => string | null
    afterMs: () => number
  } {
    const startedMs = world.clock.monoMs()
    let line: string | null = null
    let endedMs = startedMs
    const fields = pullFields({ topic: 'T', offset: 0, suspendMs: 15_000, ...options })
    const note = (answer: Command): void => {
      line = pullLine(answer)
      endedMs = world.clock.monoMs()
    }
    void client.begin(REQUEST.pullMessage, fields).then(note, () => {})
    return { answer: () => line, afterMs: () => endedMs - startedMs }
  }

  test('ends with the message that arrives, at once', async () => {
    const pulled = waiting()
    await world.clock.advance(5_000)
    expect(pulled.answer()).toBeNull()
    await sendAll(['a'])
    await world.clock.advance(10)
    expect(pulled.answer()).toBe('0 next 1 of 0-1 a')
    expect(pulled.afterMs()).toBeWithin(5_000, 5_020)
  })

  test('is not ended by another queue', async () => {
    const pulled = waiting({ queueId: 1 })
    await sendAll(['a'])
    await world.clock.advance(14_900)
    expect(pulled.answer()).toBeNull()
  })

  test('ends at the time the client gave, without a message', async () => {
    const pulled = waiting({ suspendMs: 7_000 })
    await world.clock.advance(20_000)
    expect(pulled.answer()).toBe('19 next 0 of 0-0')
    expect(pulled.afterMs()).toBeWithin(7_000, 7_110)
  })

  test('lasts a minute at most', async () => {
    const pulled = waiting({ suspendMs: 3_600_000 })
    await world.clock.advance(PARK_MS_MAX + 200)
    expect(pulled.answer()).toBe('19 next 0 of 0-0')
  })

  test('passes over what does not match, and says so at the end', async () => {
    const pulled = waiting({ subscription: 'red' })
    await sendAll(['a', 'b'], 'blue')
    await world.clock.advance(1_000)
    expect(pulled.answer()).toBeNull()
    await world.clock.advance(15_000)
    expect(pulled.answer()).toBe('20 next 2 of 0-2')
  })

  test('ends with the first message that does match', async () => {
    const pulled = waiting({ subscription: 'red' })
    await sendAll(['a'], 'blue')
    await sendAll(['b'], 'red')
    await world.clock.advance(10)
    expect(pulled.answer()).toBe('0 next 2 of 0-2 b')
  })

  test('many at one queue are all answered, each once', async () => {
    const pulls = Array.from({ length: 20 }, () => waiting())
    await sendAll(['a'])
    await world.clock.advance(10)
    expect(new Set(pulls.map((pulled) => pulled.answer()))).toEqual(new Set(['0 next 1 of 0-1 a']))
    await sendAll(['b'])
    await world.clock.advance(20_000)
    expect(new Set(pulls.map((pulled) => pulled.answer()))).toEqual(new Set(['0 next 1 of 0-1 a']))
  })

  test('earlier deadlines are kept behind later ones', async () => {
    const late = waiting({ suspendMs: 30_000 })
    const early = waiting({ suspendMs: 1_000 })
    await world.clock.advance(1_200)
    expect([late.answer(), early.answer()]).toEqual([null, '19 next 0 of 0-0'])
    await world.clock.advance(29_000)
    expect(late.answer()).toBe('19 next 0 of 0-0')
  })

  test('ends with the connection, and nothing is kept', async () => {
    waiting()
    await world.clock.advance(10)
    await client.hangUp()
    await world.clock.advance(10)
    const info = await world.peer('10.0.0.8').ask(REQUEST.getBrokerRuntimeInfo)
    expect(JSON.parse(info.body.toString()).table.pullThreadPoolQueueSize).toBe('0')
  })

  test('ends when the broker stops, so that clients turn elsewhere', async () => {
    const pulled = waiting()
    await world.clock.advance(10)
    await world.stop()
    await world.clock.advance(10)
    expect(pulled.answer()).toBe('19 next 0 of 0-0')
  })

  test('R50: ends at once when the topic is deleted', async () => {
    await sendAll(['a'])
    const pulled = waiting({ offset: 1 })
    await client.ask(REQUEST.deleteTopicInBroker, { topic: 'T' })
    await world.clock.advance(10)
    expect(pulled.answer()).toBe('17 topic T was deleted from broker broker-a')
  })

  test('is not asked for: an empty answer comes at once', async () => {
    const before = world.clock.monoMs()
    expect(pullLine(await pull(client, { topic: 'T', offset: 0 }))).toBe('19 next 0 of 0-0')
    expect(world.clock.monoMs() - before).toBeLessThan(10)
  })
})

test('progress sent along is committed, unless it is impossible', async () => {
  await sendAll(['a', 'b'])
  const committed = async (): Promise<string | undefined> => {
    const fields = { consumerGroup: 'g', topic: 'T', queueId: 0, setZeroIfNotFound: false }
    return (await client.ask(REQUEST.queryConsumerOffset, fields)).fields['offset']
  }
  await pull(client, { topic: 'T', offset: 2, commitOffset: -1 })
  expect(await committed()).toBeUndefined()
  await pull(client, { topic: 'T', offset: 2, commitOffset: 3 })
  expect(await committed()).toBeUndefined()
  await pull(client, { topic: 'T', offset: 2, commitOffset: 2 })
  expect(await committed()).toBe('2')
})

test('a client that does not read its answers does not fill the memory of the broker', async () => {
  const big = 'x'.repeat(200_000)
  await sendAll([big, big, big])
  const slow = world.peer('10.0.0.7')
  await pull(slow, { topic: 'T', offset: 0 })
  world.network.freeze('10.0.0.7')
  const fields = pullFields({ topic: 'T', offset: 0 })
  for (let i = 0; i < 100; i++) void slow.begin(REQUEST.pullMessage, fields).catch(() => {})
  await world.clock.advance(1_000)
  const bytesOut = world.broker?.metrics.counter(COUNTER.bytesOut).value ?? 0
  expect(bytesOut).toBeLessThan(OUTPUT_BYTES_MAX + 2_000_000)
})
