// Goal: what a broker takes over while it runs is in force at once, and a wrong value changes nothing.
// Method: a broker in a simulated network with nameservers that write down what they are told. Seen to
// fail with the goodbye before the new registration, and with limits that are read once.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Broker } from '../../src/broker/broker.ts'
import type { LiveBrokerConfig } from '../../src/broker/config.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { BrokerSimulation, makeTopic, type RecordingNameserver } from '../support/broker-fixture.ts'
import { NameTable } from '../support/name-table.ts'

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

async function nameservers(count: number): Promise<RecordingNameserver[]> {
  const all: RecordingNameserver[] = []
  for (let i = 1; i <= count; i++) all.push(await world.nameserver(`10.0.1.${i}`))
  return all
}

function reconfigure(
  broker: Broker,
  changes: Partial<LiveBrokerConfig>,
  resolver?: NameTable,
): Promise<unknown> {
  return world.clock.runFor(broker.reconfigure(changes, resolver), 20_000)
}

const codes = (nameserver: RecordingNameserver): number[] => nameserver.told.map(({ code }) => code)

test('R32: a new nameserver knows the broker at once, a removed one is told goodbye after that', async () => {
  const [a, b, c] = (await nameservers(3)) as [
    RecordingNameserver,
    RecordingNameserver,
    RecordingNameserver,
  ]
  const broker = await world.started({ config: { nameservers: [a.address, b.address] } })
  await world.clock.advance(5_000)
  const begunMs = world.clock.monoMs()
  await reconfigure(broker, { nameservers: [b.address, c.address] })
  await world.clock.advance(500)
  expect(c.registrations.length).toBe(1)
  expect(c.registrations[0]!.atMs - begunMs).toBeLessThan(100)
  expect(a.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
  expect(a.told.at(-1)!.atMs).toBeGreaterThanOrEqual(c.registrations[0]!.atMs)
  expect(a.connectionCount).toBe(0)
  // The one that stays notices nothing.
  expect(codes(b)).toEqual([REQUEST.registerBroker])
  await world.clock.run({ untilMs: begunMs + 60_000 })
  expect(a.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
  expect(b.registrations.length).toBe(3)
  await makeTopic(world.peer(), 'orders')
  expect(c.topics).toContain('orders')
  expect(a.topics).not.toContain('orders')
})

test('R32: a removed nameserver that comes back is registered with again', async () => {
  const [a, b] = (await nameservers(2)) as [RecordingNameserver, RecordingNameserver]
  const broker = await world.started({ config: { nameservers: [a.address, b.address] } })
  for (let i = 0; i < 3; i++) {
    await reconfigure(broker, { nameservers: [b.address] })
    await reconfigure(broker, { nameservers: [a.address, b.address] })
  }
  await world.clock.advance(3_000)
  expect(a.told.at(-1)?.code).toBe(REQUEST.registerBroker)
  await reconfigure(broker, { nameservers: [b.address] })
  await world.clock.advance(3_000)
  expect(a.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
})

test('R32: a registration on its way to a removed nameserver does not stay there', async () => {
  const [a, b] = (await nameservers(2)) as [RecordingNameserver, RecordingNameserver]
  // The connection opens only after the nameserver was removed.
  world.network.delay('10.0.1.1', 2_500)
  const broker = await world.started({ config: { nameservers: [a.address, b.address] } })
  expect(a.told).toEqual([])
  await reconfigure(broker, { nameservers: [b.address] })
  await world.clock.advance(20_000)
  expect(codes(a)).toEqual([REQUEST.registerBroker, REQUEST.unregisterBroker])
  expect(a.connectionCount).toBe(0)
})

test('R32: an unreachable new nameserver holds the goodbye to the old one up for a bounded time', async () => {
  const [a] = (await nameservers(1)) as [RecordingNameserver]
  world.network.host('10.0.1.9')
  const broker = await world.started({ config: { nameservers: [a.address] } })
  await reconfigure(broker, { nameservers: ['10.0.1.9:9876'] })
  await world.clock.advance(3_000)
  expect(a.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
  expect(world.lines.filter((line) => line.includes('cannot register')).length).toBe(1)
})

test('R32: another heartbeat interval holds from now on', async () => {
  const [a] = (await nameservers(1)) as [RecordingNameserver]
  const broker = await world.started({ config: { nameservers: [a.address] } })
  await reconfigure(broker, { heartbeatIntervalMs: 5_000 })
  await world.clock.advance(26_000)
  expect(a.registrations.length).toBe(6)
})

test('R32: a wrong value is refused, and none of the others counts', async () => {
  const [a, b] = (await nameservers(2)) as [RecordingNameserver, RecordingNameserver]
  const broker = await world.started({ config: { nameservers: [a.address] } })
  const changes = { nameservers: [b.address], heartbeatIntervalMs: -1 }
  expect(await broker.reconfigure(changes).catch((error) => error.message)).toContain('-1')
  await world.clock.advance(31_000)
  expect(b.told).toEqual([])
  expect(a.registrations.length).toBe(2)
})

test('R33: a broker follows a name: every address, added ones, removed ones, and none at all', async () => {
  const [a, b, c] = (await nameservers(3)) as [
    RecordingNameserver,
    RecordingNameserver,
    RecordingNameserver,
  ]
  const names = new NameTable()
  names.set('mq.test', ['10.0.1.1', '10.0.1.2'])
  await world.started({ config: { nameservers: ['dns:mq.test:9876'] }, resolver: names })
  expect([a.registrations.length, b.registrations.length, c.registrations.length]).toEqual([
    1, 1, 0,
  ])
  names.set('mq.test', ['10.0.1.1', '10.0.1.2', '10.0.1.3'])
  await world.clock.advance(10_500)
  expect(c.registrations.length).toBe(1)
  names.set('mq.test', ['10.0.1.2', '10.0.1.3'])
  await world.clock.advance(10_500)
  expect(a.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
  names.remove('mq.test')
  await world.clock.advance(120_000)
  expect(b.told.at(-1)?.code).toBe(REQUEST.registerBroker)
  expect(c.registrations.length).toBeGreaterThanOrEqual(4)
  expect(world.lines.filter((line) => line.includes('cannot look up')).length).toBe(1)
})

test('R33: a broker starts without an answer, and registers when there is one', async () => {
  const [a] = (await nameservers(1)) as [RecordingNameserver]
  const names = new NameTable()
  names.isMute = true
  await world.started({ config: { nameservers: ['dns:mq.test:9876'] }, resolver: names })
  expect(world.clock.monoMs()).toBeLessThan(6_000)
  names.isMute = false
  names.set('mq.test', ['10.0.1.1'])
  await world.clock.advance(6_000)
  expect(a.registrations.length).toBe(1)
})

test('R33: another DNS server is asked from now on', async () => {
  const [a, b] = (await nameservers(2)) as [RecordingNameserver, RecordingNameserver]
  const [first, second] = [new NameTable(), new NameTable()]
  first.set('mq.test', ['10.0.1.1'])
  second.set('mq.test', ['10.0.1.2'])
  const broker = await world.started({
    config: { nameservers: ['dns:mq.test:9876'] },
    resolver: first,
  })
  await reconfigure(broker, {}, second)
  await world.clock.advance(500)
  expect(b.registrations.length).toBe(1)
  expect(a.told.at(-1)?.code).toBe(REQUEST.unregisterBroker)
})
