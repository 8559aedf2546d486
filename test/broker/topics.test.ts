// Goal: topics are made, altered and deleted as administrators and clients expect, durably, and what
// was deleted stays deleted. Method: real frames to a broker on a log in memory, with restarts.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { parseLenientObject } from '../../src/remoting/lenient-json.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import {
  BrokerSimulation,
  makeTopic,
  send,
  stored,
  topicFields,
} from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

function remove(peer: WirePeer, topic: string): Promise<Command> {
  return peer.ask(REQUEST.deleteTopicInBroker, { topic })
}

describe('making and altering', () => {
  test('a topic is there after a restart, altered as it was last', async () => {
    const broker = await world.started()
    const peer = world.peer()
    await makeTopic(peer, 'orders', 4)
    await makeTopic(peer, 'orders', 12)
    const fields = topicFields('orders', { readQueues: 12, writeQueues: 8, permission: 4 })
    expect((await peer.ask(REQUEST.createTopic, fields)).code).toBe(RESPONSE.success)
    const before = broker.state.topics.get('orders')
    await world.stop(broker)
    const again = await world.started()
    expect(again.state.topics.get('orders')).toEqual(before!)
    expect(before).toMatchObject({ readQueueCount: 12, writeQueueCount: 8, permission: 4 })
  })

  test('it survives a kill right after the answer', async () => {
    const log = new MemoryLog({ disk: world.disk })
    const broker = await world.started({ log })
    await makeTopic(world.peer(), 'orders')
    world.kill(broker, log)
    expect((await world.started()).state.topics.has('orders')).toBe(true)
  })

  test('more queues can be sent to at once', async () => {
    await world.started()
    const peer = world.peer()
    await makeTopic(peer, 'orders', 4)
    expect((await send(peer, { queueId: 7 })).code).toBe(RESPONSE.systemError)
    await makeTopic(peer, 'orders', 8)
    expect((await send(peer, { queueId: 7 })).code).toBe(RESPONSE.success)
  })

  const refused: [string, Parameters<typeof topicFields>, RegExp][] = [
    ['an invalid name', ['a b'], /invalid topic name "a b"/],
    ['a name that is too long', ['x'.repeat(128)], /128 characters/],
    ['no queues', ['t', { readQueues: 0 }], /read queues: 0/],
    ['too many queues', ['t', { writeQueues: 1025 }], /write queues: 1025/],
    ['an unknown permission', ['t', { permission: 8 }], /permission 8/],
    ['the template of topics', ['TBW102'], /belongs to the broker/],
    ['a topic of Apache brokers', ['rmq_sys_anything'], /belongs to the broker/],
    ['the name of the broker', ['broker-a'], /belongs to the broker/],
    ['the name of the cluster', ['DefaultCluster'], /belongs to the broker/],
  ]
  for (const [what, fields, remark] of refused) {
    test(`refused: ${what}`, async () => {
      const broker = await world.started()
      const before = broker.state.dataVersion
      const answer = await world.peer().ask(REQUEST.createTopic, topicFields(...fields))
      expect(answer.code).toBe(RESPONSE.systemError)
      expect(answer.remark).toMatch(remark)
      expect(broker.state.dataVersion).toEqual(before)
    })
  }

  test('on a full disk it is refused and the topic is not there', async () => {
    const log = new MemoryLog({ disk: world.disk })
    const broker = await world.started({ log })
    log.failWrite(1, { code: 'DISK_FULL' })
    const answer = await world.peer().ask(REQUEST.createTopic, topicFields('orders'))
    expect(answer.code).toBe(RESPONSE.serviceNotAvailable)
    expect(broker.state.topics.has('orders')).toBe(false)
  })
})

