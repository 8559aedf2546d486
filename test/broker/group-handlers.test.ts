// Goal: groups can be set up, listed, measured and deleted, durably. Method: requests as administration
// tools send them, a broker on a log in memory, with restarts in between.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { decodeGroupList } from '../../src/remoting/client-connections.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { decodeGroupConfigs } from '../../src/remoting/group-config.ts'
import { decodeConsumeStats } from '../../src/remoting/offset-tables.ts'
import { BrokerWorld, createTopic, heartbeat, send } from '../support/broker-world.ts'
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

async function groupNames(): Promise<string[]> {
  const { body } = await client.ask(REQUEST.getAllGroupConfig)
  return decodeGroupConfigs(body).map((config) => config.name)
}

async function putGroup(config: Record<string, unknown>): Promise<number> {
  return (await client.ask(REQUEST.updateGroup, {}, Buffer.from(JSON.stringify(config)))).code
}

test('settings are kept, with defaults for what was not said', async () => {
  expect(await putGroup({ groupName: 'g', retryMaxTimes: 3, unknown: { nested: true } })).toBe(0)
  await world.stop()
  await world.start()
  const { code, body } = await client.ask(REQUEST.getGroupConfig, { group: 'g' })
  expect(code).toBe(0)
  expect(JSON.parse(body.toString())).toMatchObject({
    groupName: 'g',
    retryMaxTimes: 3,
    retryQueueNums: 1,
    consumeEnable: true,
    notifyConsumerIdsChangedEnable: true,
  })
  expect(await groupNames()).toEqual(['g'])
  expect((await client.ask(REQUEST.getGroupConfig, { group: 'h' })).code).toBe(26)
})

test('settings out of range or with a bad name are refused', async () => {
  for (const config of [
    { groupName: '../g' },
    { groupName: 'g', retryQueueNums: -1 },
    { groupName: 'g', retryQueueNums: 1_000_000 },
    { groupName: 'g', retryMaxTimes: -2 },
    {},
  ]) {
    expect(await putGroup(config), JSON.stringify(config)).toBe(1)
  }
  expect(await groupNames()).toEqual([])
})

test('settings survive later heartbeats', async () => {
  await putGroup({ groupName: 'g', retryMaxTimes: 3 })
  await heartbeat(client, { clientId: 'c', group: 'g', topics: ['T'] })
  const { body } = await client.ask(REQUEST.getGroupConfig, { group: 'g' })
  expect(JSON.parse(body.toString()).retryMaxTimes).toBe(3)
})

test('a deleted group is gone with its offsets, and deleting it again is fine', async () => {
  await send(client, { topic: 'T', body: 'a' })
  await heartbeat(client, { clientId: 'c', group: 'g', topics: ['T'] })
  const place = { consumerGroup: 'g', topic: 'T', queueId: 0 }
  await client.ask(REQUEST.updateConsumerOffset, { ...place, commitOffset: 1 })
  for (let i = 0; i < 2; i++) {
    const gone = { groupName: 'g', cleanOffset: true }
    expect((await client.ask(REQUEST.deleteGroup, gone)).code).toBe(0)
    expect(await groupNames()).toEqual([])
  }
  const asked = { ...place, setZeroIfNotFound: false }
  expect((await client.ask(REQUEST.queryConsumerOffset, asked)).code).toBe(22)
})

test('a deleted group is not revived by a commit that was not in the log yet', async () => {
  await send(client, { topic: 'T', body: 'a' })
  await heartbeat(client, { clientId: 'c', group: 'g', topics: ['T'] })
  const place = { consumerGroup: 'g', topic: 'T', queueId: 0 }
  await client.tell(REQUEST.updateConsumerOffset, { ...place, commitOffset: 1 })
  await client.ask(REQUEST.deleteGroup, { groupName: 'g' })
  await world.clock.advance(5_000)
  expect(await groupNames()).toEqual([])
})

test('the groups of a topic are those that subscribe and those that have read from it', async () => {
  await send(client, { topic: 'T', body: 'a' })
  await heartbeat(client, { clientId: 'c', group: 'online', topics: ['T'] })
  await heartbeat(client, { clientId: 'c', group: 'elsewhere', topics: ['U'] })
  const place = { consumerGroup: 'offline', topic: 'T', queueId: 0, commitOffset: 1 }
  await client.ask(REQUEST.updateConsumerOffset, place)
  const { body } = await client.ask(REQUEST.queryTopicConsumers, { topic: 'T' })
  expect(decodeGroupList(body)).toEqual(['offline', 'online'])
  expect((await client.ask(REQUEST.queryTopicConsumers, { topic: 'X' })).code).toBe(17)
})

test('progress is told for every queue of the topics a group reads', async () => {
  const sentMs = world.clock.wallMs()
  for (const body of ['a', 'b', 'c']) await send(client, { topic: 'T', body, queueId: 1 })
  await heartbeat(client, { clientId: 'c', group: 'g', topics: ['T'] })
  const place = { consumerGroup: 'g', topic: 'T', queueId: 1 }
  await client.ask(REQUEST.updateConsumerOffset, { ...place, commitOffset: 2 })
  const queue = { brokerName: 'broker-a', topic: 'T' }
  const idle = { ...queue, queueId: 0, brokerOffset: 0, committedOffset: 0, lastStoreTimeMs: 0 }
  for (const fields of [{ consumerGroup: 'g' }, { consumerGroup: 'g', topic: 'T' }]) {
    const { body } = await client.ask(REQUEST.getConsumeStats, fields)
    const [first, second, ...rest] = decodeConsumeStats(body)
    expect(first).toEqual(idle)
    expect(second).toMatchObject({ ...queue, queueId: 1, brokerOffset: 3, committedOffset: 2 })
    expect(second?.lastStoreTimeMs).toBeWithin(sentMs, sentMs + 100)
    expect(rest).toEqual([])
  }
  const nobody = await client.ask(REQUEST.getConsumeStats, { consumerGroup: 'h' })
  expect(decodeConsumeStats(nobody.body)).toEqual([])
})
