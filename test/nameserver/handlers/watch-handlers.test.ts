// Goal: watching over the wire does what docs/PROTOCOL.md says, and what is no request for it is refused
// in words. Method: a real nameserver and peers that speak the wire, under virtual time.

import { beforeEach, expect, test } from 'bun:test'
import { REQUEST } from '../../../src/remoting/codes.ts'
import type { Command } from '../../../src/remoting/command.ts'
import { decodeRoute, jsonBody } from '../../../src/remoting/route.ts'
import {
  decodeRouteVersions,
  encodeRouteVersions,
  routeVersion,
} from '../../../src/remoting/route-watch.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../../src/simulation/virtual-network.ts'
import { NameserverWorld, register } from '../../support/nameserver-fixture.ts'
import { registrationOf } from '../../support/registrations.ts'
import { WirePeer } from '../../support/wire-peer.ts'

let world: NameserverWorld
let brokers: WirePeer
let watcher: WirePeer

beforeEach(async () => {
  world = new NameserverWorld()
  await world.start('ns')
  brokers = world.peer('brokers', 'ns')
  await register(brokers, registrationOf('a'))
  watcher = new WirePeer({
    clock: world.clock,
    network: world.network.host('watcher'),
    server: 'ns:9876',
    listensTo: [REQUEST.routeChanged],
  })
})

function watch(known: Record<string, string>, watchId = 'w1'): Promise<Command> {
  const body = encodeRouteVersions(new Map(Object.entries(known)))
  return watcher.ask(REQUEST.watchRoutes, { watchId }, body)
}

test('the answer has the versions of now; what is not known follows, and every change', async () => {
  const { body: route } = await watcher.ask(REQUEST.getRoute, { topic: 'T' })
  const answer = await watch({ T: routeVersion(route), U: '', x: '' })
  expect(answer.code).toBe(0)
  expect([...decodeRouteVersions(answer.body).keys()]).toEqual(['T', 'U', 'x'])
  expect(decodeRouteVersions(answer.body).get('T')).toBe(routeVersion(route))
  expect(decodeRouteVersions(answer.body).get('x')).toBe('none')
  await world.clock.advance(50)
  expect(watcher.requests.map(({ fields }) => fields['topic'])).toEqual(['U', 'x'])
  expect(watcher.requests[1]?.body).toHaveLength(0)

  await register(brokers, registrationOf('b'))
  await world.clock.advance(50)
  const pushes = watcher.requests.slice(2)
  expect(pushes.map(({ fields }) => fields['topic'])).toEqual(['T', 'U'])
  for (const { fields, body } of pushes) {
    expect(fields['watchId']).toBe('w1')
    expect(fields['version']).toBe(routeVersion(body))
    expect(decodeRoute(body).brokers.map(({ brokerName }) => brokerName)).toEqual(['a', 'b'])
  }
})

test('a broker that vanishes is told at once, with an empty body where nobody is left', async () => {
  await watch({ T: '' })
  await world.clock.advance(50)
  await brokers.hangUp()
  await world.clock.advance(50)
  const last = watcher.requests.at(-1)
  expect(last?.fields).toMatchObject({ topic: 'T', version: 'none' })
  expect(last?.body).toHaveLength(0)
})

test('a new set replaces the old one, an empty set ends the watch, and so does hanging up', async () => {
  await watch({ T: '' })
  await watch({ U: '' }, 'w2')
  await world.clock.advance(50)
  expect(watcher.requests.map(({ fields }) => fields['watchId'])).toEqual(['w2'])
  await watch({}, 'w3')
  await register(brokers, registrationOf('b'))
  await world.clock.advance(50)
  expect(watcher.requests).toHaveLength(1)

  await watch({ T: '' }, 'w4')
  await watcher.hangUp()
  await watcher.ask(REQUEST.getRoute, { topic: 'T' })
  const before = watcher.requests.length
  await register(brokers, registrationOf('c'))
  await world.clock.advance(50)
  expect(watcher.requests).toHaveLength(before)
})

test('what is no watch is refused in words', async () => {
  const wrong: [Record<string, string>, Uint8Array, string][] = [
    [{}, encodeRouteVersions(new Map()), 'watchId'],
    [{ watchId: 'x'.repeat(65) }, encodeRouteVersions(new Map()), '64 characters'],
    [{ watchId: 'w' }, Buffer.from('[]'), 'not a JSON object'],
    [{ watchId: 'w' }, jsonBody({ topics: [] }), 'lacks the map "topics"'],
    [{ watchId: 'w' }, jsonBody({ topics: { T: 5 } }), 'not text'],
    [{ watchId: 'w' }, jsonBody({ topics: { '../T': '' } }), '"../T" is no topic name'],
  ]
  for (const [fields, body, words] of wrong) {
    const answer = await watcher.ask(REQUEST.watchRoutes, fields, body)
    expect(answer.code).toBe(1)
    expect(answer.remark).toContain(words)
  }
})

test('too many topics are refused as "busy", so that the asker does without', async () => {
  const topics = Array.from({ length: 1_025 }, (_, i) => [`t${i}`, ''] as const)
  const answer = await watch(Object.fromEntries(topics))
  expect(answer.code).toBe(2)
  expect(answer.remark).toContain('1025 topics')
})

test('R22: a thousand watchers that hang are told until their buffers are full, and then dropped', async () => {
  const clock = new VirtualClock()
  const network = new VirtualNetwork({ clock, seed: 22, windowBytes: 4_096 })
  world = new NameserverWorld({ clock, network })
  const nameserver = await world.start('ns')
  brokers = world.peer('brokers', 'ns')
  await register(brokers, registrationOf('a'))
  const newWatcher = async (host: string): Promise<WirePeer> => {
    watcher = new WirePeer({
      clock,
      network: network.host(host),
      server: 'ns:9876',
      listensTo: [REQUEST.routeChanged],
    })
    await watch({ T: '' })
    return watcher
  }
  const count = 1_000
  for (let i = 0; i < count; i++) await newWatcher(`deaf-${i}`)
  const reader = await newWatcher('reader')
  for (let i = 0; i < count; i++) network.freeze(`deaf-${i}`)
  const pushCount = (): number => nameserver.metrics.counter('nameserver_route_pushes_total').value

  // Each route is 10 KB: seven of them are more than a watcher may leave unread.
  const change = async (rounds: number): Promise<void> => {
    for (let i = 0; i < rounds; i++) {
      const value = `${clock.monoMs()} `.padEnd(10_000, 'x')
      await brokers.ask(REQUEST.putKvConfig, { namespace: 'ORDER_TOPIC_CONFIG', key: 'T', value })
      await clock.advance(100)
    }
  }
  const before = pushCount()
  await change(40)
  expect(reader.requests.length).toBeGreaterThan(40)
  expect(pushCount() - before).toBeLessThanOrEqual(count * 8 + 40)
  const full = pushCount()
  await change(40)
  expect(pushCount()).toBe(full + 40)

  // Whoever reads nothing for 30 s is cut off, and watches no more.
  await clock.advance(35_000)
  for (let i = 0; i < count; i++) network.thaw(`deaf-${i}`)
  await clock.advance(5_000)
  const late = pushCount()
  await change(1)
  expect(pushCount()).toBe(late + 1)
  expect(reader.requests.at(-1)?.fields['version']).toBe(routeVersion(reader.requests.at(-1)!.body))
})
