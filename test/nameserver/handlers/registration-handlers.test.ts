// Goal: brokers of every generation can register, leave and ask, as the protocol has it. Method: requests
// with the fields and bodies real brokers send, over a simulated network; answers checked field by field.

import { beforeEach, describe, expect, test } from 'bun:test'
import { deflateSync } from 'node:zlib'
import { REQUEST } from '../../../src/remoting/codes.ts'
import { encodeRegistration } from '../../../src/remoting/registration.ts'
import { decodeRoute, jsonBody } from '../../../src/remoting/route.ts'
import { bodyCrc } from '../../../src/remoting/stored-message.ts'
import {
  brokerFields,
  NameserverWorld,
  register,
  routedBrokers,
} from '../../support/nameserver-fixture.ts'
import { registrationOf, topicOf } from '../../support/registrations.ts'
import type { WirePeer } from '../../support/wire-peer.ts'

const A = registrationOf('a')
const FIELDS = { ...brokerFields(A), haServerAddr: A.haServerAddress }

let peer: WirePeer

beforeEach(async () => {
  const world = new NameserverWorld()
  await world.start('ns')
  peer = world.peer('a', 'ns')
})

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** As Apache packs it: every part with its length in front. */
function compressed(topics: string[]): Buffer {
  const part = (text: string): Buffer => Buffer.concat([int32(text.length), Buffer.from(text)])
  const version = JSON.stringify({ counter: 1, stateVersion: 0, timestamp: 0 })
  return deflateSync(
    Buffer.concat([part(version), int32(topics.length), ...topics.map(part), part('[]'), int32(0)]),
    { level: 9 },
  )
}

describe('register', () => {
  test('with a checksum that fits, without one, and not with one that does not', async () => {
    const body = encodeRegistration(A)
    for (const [crc, code] of [
      [bodyCrc(body), 0],
      [0, 0],
      [1, 1],
    ] as const) {
      const answer = await peer.ask(103, { ...FIELDS, bodyCrc32: crc }, body)
      expect(answer.code, `checksum ${crc}`).toBe(code)
      if (code === 1) expect(answer.remark).toContain('crc32 not match')
    }
  })

  test('compressed, also by brokers that do not say so', async () => {
    const body = compressed(['T 8 4 6 SINGLE_TAG {}', 'U 4 4 6 SINGLE_TAG'])
    expect((await peer.ask(103, { ...FIELDS, compressed: false }, body)).code).toBe(0)
    const route = decodeRoute((await peer.ask(REQUEST.getRoute, { topic: 'T' })).body)
    expect(route.queues[0]).toMatchObject({ readQueueCount: 8, writeQueueCount: 4, permission: 6 })
  })

  test('without a body', async () => {
    expect((await peer.ask(103, FIELDS)).code).toBe(0)
  })

  test('is refused in words when the body is no registration', async () => {
    for (const body of [Buffer.from('{'), Buffer.from([0x78, 0xda, 1]), Buffer.from('[]')]) {
      const answer = await peer.ask(103, FIELDS, body)
      expect(answer.code).toBe(1)
      expect(answer.remark).not.toBe('')
    }
    expect(await routedBrokers(peer, 'T')).toEqual([])
  })

  test('a missing field is named', async () => {
    const answer = await peer.ask(103, { ...FIELDS, brokerName: undefined })
    expect(answer.remark).toContain('"brokerName"')
  })

  test('a replica gets the address of its master and of its replication port', async () => {
    await register(peer, A)
    const answer = await register(peer, registrationOf('a', { brokerId: 1 }))
    expect(answer.fields).toMatchObject({
      masterAddr: A.address,
      haServerAddr: A.haServerAddress,
    })
    expect((await register(peer, A)).fields['masterAddr']).toBeUndefined()
  })

  test('the answer carries the order settings, if there are any', async () => {
    expect((await register(peer, A)).body).toHaveLength(0)
    const setting = { namespace: 'ORDER_TOPIC_CONFIG', key: 'T', value: 'a:4' }
    await peer.ask(REQUEST.putKvConfig, setting)
    expect((await register(peer, A)).body.toString()).toBe('{"table":{"T":"a:4"}}')
  })
})

describe('ask', () => {
  const version = (counter: number): Buffer => jsonBody({ counter, stateVersion: 0, timestamp: 0 })

  test('whether the data version changed', async () => {
    const ask = (counter: number) =>
      peer.ask(REQUEST.queryDataVersion, brokerFields(A), version(counter))
    const unknown = await ask(1)
    expect([unknown.fields['changed'], unknown.body.length]).toEqual(['true', 0])
    await register(peer, A)
    const same = await ask(1)
    expect([same.fields['changed'], same.body.toString()]).toEqual([
      'false',
      '{"counter":1,"stateVersion":0,"timestamp":0}',
    ])
    expect((await ask(2)).fields['changed']).toBe('true')
  })

  test('for the replicas of a broker', async () => {
    const ask = (brokerName: string) =>
      peer.ask(REQUEST.getBrokerMemberGroup, { brokerName, clusterName: 'C' })
    await register(peer, A)
    await register(peer, registrationOf('a', { brokerId: 1 }))
    expect((await ask('a')).body.toString()).toBe(
      '{"brokerMemberGroup":{"brokerAddrs":{"0":"10.0.0.1:9700","1":"10.0.0.1:9701"},' +
        '"brokerName":"a","cluster":"C"}}',
    )
    expect((await ask('x')).body.toString()).toBe(
      '{"brokerMemberGroup":{"brokerAddrs":{},"brokerName":"x","cluster":"C"}}',
    )
  })

  test('to take away and give back the right to write', async () => {
    await register(peer, registrationOf('a', { topics: [topicOf('T'), topicOf('U')] }))
    const permission = async (): Promise<number | undefined> => {
      const { body } = await peer.ask(REQUEST.getRoute, { topic: 'T' })
      return decodeRoute(body).queues[0]?.permission
    }
    const wiped = await peer.ask(REQUEST.wipeWritePermission, { brokerName: 'a' })
    expect([wiped.fields['wipeTopicCount'], await permission()]).toEqual(['2', 4])
    const added = await peer.ask(REQUEST.addWritePermission, { brokerName: 'a' })
    expect([added.fields['addTopicCount'], await permission()]).toEqual(['2', 6])
  })
})

test('unregistering somebody else, or twice, is answered and changes nothing', async () => {
  await register(peer, A)
  const other = { ...brokerFields(A), brokerAddr: '10.0.0.9:1' }
  expect((await peer.ask(REQUEST.unregisterBroker, other)).code).toBe(0)
  expect(await routedBrokers(peer, 'T')).toEqual(['a'])
  for (let i = 0; i < 2; i++) {
    expect((await peer.ask(REQUEST.unregisterBroker, brokerFields(A))).code).toBe(0)
    expect(await routedBrokers(peer, 'T')).toEqual([])
  }
})
