// Goal: the routes of one nameserver are followed by push where it offers it and by asking where not,
// through its restarts. Method: a real nameserver, a plain one that only knows routes, virtual time.

import { expect, test } from 'bun:test'
import {
  type FollowedRoute,
  type FollowMode,
  RouteFollower,
} from '../../src/client/route-follower.ts'
import { seededRandom } from '../../src/core/random.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import { encodeRoute } from '../../src/remoting/route.ts'
import { RemotingServer } from '../../src/remoting/server.ts'
import { FakeCluster, fakeCluster } from '../support/fake-cluster.ts'

function follow(cluster: FakeCluster): {
  follower: RouteFollower
  modes: FollowMode[]
  seen: string[]
} {
  const modes: FollowMode[] = []
  const seen: string[] = []
  const follower = new RouteFollower({
    nameserver: 'ns1:9876',
    topics: ['t'],
    network: cluster.network.host('follower'),
    clock: cluster.clock,
    random: seededRandom(1),
    logger: cluster.logger('follower'),
    timeoutMs: 1_000,
    onMode: (mode) => modes.push(mode),
    onRoute: ({ route, learnedBy }: FollowedRoute) => {
      const names = route?.brokers.map(({ brokerName }) => brokerName.slice(-1)).join('') ?? 'none'
      seen.push(`${names} ${learnedBy}`)
    },
  })
  return { follower, modes, seen }
}

test('pushed: what is there first, then each change once, also after a restart of the nameserver', async () => {
  const { cluster } = await fakeCluster({ a: 2 })
  const { follower, modes, seen } = follow(cluster)
  await cluster.settle(follower.start())
  await cluster.addBroker('broker-b', { t: { queueCount: 2 } })
  await cluster.clock.advance(100)
  expect(seen).toEqual(['a poll', 'ab push'])
  await cluster.clock.advance(65_000)
  expect(seen).toHaveLength(2)

  cluster.processes.get('ns1')!.kill()
  await cluster.clock.advance(3_000)
  expect(modes).toEqual(['push', 'nothing'])
  await cluster.addNameserver('ns1')
  await cluster.clock.advance(60_000)
  expect(modes).toEqual(['push', 'nothing', 'push'])
  expect(seen.at(-1)).toStartWith('ab')
  await cluster.settle(follower.stop())
})

test('polled where nobody pushes: within a second or so', async () => {
  const cluster = new FakeCluster()
  let brokerNames = ['broker-a']
  let askedCount = 0
  const getRoute: RequestHandler = () => {
    askedCount++
    const brokers = brokerNames.map((brokerName) => ({
      cluster: 'c',
      brokerName,
      addresses: new Map([[0, `${brokerName}:1`]]),
    }))
    const body = encodeRoute({ brokers, queues: [], orderConfig: null })
    return { code: RESPONSE.success, body }
  }
  const server = new RemotingServer({
    network: cluster.network.host('ns1'),
    clock: cluster.clock,
    logger: cluster.logger('ns1'),
    handlers: new Map([[REQUEST.getRoute, getRoute]]),
  })
  await cluster.settle(server.start({ host: 'ns1', port: 9_876 }))
  const { follower, modes, seen } = follow(cluster)
  await cluster.settle(follower.start())
  brokerNames = ['broker-a', 'broker-b']
  await cluster.clock.advance(1_100)
  expect(seen).toEqual(['a poll', 'ab poll'])
  expect(modes).toEqual(['poll'])
  await cluster.clock.advance(10_000)
  expect(askedCount).toBeWithin(10, 14)
  await cluster.settle(follower.stop())
  const asked = askedCount
  await cluster.clock.advance(10_000)
  expect(askedCount).toBe(asked)
})
