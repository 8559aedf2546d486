// Goal: what peers ask of a change of queues is bounded: no attempt that blocks all later ones, no group
// that is none. Method: real frames to a broker on a log in memory.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { CHANGE_ATTEMPT_STEP_MAX } from '../../src/core/limits.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { encodeChangePlan } from '../../src/remoting/topic-change.ts'
import { BrokerSimulation, makeTopic } from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerSimulation
let peer: WirePeer
beforeEach(async () => {
  world = new BrokerSimulation()
  await world.started()
  peer = world.peer()
  await makeTopic(peer, 'orders', 4)
})
afterEach(() => world.end())

function prepare(attempt: number) {
  const plan = {
    order: 'drain' as const,
    before: { queues: 'broker-a:4', tag: 'b' },
    after: { queues: 'broker-a:6', tag: 'a' },
    holdMs: 60_000,
    birthId: null,
    attempt,
  }
  const fields = { topic: 'orders', step: 'prepare' }
  return peer.ask(REQUEST.changeQueues, fields, encodeChangePlan(plan))
}

const step = (name: string, attempt: number, more: Record<string, string> = {}) =>
  peer.ask(REQUEST.changeQueues, { topic: 'orders', step: name, attempt, ...more })

test('an attempt out of all proportion is refused, the next one is taken', async () => {
  expect((await prepare(CHANGE_ATTEMPT_STEP_MAX + 1)).code).not.toBe(RESPONSE.success)
  expect((await prepare(1)).code).toBe(RESPONSE.success)
})

test('only groups are released', async () => {
  expect((await prepare(1)).code).toBe(RESPONSE.success)
  expect((await step('fence', 1)).code).toBe(RESPONSE.success)
  const refused = await step('release', 1, { consumerGroup: 'no group\u0000at all' })
  expect(refused.code).not.toBe(RESPONSE.success)
  expect((await step('release', 1, { consumerGroup: 'billing' })).code).toBe(RESPONSE.success)
})
