// Goal: a route is encoded once for as long as nothing changes, and never served stale. Method: the same
// buffer must come back until the table or the order settings change.

import { expect, test } from 'bun:test'
import { EncodedRoutes } from '../../src/nameserver/encoded-routes.ts'
import { KvConfig, ORDER_NAMESPACE } from '../../src/nameserver/kv-config.ts'
import { RouteTable } from '../../src/nameserver/route-table.ts'
import { decodeRoute } from '../../src/remoting/route.ts'
import { FakeOwner, registrationOf } from '../support/registrations.ts'

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
  expect(decodeRoute(ordered!).orderConfig).toBe('a:4')

  table.register(registrationOf('b'), owner, 30_000)
  expect(decodeRoute(routes.get('T')!).brokers).toHaveLength(2)
  table.wipeWritePermission('b')
  expect(decodeRoute(routes.get('T')!).queues[1]?.permission).toBe(4)
  table.connectionClosed(owner)
  expect(routes.get('T')).toBeNull()
})
