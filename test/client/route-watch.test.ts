// Goal: a client that watches hears of changes within milliseconds (R21), loses nothing when a push or
// the one who pushes is lost (R22), and does without where nobody pushes. Method: real nameservers, fake
// brokers, virtual time; a nameserver of Apache's is a server that answers as JAVA, and passes over
// what it does not know.

import { describe, expect, spyOn, test } from 'bun:test'
import type { Client } from '../../src/client/client.ts'
import { Logger } from '../../src/core/logger.ts'
import { LANGUAGES, PERMISSION, REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { responseParts } from '../../src/remoting/command.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import { decodeFrame } from '../../src/remoting/frame.ts'
import { FrameSplitter } from '../../src/remoting/frame-splitter.ts'
import { OutputBuffer } from '../../src/remoting/output-buffer.ts'
import { encodeRoute, type TopicRoute } from '../../src/remoting/route.ts'
import { encodeRouteVersions } from '../../src/remoting/route-watch.ts'
import { RemotingServer } from '../../src/remoting/server.ts'
import { FakeCluster, fakeCluster } from '../support/fake-cluster.ts'

/** The brokers of "t" as the client knows them now. */
function known(client: Client, topic = 't'): string {
  const brokers = client.routes.peek(topic)?.route.brokers ?? []
  return brokers
    .map(({ brokerName }) => brokerName.slice(-1))
    .sort()
    .join('')
}

/** How long until the client knows what is expected, from before `change`; fails after a minute. */
async function until(
  cluster: FakeCluster,
  isTrue: () => boolean,
  change: () => Promise<unknown> = async () => {},
): Promise<number> {
  const startMs = cluster.clock.monoMs()
  await change()
  while (!isTrue()) {
    if (cluster.clock.monoMs() - startMs > 60_000) throw new Error('not within a minute')
    await cluster.clock.advance(1)
  }
  return cluster.clock.monoMs() - startMs
}

async function watching(
  cluster: FakeCluster,
  options: Parameters<FakeCluster['client']>[1] = {},
): Promise<Client> {
  const client = cluster.client('c1', options)
  await cluster.settle(client.routes.get('t'))
  await cluster.clock.advance(100)
  return client
}

describe('R21: within 200 ms', () => {
  test('R21: a broker joins, leaves and comes back', async () => {
    const { cluster } = await fakeCluster({ a: 2 })
    const client = await watching(cluster)
    const versions: number[] = []
    client.routes.onChange(({ version }) => versions.push(version))
    const join = () => cluster.addBroker('broker-b', { t: { queueCount: 2 } })
    const joinedMs = await until(cluster, () => known(client) === 'ab', join)
    cluster.processes.get('broker-b')!.kill()
    const leftMs = await until(cluster, () => known(client) === 'a')
    const backMs = await until(cluster, () => known(client) === 'ab', join)
    expect(Math.max(joinedMs, leftMs, backMs)).toBeLessThan(200)
    // Each change once, however many times the 30 s pull repeats it.
    await cluster.clock.advance(65_000)
    expect(versions).toEqual([2, 3, 4])
  })

  test('R21: queues, permissions, and the eviction of a broker that hangs', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2, b: 2 })
    const client = await watching(cluster)
    const queues = () => client.routes.peek('t')?.route.queues[0]
    const grow = async () => void brokers['a']!.setTopic('t', { queueCount: 5 })
    const grownMs = await until(cluster, () => queues()?.readQueueCount === 5, grow)
    const wipe = async () =>
      void client.caller.channels.call('ns1:9876', REQUEST.wipeWritePermission, {
        fields: { brokerName: 'broker-a' },
        timeoutMs: 1_000,
      })
    const wipedMs = await until(cluster, () => queues()?.permission === PERMISSION.read, wipe)
    expect(Math.max(grownMs, wipedMs)).toBeLessThan(200)
    cluster.processes.get('broker-b')!.freeze()
    await cluster.clock.advance(85_000)
    expect(known(client)).toBe('ab')
    // Silent for 120 s, seen by a scan every 10 s; then at once.
    const isEvicted = () => cluster.log.some((line) => line.includes('removed broker-b'))
    await until(cluster, isEvicted)
    expect(await until(cluster, () => known(client) === 'a')).toBeLessThan(200)
  })

  test('R21: topics that come up later are watched as well, all in one watch', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addBroker('broker-a', { t: { queueCount: 1 }, u: { queueCount: 1 } })
    const client = await watching(cluster)
    await cluster.settle(client.routes.get('u'))
    await cluster.clock.advance(50)
    const join = () => cluster.addBroker('broker-b', { t: { queueCount: 1 }, u: { queueCount: 1 } })
    const both = (): boolean => known(client, 't') === 'ab' && known(client, 'u') === 'ab'
    expect(await until(cluster, both, join)).toBeLessThan(200)
  })
})

