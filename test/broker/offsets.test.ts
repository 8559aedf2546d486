// Goal: committed offsets count at once, are in the log in time, and are answered only then. Method:
// a broker on a log in memory under virtual time; its entries are read back from the disk.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Broker } from '../../src/broker/broker.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { FieldValues } from '../../src/remoting/command.ts'
import { encodeBatch } from '../../src/remoting/message-batch.ts'
import { ENTRY_KIND, queueKey } from '../../src/store/append-log.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { BrokerSimulation, makeTopic, sendFields } from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

function fields(offset: number, options: { queueId?: number; topic?: string } = {}): FieldValues {
  const { queueId = 0, topic = 'orders' } = options
  return { consumerGroup: 'g', topic, queueId, commitOffset: offset }
}

async function withTopic(log?: MemoryLog): Promise<{ broker: Broker; peer: WirePeer }> {
  const broker = await world.started(log === undefined ? {} : { log })
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  // Nobody can commit further than there are messages.
  const messages = Array.from({ length: 50 }, () => ({
    flag: 0,
    body: Buffer.from('m'),
    properties: Buffer.alloc(0),
  }))
  for (let queueId = 0; queueId < 4; queueId++) {
    const header = sendFields({ queueId, isBatch: true })
    await peer.ask(REQUEST.sendBatch, header, encodeBatch(messages))
  }
  return { broker, peer }
}

function committed(broker: Broker, queueId = 0): number | null {
  const { state, offsets } = broker.context!
  return offsets.committed('g', queueKey(state.topics.get('orders')!.id, queueId))
}

/** What the log has been told, one element per entry. */
function logged(): number[][] {
  const changes = [...world.disk.entriesFrom(0)]
    .filter(({ kind }) => kind === ENTRY_KIND.state)
    .map(({ payload }) => JSON.parse(Buffer.from(payload).toString('utf8')))
  return changes
    .filter(({ kind }) => kind === 'commit-offsets')
    .map(({ offsets }) => offsets.map((entry: number[]) => entry[3]))
}

test('one-way commits count at once and share an entry within a second', async () => {
  const { broker, peer } = await withTopic()
  for (let queueId = 0; queueId < 4; queueId++) {
    await peer.tell(REQUEST.updateConsumerOffset, fields(10 + queueId, { queueId }))
  }
  await world.clock.advance(10)
  expect(committed(broker, 3)).toBe(13)
  expect(logged()).toEqual([])
  await world.clock.advance(1_000)
  expect(logged()).toEqual([[10, 11, 12, 13]])
  expect(committed(broker, 3)).toBe(13)
})

test('the newest of several commits is what is written', async () => {
  const { peer } = await withTopic()
  for (const offset of [1, 5, 3]) await peer.tell(REQUEST.updateConsumerOffset, fields(offset))
  await world.clock.advance(1_100)
  expect(logged()).toEqual([[3]])
  await world.clock.advance(5_000)
  expect(logged()).toEqual([[3]])
})

test('a commit that asks for an answer gets it once it is durable, and soon', async () => {
  const { clock, disk } = world
  const { peer } = await withTopic(new MemoryLog({ disk, clock, commitMs: 50 }))
  const begunMs = clock.monoMs()
  const answer = await peer.ask(REQUEST.updateConsumerOffset, fields(7))
  expect(answer.code).toBe(RESPONSE.success)
  expect(logged()).toEqual([[7]])
  expect(clock.monoMs() - begunMs).toBeWithin(50, 200)
})

test('commits during a write are written after it', async () => {
  const { clock, disk } = world
  const { broker, peer } = await withTopic(new MemoryLog({ disk, clock, commitMs: 200 }))
  const first = peer.begin(REQUEST.updateConsumerOffset, fields(1))
  await clock.advance(50)
  const second = peer.begin(REQUEST.updateConsumerOffset, fields(2))
  await clock.advance(10)
  expect(committed(broker)).toBe(2)
  await clock.runFor(Promise.all([first, second]), 2_000)
  expect(logged()).toEqual([[1], [2]])
  expect(committed(broker)).toBe(2)
})

test('negative offsets change nothing: ali-ons commits -1 for queues it has not read', async () => {
  const { broker, peer } = await withTopic()
  await peer.ask(REQUEST.updateConsumerOffset, fields(5))
  const answer = await peer.ask(REQUEST.updateConsumerOffset, fields(-1))
  expect(answer.code).toBe(RESPONSE.success)
  expect(committed(broker)).toBe(5)
})

test('unknown topics and queues are refused', async () => {
  const { peer } = await withTopic()
  const unknown = await peer.ask(REQUEST.updateConsumerOffset, fields(1, { topic: 'nothing' }))
  expect(unknown).toMatchObject({ code: RESPONSE.topicNotExist })
  const beyond = await peer.ask(REQUEST.updateConsumerOffset, fields(1, { queueId: 4 }))
  expect(beyond.code).toBe(RESPONSE.systemError)
  expect(beyond.remark).toMatch(/no queue 4/)
})

test('a stop writes what is left, and the next start has it', async () => {
  const { broker, peer } = await withTopic()
  await peer.tell(REQUEST.updateConsumerOffset, fields(42))
  await world.clock.advance(1)
  await world.stop(broker)
  expect(logged()).toEqual([[42]])
  expect(committed(await world.started())).toBe(42)
})

test('a kill takes back at most the last second', async () => {
  const log = new MemoryLog({ disk: world.disk })
  const { broker, peer } = await withTopic(log)
  await peer.tell(REQUEST.updateConsumerOffset, fields(1))
  await world.clock.advance(1_100)
  await peer.tell(REQUEST.updateConsumerOffset, fields(2))
  await world.clock.advance(10)
  world.kill(broker, log)
  expect(committed(await world.started())).toBe(1)
})

test('a full disk keeps them in memory and they are written once there is room', async () => {
  const log = new MemoryLog({ disk: world.disk })
  const { broker, peer } = await withTopic(log)
  log.failWrite(1, { code: 'DISK_FULL' })
  const refused = await peer.ask(REQUEST.updateConsumerOffset, fields(9))
  expect(refused.code).toBe(RESPONSE.serviceNotAvailable)
  expect(committed(broker)).toBe(9)
  await world.clock.advance(2_100)
  expect(logged()).toEqual([[9]])
})