describe('deleting', () => {
  test('R51: a topic made anew has another id, and nothing of the old one is seen', async () => {
    const broker = await world.started()
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    await send(peer, { queueId: 1 }, 'old')
    const commit = { consumerGroup: 'g', topic: 'orders', queueId: 1, commitOffset: 1 }
    await peer.ask(REQUEST.updateConsumerOffset, commit)
    const oldId = broker.state.topics.get('orders')?.id
    expect((await remove(peer, 'orders')).code).toBe(RESPONSE.success)
    expect((await send(peer, { queueId: 1 })).code).toBe(RESPONSE.topicNotExist)

    await makeTopic(peer, 'orders')
    expect(broker.state.topics.get('orders')?.id).not.toBe(oldId)
    expect(stored(broker, 'orders', 1)).toEqual([])
    const offset = await peer.ask(REQUEST.queryConsumerOffset, {
      ...commit,
      setZeroIfNotFound: false,
    })
    expect(offset.code).toBe(RESPONSE.queryNotFound)
    const answer = await send(peer, { queueId: 1 }, 'new')
    expect(answer.fields['queueOffset']).toBe('0')

    // The same after a replay of the whole log.
    await world.stop(broker)
    const again = await world.started()
    expect(stored(again, 'orders', 1).map(({ body }) => body.toString())).toEqual(['new'])
    expect(again.state.tombstones.list).toMatchObject([{ id: oldId as number, name: 'orders' }])
  })

  test('R51: messages that were on their way to the log are not those of the new topic', async () => {
    const { clock, disk } = world
    const broker = await world.started({ log: new MemoryLog({ disk, clock, commitMs: 100 }) })
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    const deletion = peer.begin(REQUEST.deleteTopicInBroker, { topic: 'orders' })
    await clock.advance(20)
    // The deletion is not durable yet, so this one is still taken, and goes with its topic.
    const late = send(peer, {}, 'late')
    expect((await late).code).toBe(RESPONSE.success)
    await clock.runFor(deletion, 1_000)
    await makeTopic(peer, 'orders')
    expect(stored(broker, 'orders')).toEqual([])
  })

  test('what is not there is deleted already; system topics are not', async () => {
    await world.started()
    const peer = world.peer()
    expect((await remove(peer, 'nothing')).code).toBe(RESPONSE.success)
    const refused = await remove(peer, 'DefaultCluster')
    expect(refused.code).toBe(RESPONSE.systemError)
    expect(refused.remark).toMatch(/belongs to the broker/)
  })
})

describe('telling', () => {
  test('one topic: its settings as Java reads them, or the one code that means "not here"', async () => {
    await world.started()
    const peer = world.peer()
    await makeTopic(peer, 'orders', 6)
    const answer = await peer.ask(REQUEST.getTopicConfig, { topic: 'orders', lo: true })
    expect(parseLenientObject(answer.body)).toMatchObject({
      topicName: 'orders',
      readQueueNums: 6,
      writeQueueNums: 6,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
    })
    const missing = await peer.ask(REQUEST.getTopicConfig, { topic: 'nothing' })
    expect(missing.code).toBe(RESPONSE.topicNotExist)
  })

  test('all topics, with the version that counts their changes', async () => {
    const broker = await world.started()
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    const { body } = await peer.ask(REQUEST.getAllTopicConfig)
    const json = parseLenientObject(body)
    const names = Object.keys(json['topicConfigTable'] as object).sort()
    expect(names).toEqual(['DefaultCluster', 'broker-a', 'orders'])
    expect(json['dataVersion']).toMatchObject({ counter: broker.state.dataVersion.counter })
  })
})

describe('system topics', () => {
  test('serve as templates only where sends make topics', async () => {
    const off = await world.started()
    expect(off.state.topics.get('DefaultCluster')?.permission).toBe(6)
    expect(off.state.topics.has('TBW102')).toBe(false)
    const versions = [off.state.dataVersion]
    await world.stop(off)

    const on = await world.started({ config: { autoCreateTopics: true } })
    expect(on.state.topics.get('TBW102')).toMatchObject({ permission: 7, writeQueueCount: 8 })
    expect(on.state.topics.get('DefaultCluster')?.permission).toBe(7)
    versions.push(on.state.dataVersion)
    await world.stop(on)

    const offAgain = await world.started()
    expect(offAgain.state.topics.has('TBW102')).toBe(false)
    versions.push(offAgain.state.dataVersion)
    // A nameserver that compares versions must see that what is registered differs.
    expect(new Set(versions.map(({ counter }) => counter)).size).toBe(3)
  })

  test('are not written again by a start that changes nothing', async () => {
    const first = await world.started()
    await world.stop(first)
    const position = world.disk.nextPosition
    const second = await world.started()
    expect(world.disk.nextPosition).toBe(position)
    expect(second.state.dataVersion).toEqual(first.state.dataVersion)
  })

  test('cannot be written on a full disk: a broker that has topics starts to be read from', async () => {
    const first = await world.started()
    await makeTopic(world.peer(), 'orders')
    await send(world.peer(), {}, 'kept')
    await world.stop(first)
    const log = new MemoryLog({ disk: world.disk })
    log.failWrite(1, { code: 'DISK_FULL' })
    const broker = await world.started({ log, config: { autoCreateTopics: true } })
    expect(world.lines.some((line) => line.includes('read-only'))).toBe(true)
    expect(stored(broker, 'orders').map(({ body }) => body.toString())).toEqual(['kept'])
  })
})
