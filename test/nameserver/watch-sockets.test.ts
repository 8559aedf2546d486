// Goal: watching holds over real sockets: a thousand watchers are all told (R21), and a thousand that never
// read cost bounded memory and hold up nobody (R22). Method: a nameserver in this process and bare
// sockets; times are printed, not judged, because the machine may have other things to do.

import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { defaultNameserverConfig } from '../../src/nameserver/config.ts'
import { Nameserver } from '../../src/nameserver/nameserver.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { Connection } from '../../src/remoting/connection.ts'
import type { HostPort, Stream } from '../../src/remoting/network.ts'
import { encodeRegistration } from '../../src/remoting/registration.ts'
import { RemoteWarnings } from '../../src/remoting/remote-warnings.ts'
import { encodeRouteVersions } from '../../src/remoting/route-watch.ts'
import { brokerFields } from '../support/nameserver-fixture.ts'
import { registrationOf, topicOf } from '../support/registrations.ts'

setDefaultTimeout(60_000)

const WATCHER_COUNT = 1_000
const LIMIT_MS = 30_000

const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'test' })
const warnings = new RemoteWarnings(systemClock, logger)
let stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.reverse()) await stop()
  stops = []
})

async function startNameserver(): Promise<{ nameserver: Nameserver; address: HostPort }> {
  const nameserver = new Nameserver({
    config: { ...defaultNameserverConfig(), listen: { host: '127.0.0.1', port: 0 } },
    network: bunNetwork,
    clock: systemClock,
    logger,
  })
  stops.push(() => nameserver.stop())
  return { nameserver, address: await nameserver.start() }
}

interface Peer {
  connection: Connection
  stream: Stream
}

async function connect(address: HostPort, onRequest: (request: Command) => void): Promise<Peer> {
  let connection: Connection | null = null
  const stream = await bunNetwork.connect(address, { timeoutMs: 5_000 }, (opened) => {
    connection = new Connection({
      stream: opened,
      clock: systemClock,
      logger,
      warnings,
      expectsFirstFrame: false,
      onRequest,
    })
    return connection
  })
  if (connection === null) throw new Error('not connected')
  const peer = { connection: connection as Connection, stream }
  stops.push(() => peer.connection.destroy())
  return peer
}

async function watch({ connection }: Peer): Promise<void> {
  const body = encodeRouteVersions(new Map([['T', '']]))
  const options = { fields: { watchId: 'w' }, body }
  expect((await connection.invoke(REQUEST.watchRoutes, options, LIMIT_MS)).code).toBe(0)
}

/** A broker whose topic has another number of queues each time. */
async function change({ connection }: Peer, count: number): Promise<void> {
  const topics = ['T', 'U'].map((name) => topicOf(name, { readQueueCount: count }))
  const registration = registrationOf('a', { topics, counter: count })
  const options = { fields: brokerFields(registration), body: encodeRegistration(registration) }
  expect((await connection.invoke(REQUEST.registerBroker, options, LIMIT_MS)).code).toBe(0)
}

async function until(isTrue: () => boolean, what: string): Promise<void> {
  const startMs = systemClock.monoMs()
  while (!isTrue()) {
    if (systemClock.monoMs() - startMs > LIMIT_MS) throw new Error(`not within 30 s: ${what}`)
    await sleep(systemClock, 2)
  }
}

test('R21: a thousand watchers over real sockets are all told of a broker that joins, and of its end', async () => {
  const { address } = await startNameserver()
  let told: number[] = []
  let startMs = 0
  const watchers = await Promise.all(
    Array.from({ length: WATCHER_COUNT }, () =>
      connect(address, () => void told.push(systemClock.monoMs() - startMs)),
    ),
  )
  await Promise.all(watchers.map(watch))
  await until(() => told.length === WATCHER_COUNT, 'each hears that there is no route yet')
  const broker = await connect(address, () => {})
  for (const [title, action] of [
    ['joins', () => change(broker, 1)],
    ['hangs up', () => broker.connection.destroy()],
  ] as const) {
    told = []
    startMs = systemClock.monoMs()
    await action()
    await until(() => told.length === WATCHER_COUNT, `each hears that the broker ${title}`)
    told.sort((a, b) => a - b)
    const at = (quantile: number): string =>
      (told[Math.floor(quantile * told.length)] ?? 0).toFixed(1)
    process.stderr.write(`R21 ${title}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`)
  }
})

test('R22: a thousand watchers that never read: memory is bounded, and others are told as ever', async () => {
  const { nameserver, address } = await startNameserver()
  const broker = await connect(address, () => {})
  await change(broker, 1)
  const deaf = await Promise.all(
    Array.from({ length: WATCHER_COUNT }, () => connect(address, () => {})),
  )
  await Promise.all(deaf.map(watch))
  for (const { stream } of deaf) stream.pause()
  const heard: string[] = []
  const reader = await connect(address, ({ fields }) => void heard.push(fields['version'] ?? ''))
  await watch(reader)
  await until(() => heard.length === 1, 'the reader has the first route')

  Bun.gc(true)
  const before = process.memoryUsage.rss()
  const rounds = 60
  for (let round = 0; round < rounds; round++) {
    await change(broker, 2 + (round % 1_000))
    await until(() => heard.length === 2 + round, `the reader hears of change ${round}`)
  }
  Bun.gc(true)
  const grownMiB = (process.memoryUsage.rss() - before) / 1024 ** 2
  process.stderr.write(`R22: ${rounds} changes, ${grownMiB.toFixed(0)} MiB more\n`)
  // What the kernel takes is its own; of ours there is what waits in a watcher's output (the virtual
  // network of watch-handlers.test.ts fills that).
  expect(grownMiB).toBeLessThan((WATCHER_COUNT * 96) / 1024)
  expect(nameserver.metrics.counter('nameserver_route_pushes_total').value).toBeLessThanOrEqual(
    (WATCHER_COUNT + 1) * (rounds + 1),
  )
})
