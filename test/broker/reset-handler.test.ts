// Goal: a reset takes effect whether the group is connected or not, is durable, moves a running consumer
// with its next pull, and is not undone by what the consumer still commits. Method: a group in each of
// those states, a broker on a log in memory.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { FieldValues } from '../../src/remoting/command.ts'
import { decodeQueuePositions } from '../../src/remoting/offset-tables.ts'
import {
  BrokerWorld,
  createTopic,
  pull,
  pullFields,
  pullLine,
  send,
} from '../support/broker-world.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerWorld
let client: WirePeer
let timesMs: number[]

const PLACE = { consumerGroup: 'g', topic: 'T', queueId: 0 }

beforeEach(async () => {
  world = new BrokerWorld()
  await world.start()
  client = world.peer('10.0.0.9')
  await createTopic(client, 'T', { queueCount: 2 })
  timesMs = []
  for (const body of ['a', 'b', 'c', 'd']) {
    await world.clock.advance(1_000)
    timesMs.push(world.clock.wallMs())
    await send(client, { topic: 'T', body })
  }
})

afterEach(() => world.stop())

async function reset(fields: FieldValues): Promise<string> {
  const answer = await client.ask(REQUEST.resetOffset, {
    group: 'g',
    topic: 'T',
    isForce: true,
    timestamp: 0,
    ...fields,
  })
  if (answer.code !== 0) return `code ${answer.code}`
  const positions = decodeQueuePositions(answer.body)
  return positions.map(({ queueId, offset }) => `${queueId}:${offset}`).join(' ')
}

async function committed(queueId = 0): Promise<string> {
  const fields = { ...PLACE, queueId, setZeroIfNotFound: false }
  const answer = await client.ask(REQUEST.queryConsumerOffset, fields)
  return answer.code === 0 ? String(answer.fields['offset']) : `code ${answer.code}`
}

function commit(commitOffset: number): Promise<unknown> {
  return client.ask(REQUEST.updateConsumerOffset, { ...PLACE, commitOffset })
}

describe('the target', () => {
  test.each([
    ['a time before all', { timestamp: 0 }, '0:0 1:0'],
    ['the end', { timestamp: -1 }, '0:4 1:0'],
    ['one queue', { timestamp: -1, queueId: 0 }, '0:4'],
    ['an offset', { queueId: 0, offset: 3 }, '0:3'],
    ['an offset past the end', { queueId: 0, offset: 99 }, '0:4'],
    ['an unknown topic', { topic: 'X' }, 'code 17'],
    ['an unknown queue', { queueId: 2 }, 'code 1'],
    ['a bad group', { group: '../g' }, 'code 1'],
  ])('%s', async (_what, fields, expected) => {
    expect(await reset(fields)).toBe(expected)
  })

  test('a time between messages is the next message', async () => {
    expect(await reset({ timestamp: timesMs[2], queueId: 0 })).toBe('0:2')
  })

  test('without force only goes back', async () => {
    await commit(2)
    expect(await reset({ queueId: 0, timestamp: -1, isForce: false })).toBe('0:2')
    expect(await reset({ queueId: 0, timestamp: timesMs[1], isForce: false })).toBe('0:1')
  })
})

test('a group that is not connected starts there, also after a restart', async () => {
  await commit(4)
  await reset({ queueId: 0, offset: 1 })
  expect(await committed()).toBe('1')
  await world.stop()
  await world.start()
  expect(await committed()).toBe('1')
  expect(pullLine(await pull(client, { topic: 'T', offset: 1 }))).toBe('0 next 4 of 0-4 b c d')
})

test('a group that never consumed starts there too', async () => {
  await reset({ queueId: 0, offset: 3 })
  expect(await committed()).toBe('3')
})

describe('a consumer that is running', () => {
  test('is moved by its next pull, once', async () => {
    await reset({ queueId: 0, offset: 1 })
    expect(pullLine(await pull(client, { topic: 'T', offset: 4 }))).toBe('21 next 1 of 0-4')
    expect(pullLine(await pull(client, { topic: 'T', offset: 1 }))).toBe('0 next 4 of 0-4 b c d')
  })

  test('is moved at once when its pull waits', async () => {
    const lines: string[] = []
    const fields = pullFields({ topic: 'T', offset: 4, suspendMs: 15_000 })
    const waiting = client.begin(REQUEST.pullMessage, fields)
    void waiting.then((answer) => lines.push(pullLine(answer)))
    await world.clock.advance(100)
    await reset({ queueId: 0, offset: 2 })
    await world.clock.advance(10)
    expect(lines).toEqual(['21 next 2 of 0-4'])
  })

  test('cannot undo it by what it commits before it knows', async () => {
    await reset({ queueId: 0, offset: 1 })
    await commit(4)
    expect(await committed()).toBe('1')
    await pull(client, { topic: 'T', offset: 4, commitOffset: 4 })
    expect(await committed()).toBe('1')
    await commit(2)
    expect(await committed()).toBe('2')
  })

  test('of another group is not moved', async () => {
    await reset({ queueId: 0, offset: 1 })
    const other = await pull(client, { topic: 'T', offset: 4, group: 'h' })
    expect(pullLine(other)).toBe('19 next 4 of 0-4')
  })

  test('that pulls at the target already is served', async () => {
    await reset({ queueId: 0, offset: 1 })
    expect(pullLine(await pull(client, { topic: 'T', offset: 1 }))).toBe('0 next 4 of 0-4 b c d')
    await commit(4)
    expect(await committed()).toBe('4')
  })
})
