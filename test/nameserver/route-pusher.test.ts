// Goal: pushes leave a few milliseconds after a change, together, and never more of them than a watcher
// reads. Method: the real table and pusher under virtual time, connections that only count bytes.

import { expect, test } from 'bun:test'
import { FRAME_BYTES_MAX, WATCHER_UNREAD_BYTES_MAX } from '../../src/core/limits.ts'
import { Metrics } from '../../src/core/metrics.ts'
import { EncodedRoutes } from '../../src/nameserver/encoded-routes.ts'
import { KvConfig, ORDER_NAMESPACE } from '../../src/nameserver/kv-config.ts'
import { RoutePusher } from '../../src/nameserver/route-pusher.ts'
import { RouteTable } from '../../src/nameserver/route-table.ts'
import type { RequestOptions } from '../../src/remoting/command.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { FakeOwner, registrationOf } from '../support/registrations.ts'

/** Reads at once, or never. */
class FakeWatcher {
  readonly told: { topic: unknown; version: unknown; atMs: number }[] = []
  outputBytes = 0
  readonly #clock: VirtualClock
  readonly #reads: boolean

  constructor(clock: VirtualClock, reads: boolean) {
    this.#clock = clock
    this.#reads = reads
  }

  sendOneway(_code: number, { fields, body }: RequestOptions): void {
    const { topic, version } = fields ?? {}
    this.told.push({ topic, version, atMs: this.#clock.monoMs() })
    if (!this.#reads) this.outputBytes += (body?.length ?? 0) + 100
  }
}

function world(): {
  clock: VirtualClock
  table: RouteTable
  settings: KvConfig
  routes: EncodedRoutes
  pusher: RoutePusher
} {
  const clock = new VirtualClock()
  const table = new RouteTable((topic) => pusher.noteChanged(topic))
  const settings = new KvConfig((topic) => pusher.noteChanged(topic))
  const routes = new EncodedRoutes(table, settings)
  const pusher = new RoutePusher({ routes, clock, metrics: new Metrics() })
  return { clock, table, settings, routes, pusher }
}

test('a route that fits into no frame is not pushed, and the others are', async () => {
  const clock = new VirtualClock()
  const bodies = new Map([
    ['T', Buffer.alloc(FRAME_BYTES_MAX)],
    ['U', Buffer.alloc(10)],
  ])
  const get = (topic: string) => ({ body: bodies.get(topic) ?? Buffer.alloc(0), version: '1' })
  const pusher = new RoutePusher({ routes: { get }, clock, metrics: new Metrics() })
  const watcher = new FakeWatcher(clock, true)
  const known = [...bodies.keys()].map((topic): [string, string] => [topic, ''])
  pusher.watch(watcher, { id: 'w', known: new Map(known) })
  await clock.advance(100)
  expect(watcher.told.map(({ topic }) => topic)).toEqual(['U'])
})

test('R21: everything that changes a route is told, within milliseconds and once', async () => {
  const { clock, table, settings, routes, pusher } = world()
  const owner = new FakeOwner()
  const watcher = new FakeWatcher(clock, true)
  pusher.watch(watcher, { id: 'w', known: new Map([['T', '']]) })
  await clock.advance(100)
  expect(watcher.told.map(({ version }) => version)).toEqual(['none'])

  const changes: [string, () => void][] = [
    ['a broker joins', () => void table.register(registrationOf('a'), owner, 0)],
    ['another joins', () => void table.register(registrationOf('b'), new FakeOwner(), 0)],
    [
      'it moves',
      () => void table.register(registrationOf('b', { address: '10.0.0.9:1' }), owner, 0),
    ],
    ['a replica', () => void table.register(registrationOf('b', { brokerId: 1 }), owner, 0)],
    ['no more writes', () => void table.wipeWritePermission('a')],
    ['writes again', () => void table.addWritePermission('a')],
    ['ordered', () => settings.put({ namespace: ORDER_NAMESPACE, key: 'T', value: 'a:4' })],
    ['not ordered', () => settings.delete(ORDER_NAMESPACE, 'T')],
    ['the replica leaves', () => void table.unregister(registrationOf('b', { brokerId: 1 }))],
    ['its connection closes', () => void table.connectionClosed(owner)],
    ['it comes back', () => void table.register(registrationOf('a'), owner, 0)],
    ['it is silent', () => void table.evictExpired(1_000_000)],
    ['back again', () => void table.register(registrationOf('a'), owner, 0)],
    ['the topic is deleted', () => table.deleteTopic('T', null)],
  ]
  for (const [title, change] of changes) {
    const before = watcher.told.length
    const startMs = clock.monoMs()
    change()
    await clock.advance(1_000)
    expect(watcher.told.length, title).toBe(before + 1)
    const last = watcher.told.at(-1)
    expect(last?.version, title).toBe(routes.get('T')?.version ?? 'none')
    expect((last?.atMs ?? 0) - startMs, title).toBeLessThan(10)
  }
})

test('a heartbeat, and a change that concerns other topics, tell nobody anything', async () => {
  const { clock, table, pusher } = world()
  const owner = new FakeOwner()
  table.register(registrationOf('a'), owner, 0)
  const watcher = new FakeWatcher(clock, true)
  pusher.watch(watcher, { id: 'w', known: new Map([['T', '']]) })
  await clock.advance(100)
  expect(watcher.told).toHaveLength(1)
  table.register(registrationOf('a'), owner, 30_000)
  table.deleteTopic('U', null)
  await clock.advance(1_000)
  expect(watcher.told).toHaveLength(1)
})

test('R22: a thousand watchers that never read: what waits for them stops growing', async () => {
  const { clock, table, settings, routes, pusher } = world()
  table.register(registrationOf('a'), new FakeOwner(), 0)
  const deaf = Array.from({ length: 1_000 }, () => new FakeWatcher(clock, false))
  const quick = new FakeWatcher(clock, true)
  const known = new Map([
    ['T', ''],
    ['U', ''],
  ])
  for (const watcher of [...deaf, quick]) pusher.watch(watcher, { id: 'w', known })
  const unread = (): number => deaf.reduce((sum, watcher) => sum + watcher.outputBytes, 0)
  const change = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const value = `a:${i} `.padEnd(8_000, 'x')
      settings.put({ namespace: ORDER_NAMESPACE, key: i % 2 === 0 ? 'T' : 'U', value })
      await clock.advance(20)
    }
  }
  await change(40)
  const full = unread()
  expect(full).toBeLessThan(1_000 * (WATCHER_UNREAD_BYTES_MAX + 9_000))
  await change(40)
  expect(unread()).toBe(full)
  expect(quick.told.length).toBeGreaterThanOrEqual(80)

  // One of them reads at last, and has the newest of both topics, not what it missed.
  const late = deaf[0] as FakeWatcher
  const missedFrom = late.told.length
  late.outputBytes = 0
  await clock.advance(100)
  expect(late.told.slice(missedFrom).map(({ version }) => version)).toEqual(
    ['T', 'U'].map((topic) => routes.get(topic)?.version),
  )
})

test('a stopped pusher tells nobody', async () => {
  const { clock, table, pusher } = world()
  const watcher = new FakeWatcher(clock, true)
  pusher.watch(watcher, { id: 'w', known: new Map([['T', 'none']]) })
  table.register(registrationOf('a'), new FakeOwner(), 0)
  pusher.stop()
  await clock.advance(1_000)
  expect(watcher.told).toEqual([])
})