describe('R22: what a push cannot do', () => {
  test('R22: a lost push is repaired by the next pull', async () => {
    const { cluster } = await fakeCluster({ a: 2 })
    const client = await watching(cluster)
    const startedMs = cluster.clock.monoMs()
    const pushed = spyOn(client.routes, 'receivePush').mockImplementation(() => {})
    await cluster.addBroker('broker-b', { t: { queueCount: 2 } })
    await cluster.clock.advance(1_000)
    expect(pushed).toHaveBeenCalledTimes(1)
    expect(known(client)).toBe('a')
    await until(cluster, () => known(client) === 'ab')
    expect(cluster.clock.monoMs() - startedMs).toBeWithin(20_000, 30_100)
  })

  test('R22: a topic that is gone is looked for elsewhere, and else kept as it was', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addNameserver('ns2')
    const only1 = await cluster.addBroker('broker-a', { t: { queueCount: 2 } }, ['ns1:9876'])
    await cluster.addBroker('broker-b', { t: { queueCount: 2 } }, ['ns2:9876'])
    // Two clients: which nameserver one begins with is drawn.
    const clients = [cluster.client('c1'), cluster.client('c2'), cluster.client('c3')]
    for (const client of clients) await cluster.settle(client.routes.get('t'))
    const first = clients.find((client) => known(client) === 'a')
    if (first === undefined) throw new Error('no client began with ns1')
    await cluster.clock.advance(100)
    only1.stop()
    expect(await until(cluster, () => known(first) === 'b')).toBeLessThan(200)
    cluster.processes.get('broker-b')!.kill()
    await cluster.clock.advance(60_000)
    expect(known(first)).toBe('b')
  })

  test('R22: the one who pushes dies: another does, within seconds', async () => {
    const cluster = new FakeCluster()
    await cluster.addNameserver('ns1')
    await cluster.addNameserver('ns2')
    await cluster.addBroker('broker-a', { t: { queueCount: 2 } })
    const client = await watching(cluster)
    const used = client.routes.nameserver
    expect(client.routes.watchedNameserver).toBe(used)
    cluster.processes.get(used.split(':')[0]!)!.kill()
    const movedMs = await until(cluster, () => {
      const { watchedNameserver } = client.routes
      return watchedNameserver !== null && watchedNameserver !== used
    })
    expect(movedMs).toBeLessThan(2_200)
    await cluster.clock.advance(100)
    const join = () => cluster.addBroker('broker-b', { t: { queueCount: 2 } })
    expect(await until(cluster, () => known(client) === 'ab', join)).toBeLessThan(200)
  })

  test('R22: one that restarts empty takes no route away, and pushes what it learns', async () => {
    const { cluster } = await fakeCluster({ a: 2 })
    const client = await watching(cluster)
    cluster.processes.get('ns1')!.kill()
    await cluster.addNameserver('ns1')
    await cluster.clock.advance(3_000)
    expect(known(client)).toBe('a')
    await cluster.clock.advance(60_000)
    expect(client.routes.watchedNameserver).toBe('ns1:9876')
    const join = () => cluster.addBroker('broker-b', { t: { queueCount: 2 } })
    expect(await until(cluster, () => known(client) === 'ab', join)).toBeLessThan(200)
  })

  test('nobody else can push: neither with an old watch, nor with a made-up one', async () => {
    const { cluster, brokers } = await fakeCluster({ a: 2 })
    const client = await watching(cluster)
    await cluster.settle(client.ensureGreeted(brokers['a']!.address))
    const before = client.routes.peek('t')
    const receive = spyOn(client.routes, 'receivePush')
    const body = encodeRoute({ brokers: [], queues: [], orderConfig: null })
    const fields = { watchId: '', topic: 't', version: 'x' }
    brokers['a']!.overrides.set(REQUEST.getMaxOffset, (_, connection) => {
      connection.sendOneway(REQUEST.routeChanged, { fields, body })
      return { code: RESPONSE.success, fields: { offset: 0 } }
    })
    const asked = client.channels.invoke(brokers['a']!.address, REQUEST.getMaxOffset, {
      timeoutMs: 1_000,
    })
    await cluster.settle(asked)
    await cluster.clock.advance(100)
    expect(receive).toHaveBeenCalledTimes(1)
    expect(client.routes.peek('t')).toEqual(before)
  })

  test('closing ends it: nothing is adopted, nothing asked', async () => {
    const { cluster } = await fakeCluster({ a: 2 })
    const client = await watching(cluster)
    await cluster.settle(client.close())
    expect(client.routes.watchedNameserver).toBeNull()
    await cluster.addBroker('broker-b', { t: { queueCount: 2 } })
    await cluster.clock.advance(60_000)
    expect(known(client)).toBe('a')
  })
})

