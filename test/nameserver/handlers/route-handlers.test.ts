// Goal: routes and lists are what clients of every generation can read: strict JSON without white space,
// a miss that names the topic. Method: two clusters registered, every request asked, bytes compared.

import { beforeEach, expect, test } from 'bun:test'
import { REQUEST } from '../../../src/remoting/codes.ts'
import { decodeTopicList, encodeRoute } from '../../../src/remoting/route.ts'
import { NameserverWorld, register, routedBrokers } from '../../support/nameserver-fixture.ts'
import { registrationOf, topicOf } from '../../support/registrations.ts'
import type { WirePeer } from '../../support/wire-peer.ts'

let peer: WirePeer

beforeEach(async () => {
  const world = new NameserverWorld()
  await world.start('ns')
  peer = world.peer('brokers', 'ns')
  await register(peer, registrationOf('a'))
  const topics = [
    topicOf('T', { systemFlag: 1 }),
    topicOf('V', { systemFlag: 2 }),
    topicOf('W', { systemFlag: 3 }),
  ]
  await register(peer, registrationOf('b', { cluster: 'D', topics }))
})

async function topics(code: number, fields = {}): Promise<string[]> {
  const answer = await peer.ask(code, fields)
  expect(answer.code).toBe(0)
  return decodeTopicList(answer.body)
}

test('a route is strict and compact JSON', async () => {
  const { code, body } = await peer.ask(REQUEST.getRoute, { topic: 'T' })
  expect(code).toBe(0)
  expect(body.toString()).toBe(
    '{"brokerDatas":[' +
      '{"brokerAddrs":{"0":"10.0.0.1:9700"},"brokerName":"a","cluster":"C","enableActingMaster":false},' +
      '{"brokerAddrs":{"0":"10.0.0.1:9800"},"brokerName":"b","cluster":"D","enableActingMaster":false}],' +
      '"filterServerTable":{},"queueDatas":[' +
      '{"brokerName":"a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4},' +
      '{"brokerName":"b","perm":6,"readQueueNums":4,"topicSysFlag":1,"writeQueueNums":4}]}',
  )
})

test('a miss is code 17 and says which topic, and what is known', async () => {
  const { code, remark } = await peer.ask(REQUEST.getRoute, { topic: 'Nowhere' })
  expect(code).toBe(17)
  expect(remark).toContain('"Nowhere"')
  expect(remark).toContain('2 brokers')
})

test('the cluster view names brokers and clusters', async () => {
  const { body } = await peer.ask(REQUEST.getClusterInfo)
  expect(JSON.parse(body.toString())).toEqual({
    brokerAddrTable: {
      a: {
        brokerAddrs: { 0: '10.0.0.1:9700' },
        brokerName: 'a',
        cluster: 'C',
        enableActingMaster: false,
      },
      b: {
        brokerAddrs: { 0: '10.0.0.1:9800' },
        brokerName: 'b',
        cluster: 'D',
        enableActingMaster: false,
      },
    },
    clusterAddrTable: { C: ['a'], D: ['b'] },
  })
})

test('lists: all, by cluster, system topics, units', async () => {
  expect(await topics(REQUEST.getTopicList)).toEqual(['T', 'U', 'V', 'W'])
  expect(await topics(REQUEST.getTopicsByCluster, { cluster: 'C' })).toEqual(['T', 'U'])
  expect(await topics(REQUEST.getTopicsByCluster, { cluster: 'X' })).toEqual([])
  expect(await topics(REQUEST.getSystemTopicsFromNameserver)).toEqual(['C', 'a', 'D', 'b'])
  expect(await topics(REQUEST.getUnitTopics)).toEqual(['T', 'W'])
  expect(await topics(REQUEST.getUnitSubTopics)).toEqual(['V', 'W'])
  expect(await topics(REQUEST.getUnitSubNonUnitTopics)).toEqual(['V'])
  const system = await peer.ask(REQUEST.getSystemTopicsFromNameserver)
  expect(JSON.parse(system.body.toString()).brokerAddr).toBe('10.0.0.1:9700')
})

test('a deleted topic is gone, in one cluster or in all', async () => {
  await peer.ask(REQUEST.deleteTopicInNameserver, { topic: 'T', clusterName: 'D' })
  expect(await routedBrokers(peer, 'T')).toEqual(['a'])
  await peer.ask(REQUEST.deleteTopicInNameserver, { topic: 'T' })
  expect(await routedBrokers(peer, 'T')).toEqual([])
  expect((await peer.ask(REQUEST.deleteTopicInNameserver, { topic: 'T' })).code).toBe(0)
})

test('a topic may be registered by its route', async () => {
  const queues = [
    { brokerName: 'a', readQueueCount: 1, writeQueueCount: 1, permission: 6, systemFlag: 0 },
  ]
  const body = encodeRoute({ brokers: [], queues, orderConfig: null })
  await peer.ask(REQUEST.registerTopicInNameserver, { topic: 'New' }, body)
  expect(await routedBrokers(peer, 'New')).toEqual(['a'])
})
