// Goal: routes, cluster views and topic lists mean the same to every peer. Method: the vectors of the
// Java implementation in both spellings, a route cut the way Go cuts it, and round trips.

import { expect, test } from 'bun:test'
import {
  type ClusterInfo,
  decodeClusterInfo,
  decodeRoute,
  encodeClusterInfo,
  encodeRoute,
  type TopicRoute,
} from '../../src/remoting/route.ts'

const ROUTE: TopicRoute = {
  brokers: [
    {
      cluster: 'C',
      brokerName: 'b-a',
      addresses: new Map([
        [0, '1.2.3.4:10911'],
        [1, '1.2.3.5:10911'],
      ]),
    },
  ],
  queues: [
    { brokerName: 'b-a', readQueueCount: 4, writeQueueCount: 4, permission: 6, systemFlag: 0 },
  ],
  orderConfig: null,
}
const FASTJSON =
  '{"brokerDatas":[{"brokerAddrs":{0:"1.2.3.4:10911",1:"1.2.3.5:10911"},"brokerName":"b-a","cluster":"C","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"b-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}'

test('a route as Java writes it, with bare and with quoted broker ids', () => {
  expect(decodeRoute(Buffer.from(FASTJSON))).toEqual(ROUTE)
  const strict = FASTJSON.replace('{0:', '{"0":').replace(',1:', ',"1":')
  expect(decodeRoute(Buffer.from(strict))).toEqual(ROUTE)
})

test('ours is strict JSON, and survives the way Go reads broker addresses', () => {
  const text = encodeRoute(ROUTE).toString()
  expect(JSON.parse(text)).toBeObject()
  expect(text).not.toMatch(/\s/)
  const inner = /"brokerAddrs":\{([^}]*)\}/.exec(text)?.[1] ?? ''
  const cut = inner.split(',').map((pair) => {
    const colon = pair.indexOf(':')
    return [pair.slice(0, colon).replaceAll('"', ''), pair.slice(colon + 1).replaceAll('"', '')]
  })
  expect(cut).toEqual([
    ['0', '1.2.3.4:10911'],
    ['1', '1.2.3.5:10911'],
  ])
  expect(decodeRoute(Buffer.from(text))).toEqual(ROUTE)
})

test('an order configuration passes, an empty one is none', () => {
  const ordered = { ...ROUTE, orderConfig: 'b-a:4;b-b:4' }
  expect(decodeRoute(encodeRoute(ordered))).toEqual(ordered)
  expect(decodeRoute(encodeRoute({ ...ROUTE, orderConfig: '' })).orderConfig).toBeNull()
})

test('a route without its lists has none, one with broken entries is refused', () => {
  expect(decodeRoute(Buffer.from('{}'))).toEqual({ brokers: [], queues: [], orderConfig: null })
  expect(() => decodeRoute(Buffer.from('{"queueDatas":[{"brokerName":"b"}]}'))).toThrow(
    '"readQueueNums"',
  )
  expect(() => decodeRoute(Buffer.from('{"brokerDatas":[{}]}'))).toThrow('"brokerName"')
})

test('cluster views survive the wire, and are read as Java writes them', () => {
  const info: ClusterInfo = { brokers: ROUTE.brokers, clusters: new Map([['C', ['b-a']]]) }
  expect(decodeClusterInfo(encodeClusterInfo(info))).toEqual(info)
  const java =
    '{"brokerAddrTable":{"b-a":{"brokerAddrs":{0:"1.2.3.4:10911",1:"1.2.3.5:10911"},"brokerName":"b-a","cluster":"C","enableActingMaster":false}},"clusterAddrTable":{"C":["b-a"]}}'
  expect(decodeClusterInfo(Buffer.from(java))).toEqual(info)
})

test('names that are special to JavaScript are names', () => {
  const odd: ClusterInfo = {
    brokers: [{ cluster: '__proto__', brokerName: '__proto__', addresses: new Map([[0, 'h:1']]) }],
    clusters: new Map([['__proto__', ['__proto__']]]),
  }
  expect(decodeClusterInfo(encodeClusterInfo(odd))).toEqual(odd)
})
