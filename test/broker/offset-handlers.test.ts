// Goal: a group finds its place again, a new group starts where its rule says, and times and positions
// lead to the right messages. Method: requests with the fields clients send, a broker on a log in memory.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { FieldValues } from '../../src/remoting/command.ts'
import { decodeMessages, parseOffsetMessageId } from '../../src/remoting/stored-message.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { BrokerWorld, createTopic, send } from '../support/broker-world.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerWorld
let client: WirePeer

const QUEUE = { topic: 'T', queueId: 0 }
const GROUP_QUEUE = { ...QUEUE, consumerGroup: 'g' }

beforeEach(async () => {
  world = new BrokerWorld()
  await world.start()
  client = world.peer('10.0.0.9')
  await createTopic(client, 'T', { queueCount: 2 })
})

afterEach(() => world.stop())

async function askField(code: number, fields: FieldValues, name: string): Promise<string> {
  const answer = await client.ask(code, fields)
  return answer.code === 0 ? String(answer.fields[name]) : `code ${answer.code}`
}

function committed(fields: FieldValues = {}): Promise<string> {
  const asked = { ...GROUP_QUEUE, setZeroIfNotFound: false, ...fields }
  return askField(REQUEST.queryConsumerOffset, asked, 'offset')
}

async function commit(commitOffset: number): Promise<number> {
  const answer = await client.ask(REQUEST.updateConsumerOffset, { ...GROUP_QUEUE, commitOffset })
  return answer.code
}

describe('committed offsets', () => {
  beforeEach(async () => {
    for (const body of ['a', 'b', 'c']) await send(client, { topic: 'T', body })
  })

  test('are found again, by group and queue, also after a restart', async () => {
    expect(await commit(2)).toBe(0)
    expect(await committed()).toBe('2')
    expect(await committed({ consumerGroup: 'h' })).toBe('code 22')
    expect(await committed({ queueId: 1 })).toBe('code 22')
    await world.stop()
    await world.start()
    expect(await committed()).toBe('2')
  })

  test('may go back, but not below 0 nor past the end', async () => {
    for (const [offset, expected] of [
      [3, '3'],
      [1, '1'],
      [-1, '1'],
      [4, '1'],
      [0, '0'],
    ] as const) {
      expect(await commit(offset)).toBe(0)
      expect(await committed(), `after ${offset}`).toBe(expected)
    }
  })

  test('are taken one-way, as clients send them', async () => {
    await client.tell(REQUEST.updateConsumerOffset, { ...GROUP_QUEUE, commitOffset: 2 })
    await world.clock.advance(1)
    expect(await committed()).toBe('2')
  })

  test('of unknown topics and queues are refused', async () => {
    const ask = (fields: FieldValues) =>
      client.ask(REQUEST.updateConsumerOffset, { ...GROUP_QUEUE, commitOffset: 1, ...fields })
    expect((await ask({ topic: 'Nowhere' })).code).toBe(17)
    expect((await ask({ queueId: 9 })).code).toBe(1)
    expect(await committed({ topic: 'Nowhere' })).toBe('code 17')
  })

  test('end with the topic: its successor starts anew', async () => {
    await commit(2)
    await client.ask(REQUEST.deleteTopicInBroker, { topic: 'T' })
    await createTopic(client, 'T', { queueCount: 2 })
    expect(await committed()).toBe('code 22')
    // A consumer that has not noticed commits what it read in the old one.
    await commit(2)
    expect(await committed()).toBe('code 22')
  })
})

describe('a group without a committed offset', () => {
  test('starts at 0 in a young queue, so that it misses nothing', async () => {
    expect(await committed({ setZeroIfNotFound: undefined })).toBe('0')
    await send(client, { topic: 'T', body: 'a' })
    expect(await committed({ setZeroIfNotFound: undefined })).toBe('0')
    expect(await committed({ setZeroIfNotFound: true })).toBe('0')
    expect(await committed({ setZeroIfNotFound: false })).toBe('code 22')
  })

  test('does not in a queue that has lost its first messages', async () => {
    await world.stop()
    const broker = await world.start({}, { segmentBytes: 4_096 })
    for (let i = 0; i < 20; i++) await send(client, { topic: 'T', body: 'x'.repeat(1_000) })
    expect(await committed({ setZeroIfNotFound: undefined })).toBe('0')
    const { store } = broker.context!
    await world.clock.runFor(store.retire({ ageMsMax: 3_600_000, bytesMax: 8_192 }), 1_000)
    expect(store.minOffset(queueKey(broker.state.topics.get('T')!.id, 0))).toBeGreaterThan(0)
    expect(await committed({ setZeroIfNotFound: undefined })).toBe('code 22')
  })
})

describe('a queue', () => {
  test('has bounds, 0 and 0 before its first message', async () => {
    const bounds = async (): Promise<string> =>
      `${await askField(REQUEST.getMinOffset, QUEUE, 'offset')}-${await askField(REQUEST.getMaxOffset, QUEUE, 'offset')}`
    expect(await bounds()).toBe('0-0')
    await send(client, { topic: 'T', body: 'a' })
    expect(await bounds()).toBe('0-1')
    expect(await askField(REQUEST.getMaxOffset, { topic: 'T', queueId: 2 }, 'offset')).toBe(
      'code 1',
    )
    expect(await askField(REQUEST.getMaxOffset, { topic: 'X', queueId: 0 }, 'offset')).toBe(
      'code 17',
    )
  })

  test('is searched by time, from below and from above', async () => {
    const times: number[] = []
    for (const body of ['a', 'b', 'c']) {
      await world.clock.advance(1_000)
      times.push(world.clock.wallMs())
      await send(client, { topic: 'T', body })
    }
    const [first, second, third] = times as [number, number, number]
    const search = (timestamp: number, boundaryType?: string): Promise<string> =>
      askField(REQUEST.searchOffset, { ...QUEUE, timestamp, boundaryType }, 'offset')
    expect(await search(first - 500)).toBe('0')
    expect(await search(second - 500)).toBe('1')
    expect(await search(third + 500)).toBe('3')
    expect(await search(second - 500, 'LOWER')).toBe('1')
    expect(await search(second - 500, 'UPPER')).toBe('0')
    expect(await search(third + 500, 'UPPER')).toBe('2')
    const earliest = Number(await askField(REQUEST.getEarliestStoreTime, QUEUE, 'timestamp'))
    expect(earliest).toBeWithin(first, first + 10)
    const none = { topic: 'T', queueId: 1 }
    expect(await askField(REQUEST.getEarliestStoreTime, none, 'timestamp')).toBe('-1')
  })
})

test('a message is found by the position in its id', async () => {
  const sent = await send(client, { topic: 'T', body: 'a', tag: 'red' })
  const place = parseOffsetMessageId(String(sent.fields['msgId']))
  const { body } = await client.ask(REQUEST.viewMessage, { offset: place?.position })
  const [message] = decodeMessages(body)
  expect(message).toMatchObject({ topic: 'T', queueOffset: 0, position: place?.position })
  expect(message?.body.toString()).toBe('a')
  for (const offset of [-1, 0, 999_999]) {
    const miss = await client.ask(REQUEST.viewMessage, { offset })
    expect([miss.code, miss.body.length], `position ${offset}`).toEqual([1, 0])
  }
})
