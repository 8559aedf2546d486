// Goal: a nameserver keeps the promises of requirements R1, R3 to R6, R11, R25 and R26 with its default
// numbers. Method: real frames over a simulated network, hours of virtual time; brokers are peers that
// register by hand, so that they can also fall silent, freeze and die.

import { afterEach, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { COUNTER } from '../../src/nameserver/counters.ts'
import type { Nameserver } from '../../src/nameserver/nameserver.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { decodeRegistrationsView } from '../../src/remoting/registrations-view.ts'
import {
  brokerFields,
  NameserverWorld,
  register,
  registrationAges,
  routedBrokers,
} from '../support/nameserver-fixture.ts'
import { registrationOf } from '../support/registrations.ts'

const SOURCE = join(import.meta.dir, '../../src/nameserver')

const running: Nameserver[] = []

async function started(world: NameserverWorld, host: string): Promise<Nameserver> {
  const nameserver = await world.start(host)
  running.push(nameserver)
  return nameserver
}

afterEach(async () => {
  for (const nameserver of running.splice(0)) await nameserver.stop()
})

test('R1: the nameserver is small and touches no disk', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const texts = files.map((name) => readFileSync(join(SOURCE, name), 'utf8'))
  const lineCount = texts.reduce((sum, text) => sum + text.split('\n').length, 0)
  expect(files.length).toBeGreaterThan(5)
  expect(lineCount).toBeLessThan(5_000)
  for (const text of texts) expect(text).not.toMatch(/from '(node:fs|bun|better-sqlite3)|Bun\./)
})

test('R3: the age of a registration grows and falls to 0 with each heartbeat', async () => {
  const world = new NameserverWorld()
  await started(world, 'ns1')
  const broker = world.peer('a', 'ns1')
  await register(broker, registrationOf('a'))
  await world.clock.advance(29_000)
  expect((await registrationAges(broker))['a']).toBeWithin(28_990, 29_010)
  await register(broker, registrationOf('a'))
  expect((await registrationAges(broker))['a']).toBeLessThan(10)
})

test('R3: queries of the data version and heartbeats count as signs of life', async () => {
  const world = new NameserverWorld()
  await started(world, 'ns1')
  const broker = world.peer('a', 'ns1')
  await register(broker, registrationOf('a'))
  for (const code of [REQUEST.queryDataVersion, REQUEST.brokerHeartbeat]) {
    await world.clock.advance(20_000)
    await broker.tell(code, brokerFields(registrationOf('a')), Buffer.from('{}'))
    await world.clock.advance(1)
    expect((await registrationAges(broker))['a'], `${code}`).toBeLessThan(10)
  }
})

test('R4: silent brokers are looked for every 10 s', async () => {
  const world = new NameserverWorld()
  const nameserver = await started(world, 'ns1')
  const peer = world.peer('a', 'ns1')
  const scans = (): number => nameserver.metrics.counter(COUNTER.scans).value
  for (const [afterMs, count] of [
    [9_990, 0],
    [20, 1],
    [9_970, 1],
    [20, 2],
    [80_000, 10],
  ] as const) {
    await world.clock.advance(afterMs)
    expect(scans()).toBe(count)
  }
  const view = decodeRegistrationsView((await peer.ask(REQUEST.describeRegistrations)).body)
  expect(view.scans).toBe(10)
  expect(view.counters.get('nameserver_scans_total')).toBe(10)
  expect(view.nameserver).toBe('ns1:9876')
})

test('R5: a frozen broker is in the route at 119 s and out of it at 131 s, and comes back', async () => {
  const world = new NameserverWorld()
  await started(world, 'ns1')
  const broker = world.peer('a', 'ns1')
  const client = world.peer('client', 'ns1')
  await register(broker, registrationOf('a'))
  // The connection stays open: nothing but silence tells.
  world.network.freeze('a')
  await world.clock.advance(119_000)
  expect(await routedBrokers(client, 'T')).toEqual(['a'])
  await world.clock.advance(12_000)
  expect(await routedBrokers(client, 'T')).toEqual([])
  world.network.thaw('a')
  await world.clock.advance(1_000)
  expect(broker.isConnected).toBe(false)
  await register(broker, registrationOf('a'))
  expect(await routedBrokers(client, 'T')).toEqual(['a'])
})

test('R5: a broker may ask for a shorter time; the scan finds it, not the idle connection', async () => {
  const world = new NameserverWorld()
  const nameserver = await started(world, 'ns1')
  const broker = world.peer('a', 'ns1')
  const client = world.peer('client', 'ns1')
  await broker.ask(REQUEST.registerBroker, {
    ...brokerFields(registrationOf('a')),
    haServerAddr: '10.0.0.1:1',
    heartbeatTimeoutMillis: 10_000,
  })
  await world.clock.advance(9_900)
  expect(Object.keys(await registrationAges(client))).toEqual(['a'])
  await world.clock.advance(10_200)
  expect(Object.keys(await registrationAges(client))).toEqual([])
  expect(nameserver.metrics.counter(COUNTER.evictions).value).toBe(1)
  expect(broker.isConnected).toBe(false)
})

test('R6: a closed connection takes its broker out of the route at once', async () => {
  const world = new NameserverWorld()
  await started(world, 'ns1')
  const client = world.peer('client', 'ns1')
  await register(world.peer('a', 'ns1'), registrationOf('a'))
  await register(world.peer('b', 'ns1'), registrationOf('b'))
  expect(await routedBrokers(client, 'T')).toEqual(['a', 'b'])
  world.network.crash('b')
  await world.clock.advance(1)
  expect(await routedBrokers(client, 'T')).toEqual(['a'])
  expect(world.lines.at(-1)).toContain('removed b (id 0)')
})

test('R6: a broker that unregisters is gone before its connection closes', async () => {
  const world = new NameserverWorld()
  await started(world, 'ns1')
  const broker = world.peer('a', 'ns1')
  const client = world.peer('client', 'ns1')
  await register(broker, registrationOf('a'))
  await broker.ask(REQUEST.unregisterBroker, brokerFields(registrationOf('a')))
  expect(broker.isConnected).toBe(true)
  expect(await routedBrokers(client, 'T')).toEqual([])
})

test('R6: the late end of an old connection does not remove a broker that came back', async () => {
  const world = new NameserverWorld()
  await started(world, 'ns1')
  const before = world.peer('a', 'ns1')
  const after = world.peer('a', 'ns1')
  await register(before, registrationOf('a'))
  await register(after, registrationOf('a'))
  await before.hangUp()
  expect(await routedBrokers(after, 'T')).toEqual(['a'])
})

test('R11: a nameserver opens no connection, and none of its code could', () => {
  for (const name of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    expect(readFileSync(join(SOURCE, name), 'utf8'), name).not.toMatch(/channels\.ts|\.connect\(/)
  }
})

test('R25: a nameserver that starts empty is full again after one heartbeat', async () => {
  const world = new NameserverWorld()
  const first = await started(world, 'ns1')
  const broker = world.peer('a', 'ns1')
  const client = world.peer('client', 'ns1')
  await register(broker, registrationOf('a'))
  await broker.ask(REQUEST.putKvConfig, { namespace: 'N', key: 'k', value: 'v' })
  await first.stop()
  running.pop()
  await world.clock.advance(5_000)
  await started(world, 'ns1')
  expect(await routedBrokers(client, 'T')).toEqual([])
  // The same beat as ever, with the same data version: the nameserver knows nothing to compare it to.
  await register(broker, registrationOf('a'))
  expect(await routedBrokers(client, 'T')).toEqual(['a'])
  expect((await client.ask(REQUEST.getKvConfig, { namespace: 'N', key: 'k' })).code).toBe(22)
})

test('R26: a third nameserver joins without the others', async () => {
  const world = new NameserverWorld()
  for (const host of ['ns1', 'ns2', 'ns3']) {
    await started(world, host)
    await register(world.peer('a', host), registrationOf('a'))
  }
  // Cut off from each other, each still answers.
  for (const [from, to] of [
    ['ns1', 'ns2'],
    ['ns2', 'ns1'],
    ['ns1', 'ns3'],
    ['ns3', 'ns1'],
  ] as const) {
    world.network.cut({ from, to })
  }
  for (const host of ['ns1', 'ns2', 'ns3']) {
    expect(await routedBrokers(world.peer('client', host), 'T')).toEqual(['a'])
  }
})

test('what nobody handles is answered "not supported", and counted', async () => {
  const world = new NameserverWorld()
  const nameserver = await started(world, 'ns1')
  const answer = await world.peer('client', 'ns1').ask(9_999)
  expect(answer.code).toBe(3)
  expect(nameserver.metrics.snapshot()).toMatchObject({
    nameserver_requests_total: 1,
    nameserver_unsupported_requests_total: 1,
  })
})
