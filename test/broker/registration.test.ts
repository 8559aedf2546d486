// Goal: every nameserver knows of the broker and of its topics, whatever happens to the others.
// Method: a broker in a simulated network with nameservers that write down what they are told, under
// virtual time with the default numbers.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { REQUEST } from '../../src/remoting/codes.ts'
import { bodyCrc } from '../../src/remoting/stored-message.ts'
import {
  BROKER_HOST,
  BrokerSimulation,
  makeTopic,
  type RecordingNameserver,
  topicFields,
} from '../support/broker-fixture.ts'

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

async function twoNameservers(): Promise<[RecordingNameserver, RecordingNameserver]> {
  return [await world.nameserver('10.0.1.1'), await world.nameserver('10.0.1.2')]
}

test('R2: one registration at the start and three more in 95 s, to each nameserver', async () => {
  const nameservers = await twoNameservers()
  const addresses = nameservers.map(({ address }) => address)
  await world.started({ config: { nameservers: addresses } })
  await world.clock.run({ untilMs: 95_000 })
  for (const nameserver of nameservers) {
    const times = nameserver.registrations.map(({ atMs }) => atMs)
    expect(times.length).toBe(4)
    for (let i = 1; i < times.length; i++) {
      expect(Math.abs(times[i]! - times[i - 1]! - 30_000)).toBeLessThan(1_000)
    }
    expect(nameserver.connectionCount).toBe(1)
  }
})

test('R2: a registration names the broker and every topic with its queues and permission', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  await world.started({ config: { nameservers: [nameserver.address], name: 'b', cluster: 'c' } })
  await makeTopic(world.peer(), 'orders', 6)
  const { request, body } = nameserver.registrations.at(-1)!
  expect(request.fields).toMatchObject({
    brokerName: 'b',
    brokerAddr: `${BROKER_HOST}:10911`,
    clusterName: 'c',
    brokerId: '0',
    haServerAddr: `${BROKER_HOST}:10912`,
    compressed: 'false',
    bodyCrc32: String(bodyCrc(request.body)),
  })
  expect(body?.topics.map(({ name }) => name).sort()).toEqual(['b', 'c', 'orders'])
  expect(body?.topics.find(({ name }) => name === 'orders')).toEqual({
    name: 'orders',
    readQueueCount: 6,
    writeQueueCount: 6,
    permission: 6,
    systemFlag: 0,
    isOrdered: false,
    birthId: expect.any(String),
  })
  // Nothing was deleted yet: an empty list says that the broker wants to hear of it.
  expect(body?.buried).toEqual([])
})

test('the first registration names at least two topics, also if broker and cluster are one name', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  const config = { nameservers: [nameserver.address], name: 'same', cluster: 'same' }
  await world.started({ config })
  expect(nameserver.registrations[0]?.body?.topics.length).toBeGreaterThanOrEqual(2)
})

test('R2: a topic change is told at once, before it is answered, under a new version', async () => {
  const nameservers = await twoNameservers()
  await world.started({ config: { nameservers: nameservers.map(({ address }) => address) } })
  await world.clock.advance(5_000)
  const peer = world.peer()
  const versions = nameservers.map(({ registrations }) => registrations.at(-1)?.body?.dataVersion)
  const begunMs = world.clock.monoMs()
  await makeTopic(peer, 'orders')
  nameservers.forEach((nameserver, i) => {
    expect(nameserver.topics).toContain('orders')
    expect(nameserver.registrations.at(-1)!.atMs - begunMs).toBeLessThan(100)
    expect(nameserver.registrations.at(-1)?.body?.dataVersion).not.toEqual(versions[i])
  })
  expect(world.clock.monoMs() - begunMs).toBeLessThan(100)
})

test('changes that arrive together are one registration', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  await world.started({ config: { nameservers: [nameserver.address] } })
  const peer = world.peer()
  await makeTopic(peer, 'first')
  const before = nameserver.registrations.length
  const made = Array.from({ length: 20 }, (_, i) =>
    peer.begin(REQUEST.createTopic, topicFields(`t${i}`)),
  )
  await world.clock.runFor(Promise.all(made), 5_000)
  expect(nameserver.topics.length).toBe(23)
  expect(nameserver.registrations.length - before).toBeLessThanOrEqual(3)
})

