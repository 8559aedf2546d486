// Goal: an order to drain reaches every nameserver at once and survives a restart, while the topics
// stay what they are and every send is taken. Method: a broker in a simulated network with nameservers
// that write down what they are told; what it says of itself is compared with what was done to it.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { PERMISSION, REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { type DrainView, decodeDrainView } from '../../src/remoting/drain-view.ts'
import { isSameVersion } from '../../src/remoting/topic-config.ts'
import {
  BrokerSimulation,
  makeTopic,
  type RecordingNameserver,
  send,
  topicFields,
} from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

async function order(peer: WirePeer, isOn: boolean): Promise<void> {
  const answer = await peer.ask(REQUEST.drainBroker, { on: isOn })
  expect([answer.code, answer.remark]).toEqual([RESPONSE.success, null])
}

async function describeDrain(peer: WirePeer): Promise<DrainView> {
  return decodeDrainView((await peer.ask(REQUEST.describeDrain)).body)
}

function newest(nameserver: RecordingNameserver) {
  const told = nameserver.registrations.at(-1)
  if (told?.body == null) throw new Error('nothing was registered')
  const writable = told.body.topics.filter(({ permission }) => permission & PERMISSION.write)
  return {
    ...told,
    version: told.body.dataVersion,
    permissions: Object.fromEntries(
      told.body.topics.map(({ name, permission }) => [name, permission]),
    ),
    writableNames: writable.map(({ name }) => name),
  }
}

async function twoNameservers(): Promise<RecordingNameserver[]> {
  return [await world.nameserver('10.0.1.1'), await world.nameserver('10.0.1.2')]
}

test('R18: the order is with every nameserver when it is answered, under a new data version', async () => {
  const nameservers = await twoNameservers()
  await world.started({ config: { nameservers: nameservers.map(({ address }) => address) } })
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  const before = nameservers.map(newest)
  await order(peer, true)
  nameservers.forEach((nameserver, at) => {
    const { writableNames, permissions, version, request } = newest(nameserver)
    expect(writableNames).toEqual([])
    expect(permissions['orders']).toBe(PERMISSION.read)
    expect(isSameVersion(version, before[at]!.version)).toBe(false)
    expect(request.fields['draining']).toBe('true')
    expect(before[at]!.request.fields['draining']).toBeUndefined()
  })
  await order(peer, false)
  for (const nameserver of nameservers) {
    expect(newest(nameserver).permissions['orders']).toBe(6)
    expect(newest(nameserver).request.fields['draining']).toBeUndefined()
  }
})

test('a topic that is made or altered meanwhile does not undo it, and is what it was told to be', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  await world.started({ config: { nameservers: [nameserver.address] } })
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  await order(peer, true)
  await makeTopic(peer, 'payments')
  await makeTopic(peer, 'orders', 8)
  await peer.ask(REQUEST.createTopic, topicFields('archive', { permission: PERMISSION.read }))
  expect(newest(nameserver).writableNames).toEqual([])
  const config = await peer.ask(REQUEST.getTopicConfig, { topic: 'orders' })
  expect(JSON.parse(config.body.toString())).toMatchObject({ perm: 6, writeQueueNums: 8 })
  await order(peer, false)
  expect(newest(nameserver).permissions).toMatchObject({ orders: 6, payments: 6, archive: 4 })
})

test('sends that still come are taken', async () => {
  await world.started()
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  await order(peer, true)
  expect((await send(peer, { topic: 'orders' })).code).toBe(RESPONSE.success)
})

test('a broker that is killed or stopped comes back draining', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  const config = { nameservers: [nameserver.address] }
  const broker = await world.started({ config })
  await makeTopic(world.peer(), 'orders')
  await order(world.peer(), true)
  await world.stop(broker)
  const again = await world.started({ config })
  expect(newest(nameserver).writableNames).toEqual([])
  expect((await describeDrain(world.peer())).isDraining).toBe(true)
  await order(world.peer(), false)
  await world.stop(again)
  await world.started({ config })
  expect(newest(nameserver).permissions['orders']).toBe(6)
})

test('it tells when the last send came, and how many since the order', async () => {
  await world.started()
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  await send(peer, { topic: 'orders' })
  const idle = { isDraining: false, drainingMs: 0, lastSendAgeMs: null, sends: 0 }
  expect(await describeDrain(peer)).toMatchObject(idle)
  await order(peer, true)
  await world.clock.advance(5_000)
  const quiet = await describeDrain(peer)
  expect(quiet).toMatchObject({ isDraining: true, lastSendAgeMs: null, sends: 0 })
  expect(quiet.drainingMs).toBeWithin(5_000, 5_100)
  await send(peer, { topic: 'orders' })
  await send(peer, { topic: 'orders' })
  await world.clock.advance(3_000)
  const after = await describeDrain(peer)
  expect(after.sends).toBe(2)
  // Known to a tenth of a second, and never older than it is.
  expect(after.lastSendAgeMs).toBeWithin(2_900, 3_100)
  await order(peer, true)
  expect((await describeDrain(peer)).sends).toBe(2)
  await order(peer, false)
  expect(await describeDrain(peer)).toMatchObject(idle)
})

test('it names what groups have not read, and no group that has no offsets there', async () => {
  await world.started()
  const peer = world.peer()
  await makeTopic(peer, 'orders', 2)
  await makeTopic(peer, 'unread')
  for (const queueId of [0, 0, 0, 1]) await send(peer, { topic: 'orders', queueId })
  await send(peer, { topic: 'unread' })
  expect((await describeDrain(peer)).unread).toEqual([])
  const commit = (queueId: number, commitOffset: number) =>
    peer.ask(REQUEST.updateConsumerOffset, {
      consumerGroup: 'g',
      topic: 'orders',
      queueId,
      commitOffset,
    })
  await commit(0, 1)
  await world.clock.advance(2_000)
  // Queue 1 counts from its beginning: the group reads the topic and has not come to it.
  const lagging = { group: 'g', topic: 'orders' }
  expect(await describeDrain(peer)).toMatchObject({
    unreadQueueCount: 2,
    unreadMessageCount: 3,
    unread: [
      { ...lagging, queueId: 0, lag: 2 },
      { ...lagging, queueId: 1, lag: 1 },
    ],
  })
  await commit(0, 3)
  await commit(1, 1)
  expect(await describeDrain(peer)).toMatchObject({ unreadQueueCount: 0, unread: [] })
})

test('an order that says neither is refused', async () => {
  await world.started()
  const answer = await world.peer().ask(REQUEST.drainBroker, { on: 'maybe' })
  expect(answer.code).not.toBe(RESPONSE.success)
  expect(answer.remark).toContain('maybe')
})
