// Goal: clients are members from their heartbeat to their goodbye, hang-up or silence; others of the group
// hear of it at once; a group's retry topic exists when its first heartbeat is answered. Method: peers
// with heartbeats as Java and Go send them, a broker on a log in memory, virtual time.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  decodeConsumerConnections,
  decodeConsumerList,
  decodeProducerConnections,
} from '../../src/remoting/client-connections.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { decodeRoute } from '../../src/remoting/route.ts'
import { BrokerWorld, createTopic, heartbeat } from '../support/broker-world.ts'
import { NameserverWorld } from '../support/nameserver-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerWorld
let one: WirePeer
let two: WirePeer

beforeEach(async () => {
  world = new BrokerWorld()
  await world.start()
  const listensTo = [REQUEST.notifyConsumersChanged]
  one = world.peer('10.0.0.11', { listensTo })
  two = world.peer('10.0.0.12', { listensTo })
  await createTopic(one, 'T')
})

afterEach(() => world.stop())

async function members(group = 'g'): Promise<string[] | number> {
  const answer = await one.ask(REQUEST.getConsumerList, { consumerGroup: group })
  return answer.code === 0 ? decodeConsumerList(answer.body) : answer.code
}

function join(peer: WirePeer, clientId: string, topics = ['T']): Promise<unknown> {
  return heartbeat(peer, { clientId, group: 'g', topics })
}

describe('membership', () => {
  test('is there with the answer to the heartbeat, the asker included', async () => {
    expect(await members()).toBe(1)
    await join(one, 'one')
    expect(await members()).toEqual(['one'])
    await join(two, 'two')
    expect(await members()).toEqual(['one', 'two'])
  })

  test('ends with a goodbye', async () => {
    await join(one, 'one')
    await join(two, 'two')
    const goodbye = { clientID: 'two', consumerGroup: 'g', producerGroup: 'p' }
    expect((await two.ask(REQUEST.unregisterClient, goodbye)).code).toBe(0)
    expect(await members()).toEqual(['one'])
  })

  test('ends with the connection: Go never says goodbye', async () => {
    await join(one, 'one')
    await join(two, 'two')
    world.network.crash('10.0.0.12')
    await world.clock.advance(1)
    expect(await members()).toEqual(['one'])
  })

  test('ends after 120 s of silence, also on an open connection', async () => {
    await join(one, 'one')
    await join(two, 'two')
    for (let i = 0; i < 12; i++) {
      await world.clock.advance(10_000)
      await join(one, 'one')
      // Busy, but not a sign of membership.
      await two.ask(REQUEST.getMaxOffset, { topic: 'T', queueId: 0 })
    }
    expect(await members()).toEqual(['one', 'two'])
    await world.clock.advance(11_000)
    await join(one, 'one')
    expect(await members()).toEqual(['one'])
    expect(two.isConnected).toBe(false)
  })
})

describe('a change', () => {
  const noticed = (peer: WirePeer): (string | undefined)[] =>
    peer.requests.map((request) => request.fields['consumerGroup'])

  test('is told to all members, once for changes that come together', async () => {
    await join(one, 'one')
    await world.clock.advance(1_000)
    expect(noticed(one)).toEqual(['g'])
    await join(two, 'two')
    await join(two, 'two', ['T', 'U'])
    await world.clock.advance(1_000)
    expect(noticed(one)).toEqual(['g', 'g'])
    expect(noticed(two)).toEqual(['g'])
    await world.clock.advance(1_000)
    world.network.crash('10.0.0.12')
    await world.clock.advance(100)
    expect(noticed(one)).toEqual(['g', 'g', 'g'])
  })

  test('is no change when a heartbeat says the same again', async () => {
    await join(one, 'one')
    await world.clock.advance(1_000)
    for (let i = 0; i < 3; i++) {
      await join(one, 'one')
      await world.clock.advance(1_000)
    }
    expect(noticed(one)).toEqual(['g'])
  })

  test('is not told where the group does not want it', async () => {
    const config = JSON.stringify({ groupName: 'g', notifyConsumerIdsChangedEnable: false })
    await one.ask(REQUEST.updateGroup, {}, Buffer.from(config))
    await join(one, 'one')
    await world.clock.advance(1_000)
    expect(noticed(one)).toEqual([])
  })

  test('is one-way: an answer is not waited for', async () => {
    await join(one, 'one')
    await world.clock.advance(1_000)
    expect(one.requests[0]?.flag).toBe(2)
  })
})