describe('where nobody pushes', () => {
  const ROUTE: TopicRoute = {
    brokers: [
      { cluster: 'c', brokerName: 'broker-a', addresses: new Map([[0, 'broker-a:10911']]) },
    ],
    queues: [
      {
        brokerName: 'broker-a',
        readQueueCount: 1,
        writeQueueCount: 1,
        permission: 6,
        systemFlag: 0,
      },
    ],
    orderConfig: null,
  }

  /** A nameserver that only knows routes; returns how often it was asked to push. */
  async function foreignNameserver(
    cluster: FakeCluster,
    handlers: [number, RequestHandler][],
  ): Promise<{ asked: number[] }> {
    const asked: number[] = []
    const network = cluster.network.host('ns1')
    const logger = new Logger({
      clock: cluster.clock,
      sink: () => {},
      level: 'error',
      scope: 'ns1',
    })
    const counted = handlers.map(([code, handler]): [number, RequestHandler] => [
      code,
      (request, connection) => {
        asked.push(code)
        return handler(request, connection)
      },
    ])
    const server = new RemotingServer({
      network,
      clock: cluster.clock,
      logger,
      handlers: new Map<number, RequestHandler>([
        [
          REQUEST.getRoute,
          () => {
            asked.push(REQUEST.getRoute)
            return { code: RESPONSE.success, body: encodeRoute(ROUTE) }
          },
        ],
        ...counted,
      ]),
    })
    await cluster.settle(server.start({ host: 'ns1', port: 9_876 }))
    cluster.nameservers.push('ns1:9876')
    return { asked }
  }

  test('a nameserver that does not know the request is asked once, and pulled from', async () => {
    const cluster = new FakeCluster()
    const { asked } = await foreignNameserver(cluster, [
      [REQUEST.watchRoutes, () => ({ code: RESPONSE.notSupported })],
    ])
    const client = await watching(cluster)
    await cluster.clock.advance(95_000)
    expect(asked.filter((code) => code === REQUEST.watchRoutes)).toHaveLength(1)
    expect(asked.filter((code) => code === REQUEST.getRoute)).toHaveLength(4)
    expect(client.routes.watchedNameserver).toBeNull()
  })

  test('an answer that was overtaken by a push does not undo it', async () => {
    const cluster = new FakeCluster()
    const grown = (readQueueCount: number): Buffer =>
      encodeRoute({ ...ROUTE, queues: ROUTE.queues.map((each) => ({ ...each, readQueueCount })) })
    let watchId: string | undefined
    let count = 0
    await foreignNameserver(cluster, [
      [
        REQUEST.watchRoutes,
        ({ fields }) => {
          watchId = fields['watchId']
          return { code: RESPONSE.success, body: encodeRouteVersions(new Map()) }
        },
      ],
      [
        REQUEST.getRoute,
        (request, connection) => {
          if (++count !== 2) return { code: RESPONSE.success, body: grown(count) }
          // Both reach the client together: it takes the push as it reads, the answer a little later.
          connection.respond(request, { code: RESPONSE.success, body: grown(2) })
          const fields = { watchId, topic: 't', version: 'x' }
          connection.sendOneway(REQUEST.routeChanged, { fields, body: grown(3) })
          return undefined
        },
      ],
    ])
    const client = await watching(cluster)
    await cluster.settle(client.routes.refresh('t'))
    await cluster.clock.advance(100)
    expect(client.routes.peek('t')?.route.queues[0]?.readQueueCount).toBe(3)
  })

  test('one that has too many watchers is asked again with the next pull', async () => {
    const cluster = new FakeCluster()
    let refusals = 2
    const { asked } = await foreignNameserver(cluster, [
      [
        REQUEST.watchRoutes,
        () =>
          refusals-- > 0
            ? { code: RESPONSE.systemBusy }
            : { code: RESPONSE.success, body: encodeRouteVersions(new Map()) },
      ],
    ])
    const client = await watching(cluster)
    expect(client.routes.watchedNameserver).toBeNull()
    await cluster.clock.advance(65_000)
    expect(asked.filter((code) => code === REQUEST.watchRoutes)).toHaveLength(3)
    expect(client.routes.watchedNameserver).toBe('ns1:9876')
  })

  test("Apache's nameservers are not asked: the old ones would not even answer", async () => {
    const cluster = new FakeCluster()
    const asked: number[] = []
    const address = { host: 'ns1', port: 9_876 }
    const listening = cluster.network.host('ns1').listen(address, (stream) => {
      const splitter = new FrameSplitter()
      const output = new OutputBuffer()
      return {
        onData: (chunk) =>
          splitter.push(chunk, (bytes, start, end) => {
            const request = decodeFrame(bytes, start, end)
            asked.push(request.code)
            if (request.code !== REQUEST.getRoute) return
            const answer = { code: RESPONSE.success, body: encodeRoute(ROUTE) }
            const language = LANGUAGES.indexOf('JAVA')
            output.append({ ...responseParts(request, answer), language }, 'json')
            output.flush((bytes) => stream.write(bytes))
          }),
        onDrain: () => {},
        onClose: () => {},
      }
    })
    await cluster.settle(listening)
    cluster.nameservers.push('ns1:9876')
    const client = await watching(cluster)
    await cluster.clock.advance(65_000)
    expect(known(client)).toBe('a')
    expect(asked).toEqual([REQUEST.getRoute, REQUEST.getRoute, REQUEST.getRoute])
  })

  test('switched off it is never asked for', async () => {
    const cluster = new FakeCluster()
    const { asked } = await foreignNameserver(cluster, [
      [REQUEST.watchRoutes, () => ({ code: RESPONSE.notSupported })],
    ])
    await watching(cluster, { watchesRoutes: false })
    await cluster.clock.advance(95_000)
    expect(asked.filter((code) => code === REQUEST.watchRoutes)).toHaveLength(0)
  })
})
