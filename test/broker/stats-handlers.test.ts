// Goal: administration tools find every figure they look for, as text, under the names they know. Method:
// the requests of mqadmin on a broker with a few messages.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { REQUEST } from '../../src/remoting/codes.ts'
import { decodeKvTable } from '../../src/remoting/kv-table.ts'
import { decodeTopicStats } from '../../src/remoting/offset-tables.ts'
import { decodeTopicList } from '../../src/remoting/route.ts'
import { BrokerWorld, createTopic, pull, send } from '../support/broker-world.ts'
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

/** What clusterList of 4.9 and 5.x reads; both fail on a missing one. */
const NAMES = [
  'brokerVersionDesc',
  'putTps',
  'getTransferedTps',
  'getTransferredTps',
  'sendThreadPoolQueueSize',
  'pullThreadPoolQueueSize',
  'sendThreadPoolQueueHeadWaitTimeMills',
  'pullThreadPoolQueueHeadWaitTimeMills',
  'pageCacheLockTimeMills',
  'earliestMessageTimeStamp',
  'commitLogDiskRatio',
  'msgPutTotalYesterdayMorning',
  'msgPutTotalTodayMorning',
  'msgPutTotalTodayNow',
  'msgGetTotalYesterdayMorning',
  'msgGetTotalTodayMorning',
  'msgGetTotalTodayNow',
  'brokerActive',
  'timerReadBehind',
  'timerOffsetBehind',
  'timerCongestNum',
  'timerEnqueueTps',
  'timerDequeueTps',
]

async function runtimeInfo(): Promise<Map<string, string>> {
  return decodeKvTable((await client.ask(REQUEST.getBrokerRuntimeInfo)).body)
}

test('the runtime information has every name, and numbers where tools parse them', async () => {
  const info = await runtimeInfo()
  for (const name of NAMES) expect(info.has(name), name).toBe(true)
  for (const name of NAMES.filter((name) => /^msg|Size$|Mills$|TimeStamp$/.test(name))) {
    expect(info.get(name), name).toMatch(/^\d+$/)
  }
  expect(info.get('putTps')).toMatch(/^\d+\.\d+ \d+\.\d+ \d+\.\d+$/)
})

test('it counts messages in and out, and how fast they come', async () => {
  const sentMs = world.clock.wallMs()
  for (let i = 0; i < 20; i++) {
    await send(client, { topic: 'T', body: 'x' })
    await world.clock.advance(500)
  }
  await pull(client, { topic: 'T', offset: 0, messagesMax: 5 })
  const info = await runtimeInfo()
  expect(info.get('msgPutTotalTodayNow')).toBe('20')
  expect(info.get('msgGetTotalTodayNow')).toBe('5')
  expect(Number(info.get('putTps')?.split(' ')[0])).toBeWithin(1, 3)
  expect(Number(info.get('earliestMessageTimeStamp'))).toBeWithin(sentMs, sentMs + 100)
})

test("a topic's queues have their bounds and the time of the newest message", async () => {
  const sentMs = world.clock.wallMs()
  await send(client, { topic: 'T', body: 'x', queueId: 1 })
  const { body } = await client.ask(REQUEST.getTopicStats, { topic: 'T' })
  const [first, second] = decodeTopicStats(body)
  const queue = { brokerName: 'broker-a', topic: 'T', minOffset: 0 }
  expect(first).toEqual({ ...queue, queueId: 0, maxOffset: 0, lastStoreTimeMs: 0 })
  expect(second).toMatchObject({ ...queue, queueId: 1, maxOffset: 1 })
  expect(second?.lastStoreTimeMs).toBeWithin(sentMs, sentMs + 100)
  expect((await client.ask(REQUEST.getTopicStats, { topic: 'X' })).code).toBe(17)
})

test("the broker's own topics are listed", async () => {
  const { body } = await client.ask(REQUEST.getSystemTopicsFromBroker)
  expect(decodeTopicList(body)).toEqual(['broker-a', 'DefaultCluster'])
})