test('R20: a dead nameserver delays neither the start nor the other, and is named once', async () => {
  const alive = await world.nameserver('10.0.1.1')
  world.network.host('10.0.1.2')
  const dead = '10.0.1.2:9876'
  await world.started({ config: { nameservers: [dead, alive.address] } })
  expect(world.clock.monoMs()).toBeLessThan(1_000)
  await world.clock.run({ untilMs: 95_000 })
  expect(alive.registrations.length).toBe(4)
  expect(world.lines.filter((line) => line.includes(dead)).length).toBe(1)
  // It comes up, and knows the broker within the longest wait between two tries.
  const late = await world.nameserver('10.0.1.2')
  await world.clock.advance(3_100)
  expect(late.registrations.length).toBe(1)
  expect(world.lines.filter((line) => line.includes(dead)).length).toBe(2)
})

test('R25: a nameserver that restarted knows the broker again within seconds', async () => {
  const first = await world.nameserver('10.0.1.1')
  await world.started({ config: { nameservers: [first.address] } })
  await world.clock.advance(10_000)
  world.killNameserver(first)
  await world.clock.advance(1_000)
  const second = await world.nameserver('10.0.1.1')
  await world.clock.advance(5_000)
  expect(second.topics.length).toBeGreaterThanOrEqual(2)
})

test('a nameserver that answers no is tried again and reported', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  nameserver.answer = () => ({ code: 1, remark: 'crc32 not match' })
  await world.started({ config: { nameservers: [nameserver.address] } })
  expect(world.lines.filter((line) => line.includes('crc32 not match')).length).toBe(1)
  nameserver.answer = () => ({ code: 0 })
  await world.clock.advance(3_000)
  expect(world.lines.some((line) => line.includes('registered with nameserver'))).toBe(true)
})

test('a frozen nameserver holds up a topic change for a bounded time only', async () => {
  const [frozen, alive] = await twoNameservers()
  await world.started({ config: { nameservers: [frozen.address, alive.address] } })
  world.network.freeze('10.0.1.1')
  const peer = world.peer()
  const begunMs = world.clock.monoMs()
  await makeTopic(peer, 'orders')
  expect(world.clock.monoMs() - begunMs).toBeLessThan(2_100)
  expect(alive.topics).toContain('orders')
  world.network.thaw('10.0.1.1')
  await world.clock.advance(10_000)
  expect(frozen.topics).toContain('orders')
})

test('R6: a graceful stop unregisters everywhere before the connections close', async () => {
  const nameservers = await twoNameservers()
  const broker = await world.started({
    config: { nameservers: nameservers.map(({ address }) => address) },
  })
  await world.stop(broker)
  await world.clock.advance(10)
  for (const nameserver of nameservers) {
    const { told } = nameserver
    expect(told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
    expect(told.at(-1)?.request.fields).toEqual({
      brokerName: 'broker-a',
      brokerAddr: `${BROKER_HOST}:10911`,
      clusterName: 'DefaultCluster',
      brokerId: '0',
    })
    expect(nameserver.connectionCount).toBe(0)
  }
})

test('a stop waits for a frozen nameserver no longer than it said', async () => {
  const [frozen, alive] = await twoNameservers()
  const broker = await world.started({ config: { nameservers: [frozen.address, alive.address] } })
  world.network.freeze('10.0.1.1')
  const begunMs = world.clock.monoMs()
  await world.stop(broker)
  expect(world.clock.monoMs() - begunMs).toBeLessThan(5_000)
  expect(alive.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
})

test('an answer that cannot be read is no failed registration, and nothing to try again for', async () => {
  const nameserver = await world.nameserver('10.0.1.1')
  nameserver.answer = () => ({ code: 0, body: Buffer.from('{"mqMissing":[{}]}') })
  await world.started({ config: { nameservers: [nameserver.address] } })
  await world.clock.run({ untilMs: 95_000 })
  expect(nameserver.registrations.length).toBe(4)
  expect(world.lines.filter((line) => line.includes('cannot register'))).toEqual([])
  expect(world.lines.filter((line) => line.includes('tells of topics')).length).toBe(4)
})
