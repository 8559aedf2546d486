// Goal: a route is encoded once for as long as nothing changes, and never served stale. Method: the same
// buffer must come back until the table or the order settings change.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { EncodedRoutes } from '../../src/nameserver/encoded-routes.ts'
import { KvConfig, ORDER_NAMESPACE } from '../../src/nameserver/kv-config.ts'
import { RouteTable } from '../../src/nameserver/route-table.ts'
import { decodeRoute, encodeRoute } from '../../src/remoting/route.ts'
import { FakeOwner, registrationOf, topicOf } from '../support/registrations.ts'

test('an unchanged route is the same bytes; each change is seen by the next question', () => {
  const table = new RouteTable()
  const settings = new KvConfig()
  const routes = new EncodedRoutes(table, settings)
  const owner = new FakeOwner()
  expect(routes.get('T')).toBeNull()

  table.register(registrationOf('a'), owner, 0)
  const first = routes.get('T')
  expect(first).not.toBeNull()
  table.register(registrationOf('a'), owner, 30_000)
  expect(routes.get('T')).toBe(first)

  settings.put({ namespace: ORDER_NAMESPACE, key: 'T', value: 'a:4' })
  const ordered = routes.get('T')
  expect(decodeRoute(ordered!.body).orderConfig).toBe('a:4')

  table.register(registrationOf('b'), owner, 30_000)
  expect(decodeRoute(routes.get('T')!.body).brokers).toHaveLength(2)
  table.wipeWritePermission('b')
  expect(decodeRoute(routes.get('T')!.body).queues[1]?.permission).toBe(4)
  table.connectionClosed(owner)
  expect(routes.get('T')).toBeNull()
})

test('a version says what the route says: it comes back with the route, whatever happened between', () => {
  const table = new RouteTable()
  const routes = new EncodedRoutes(table, new KvConfig())
  const owner = new FakeOwner()
  table.register(registrationOf('a'), owner, 0)
  const first = routes.get('T')?.version
  table.wipeWritePermission('a')
  expect(routes.get('T')?.version).not.toBe(first)
  table.addWritePermission('a')
  expect(routes.get('T')?.version).toBe(first as string)
})

test('routes that say the same are the same bytes, whatever their topics are called', () => {
  const table = new RouteTable()
  const topics = [topicOf('T'), topicOf('U'), topicOf('V', { readQueueCount: 5 })]
  table.register(registrationOf('a', { topics }), new FakeOwner(), 0)
  const routes = new EncodedRoutes(table, new KvConfig())
  expect(routes.get('T')).toBe(routes.get('U'))
  expect(routes.get('V')).not.toEqual(routes.get('T'))
})

test('no more bytes than the limit are kept, whatever is asked for', () => {
  const table = new RouteTable()
  const topics = [topicOf('T'), topicOf('U', { readQueueCount: 5 })]
  table.register(registrationOf('a', { topics }), new FakeOwner(), 0)
  const { length } = new EncodedRoutes(table, new KvConfig()).get('T')!.body
  const routes = new EncodedRoutes(table, new KvConfig(), length)
  const first = routes.get('T')
  expect(routes.get('T')).toBe(first)
  expect(routes.get('U')).not.toBeNull()
  expect(routes.get('T')).not.toBe(first)
  expect(routes.get('T')).toEqual(first)
})

test('joined from the texts of its parts, a route is what it is when encoded at once', () => {
  const table = new RouteTable()
  const settings = new KvConfig()
  const routes = new EncodedRoutes(table, settings)
  const random = seededRandom(5)
  for (let i = 0; i < 200; i++) {
    const name = ['a', 'b', 'c'][random.below(3)] as string
    const topics = ['T', 'U', 'V'].map((topic) =>
      topicOf(topic, { readQueueCount: random.below(3), permission: random.below(8) }),
    )
    const brokerId = random.below(2)
    table.register(registrationOf(name, { topics, brokerId, counter: i }), new FakeOwner(), i)
    if (random.below(4) === 0) {
      settings.put({ namespace: ORDER_NAMESPACE, key: 'T', value: `a:"${i}"` })
    }
    for (const topic of ['T', 'U', 'V']) {
      const route = table.routeOf(topic)
      const orderConfig = settings.get(ORDER_NAMESPACE, topic)
      const expected = route === null ? null : encodeRoute({ ...route, orderConfig }).toString()
      expect(routes.get(topic)?.body.toString() ?? null).toBe(expected)
    }
  }
})
