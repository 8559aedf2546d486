// Goal: settings can be left and read by everybody, the nameserver's own configuration cannot be written
// and shows nothing but its few numbers. Method: each request over a simulated network, hits and misses.

import { beforeEach, expect, test } from 'bun:test'
import { REQUEST } from '../../../src/remoting/codes.ts'
import { decodeKvTable } from '../../../src/remoting/kv-table.ts'
import { decodeRegistrationsView } from '../../../src/remoting/registrations-view.ts'
import { decodeRoute } from '../../../src/remoting/route.ts'
import { NameserverWorld, register } from '../../support/nameserver-fixture.ts'
import { registrationOf } from '../../support/registrations.ts'
import type { WirePeer } from '../../support/wire-peer.ts'

let peer: WirePeer

beforeEach(async () => {
  const world = new NameserverWorld()
  await world.start('ns')
  peer = world.peer('client', 'ns')
})

test('settings: put, get, list, delete, miss', async () => {
  const entry = { namespace: 'N', key: 'k' }
  expect((await peer.ask(REQUEST.getKvConfig, entry)).code).toBe(22)
  expect((await peer.ask(REQUEST.getKvList, entry)).code).toBe(22)
  expect((await peer.ask(REQUEST.putKvConfig, { ...entry, value: 'v' })).code).toBe(0)
  expect((await peer.ask(REQUEST.getKvConfig, entry)).fields['value']).toBe('v')
  const list = await peer.ask(REQUEST.getKvList, entry)
  expect([...decodeKvTable(list.body)]).toEqual([['k', 'v']])
  expect((await peer.ask(REQUEST.deleteKvConfig, entry)).code).toBe(0)
  expect((await peer.ask(REQUEST.getKvConfig, entry)).code).toBe(22)
})

test('an order setting becomes part of the route', async () => {
  await register(peer, registrationOf('a'))
  const entry = { namespace: 'ORDER_TOPIC_CONFIG', key: 'T', value: 'a:4' }
  await peer.ask(REQUEST.putKvConfig, entry)
  const { body } = await peer.ask(REQUEST.getRoute, { topic: 'T' })
  expect(decodeRoute(body).orderConfig).toBe('a:4')
})

test('the configuration can be read, in three numbers, and not written', async () => {
  const before = await peer.ask(REQUEST.getNameserverConfig)
  expect(before.body.toString()).toBe(
    'listenPort=9876\nscanNotActiveBrokerInterval=10000\nbrokerChannelExpiredTime=120000\n',
  )
  for (const line of ['configStorePath=/tmp/x', 'scanNotActiveBrokerInterval=1', '']) {
    const answer = await peer.ask(REQUEST.updateNameserverConfig, {}, Buffer.from(line))
    expect(answer.code, line).toBe(16)
  }
  expect((await peer.ask(REQUEST.getNameserverConfig)).body).toEqual(before.body)
})

test('the registrations are described with their ages and counts', async () => {
  await register(peer, registrationOf('a', { counter: 7 }))
  const { body } = await peer.ask(REQUEST.describeRegistrations)
  const view = decodeRegistrationsView(body)
  expect(view.brokers).toEqual([
    {
      brokerName: 'a',
      cluster: 'C',
      brokerId: 0,
      address: '10.0.0.1:9700',
      lastHeartbeatAgeMs: expect.any(Number) as unknown as number,
      expiryMs: 120_000,
      dataVersion: { stateVersion: 0, timestampMs: 0, counter: 7 },
      isDraining: false,
      topicCount: 2,
    },
  ])
  expect(view.counters.get('nameserver_registrations_total')).toBe(1)
})