describe('the answer to a heartbeat', () => {
  test('has a version that SQL clients accept and no invitation to send less', async () => {
    const answer = await heartbeat(one, { clientId: 'one', group: 'g', topics: ['T'] })
    expect(answer.version).toBeGreaterThanOrEqual(407)
    expect(Object.keys(answer.fields)).toEqual([])
  })

  test('comes when the retry topic of a new group is durable, and survives a restart', async () => {
    await join(one, 'one')
    expect(world.broker?.state.topics.get('%RETRY%g')).toMatchObject({
      readQueueCount: 1,
      writeQueueCount: 1,
      permission: 6,
    })
    await world.stop()
    const broker = await world.start()
    expect(broker.state.topics.has('%RETRY%g')).toBe(true)
    expect(broker.state.groups.has('g')).toBe(true)
  })

  test('refuses bad names and counts, and what is no heartbeat', async () => {
    const tooMany = Array.from({ length: 2_000 }, (_, i) => `p${i}`)
    for (const answer of [
      await heartbeat(one, { clientId: 'one', group: '../g', topics: ['T'] }),
      await heartbeat(one, { clientId: 'one', group: 'x'.repeat(121), topics: ['T'] }),
      await heartbeat(one, { clientId: 'one', producerGroups: tooMany }),
      await one.ask(REQUEST.heartbeat, {}, Buffer.from('[]')),
      await one.ask(REQUEST.heartbeat),
    ]) {
      expect(answer.code).toBe(1)
      expect(answer.remark).not.toBe('')
    }
  })

  test('is not refused for a producer group that no broker would take', async () => {
    const name = `_INNER_TRACE_PRODUCER-${'g'.repeat(110)}-CONSUME`
    const answer = await heartbeat(one, { clientId: 'one', producerGroups: [name, 'p'] })
    expect(answer.code).toBe(0)
  })
})

test("a group's retry topic is routed when its first heartbeat has been answered", async () => {
  const broker = new BrokerWorld()
  const nameserver = new NameserverWorld(broker)
  const running = await nameserver.start('10.0.0.1')
  await broker.start({ nameservers: ['10.0.0.1:9876'] })
  const peer = broker.peer('10.0.0.11')
  await heartbeat(peer, { clientId: 'one', group: 'g', topics: ['T'] })
  await broker.clock.advance(20)
  const asker = nameserver.peer('10.0.0.12', '10.0.0.1')
  const answer = await asker.ask(REQUEST.getRoute, { topic: '%RETRY%g' })
  expect(answer.code).toBe(0)
  expect(decodeRoute(answer.body).queues[0]?.readQueueCount).toBe(1)
  await broker.stop()
  await running.stop()
})

test('connections of consumers and producers are described', async () => {
  const topics = [{ topic: 'T', expression: 'a || b', version: 7n, tags: ['a', 'b'] }]
  await heartbeat(one, { clientId: 'one', group: 'g', topics, producerGroups: ['p'] })
  const consumers = await one.ask(REQUEST.getConsumerConnections, { consumerGroup: 'g' })
  expect(decodeConsumerConnections(consumers.body)).toMatchObject({
    connections: [{ clientId: 'one', version: 407 }],
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
    subscriptions: [{ topic: 'T', expression: 'a || b', version: 7n }],
  })
  const producers = await one.ask(REQUEST.getProducerConnections, { producerGroup: 'p' })
  expect(decodeProducerConnections(producers.body)[0]?.address).toStartWith('10.0.0.11:')
  const nobody = { consumerGroup: 'h', producerGroup: 'h' }
  expect((await one.ask(REQUEST.getConsumerConnections, nobody)).code).toBe(206)
  expect((await one.ask(REQUEST.getProducerConnections, nobody)).code).toBe(1)
})

test('filters are checked: tags are fine, SQL is not supported', async () => {
  const check = async (expressionType: string): Promise<[number, string | null]> => {
    const subscriptionData = { topic: 'T', subString: 'a', expressionType }
    const body = Buffer.from(JSON.stringify({ clientId: 'one', group: 'g', subscriptionData }))
    const answer = await one.ask(REQUEST.checkClientConfig, {}, body)
    return [answer.code, answer.remark]
  }
  expect((await check('TAG'))[0]).toBe(0)
  expect(await check('SQL92')).toEqual([
    1,
    'The broker does not support consumer to filter message by SQL92',
  ])
  expect((await check('X'))[0]).toBe(23)
})
