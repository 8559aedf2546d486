// Goal: ordered consumers of any version can lock and unlock queues over the wire. Method: two peers on
// a broker in a simulated network; the bodies as 4.9 and 5.x clients write them.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { LOCK_EXPIRY_MS } from '../../src/core/limits.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { decodeLockAnswer, encodeLockRequest } from '../../src/remoting/queue-locks.ts'
import { BrokerWorld, createTopic } from '../support/broker-world.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerWorld
let client: WirePeer

beforeEach(async () => {
  world = new BrokerWorld()
  await world.start()
  client = world.peer('10.0.0.9')
  await createTopic(client, 'T', { queueCount: 2 })
})

afterEach(() => world.stop())

function ask(code: number, clientId: string, queueIds: readonly number[]): Promise<Command> {
  const queues = queueIds.map((queueId) => ({ brokerName: 'b', topic: 'T', queueId }))
  return client.ask(code, {}, encodeLockRequest({ group: 'g', clientId, queues }))
}

async function lock(clientId: string, ...queueIds: number[]): Promise<number[]> {
  const answer = await ask(REQUEST.lockQueues, clientId, queueIds)
  expect(answer.code).toBe(0)
  return decodeLockAnswer(answer.body).map((queue) => queue.queueId)
}

test('R17: the second client gets what the first does not hold', async () => {
  expect(await lock('a', 0)).toEqual([0])
  expect(await lock('b', 0, 1)).toEqual([1])
  expect((await ask(REQUEST.unlockQueues, 'a', [0])).code).toBe(0)
  expect(await lock('b', 0, 1)).toEqual([0, 1])
})

test('a client that fell silent loses its locks', async () => {
  expect(await lock('a', 0)).toEqual([0])
  await world.clock.advance(LOCK_EXPIRY_MS + 1)
  expect(await lock('b', 0)).toEqual([0])
})

test('queues this broker does not have are not granted', async () => {
  expect(await lock('a', 0, 2, -1)).toEqual([0])
})

test('the body of a 5.x client, which has one key more', async () => {
  const body =
    '{"clientId":"c","consumerGroup":"g","mqSet":[{"brokerName":"b","queueId":1,"topic":"T"}],' +
    '"onlyThisBroker":false}'
  const answer = await client.ask(REQUEST.lockQueues, {}, Buffer.from(body))
  expect(decodeLockAnswer(answer.body)).toEqual([{ brokerName: 'b', topic: 'T', queueId: 1 }])
})
