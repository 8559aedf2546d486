// Goal: old and surplus messages go, by themselves, and nothing else does. Method: a broker on a log
// of small segments in memory, days of virtual time.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Broker } from '../../src/broker/broker.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { BrokerSimulation, makeTopic, send } from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

const SEGMENT_BYTES = 2_000
const HOUR_MS = 3_600_000

let world: BrokerSimulation
beforeEach(() => {
  world = new BrokerSimulation()
})
afterEach(() => world.end())

function bounds(broker: Broker): { minOffset: number; maxOffset: number } {
  const { store, state } = broker.context!
  const queue = queueKey(state.topics.get('orders')!.id, 0)
  return { minOffset: store.minOffset(queue), maxOffset: store.maxOffset(queue) }
}

async function sendMany(peer: WirePeer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await send(peer, {}, 'x'.repeat(200))
}

function smallLog(): MemoryLog {
  return new MemoryLog({ disk: world.disk, segmentBytes: SEGMENT_BYTES })
}

test('messages go when they are older than the retention, offsets go on', async () => {
  const config = { retentionMs: 2 * HOUR_MS }
  const broker = await world.started({ log: smallLog(), config })
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  await sendMany(peer, 30)
  await world.clock.advance(HOUR_MS)
  expect(bounds(broker)).toEqual({ minOffset: 0, maxOffset: 30 })
  await sendMany(peer, 10)
  await world.clock.advance(HOUR_MS + 60_000)
  const { minOffset, maxOffset } = bounds(broker)
  expect(maxOffset).toBe(40)
  // The segment in which old and new messages meet is still whole.
  expect(minOffset).toBeWithin(20, 31)
  expect(world.lines.some((line) => line.includes('retention: dropped'))).toBe(true)

  await world.stop(broker)
  const again = await world.started({ log: smallLog(), config })
  expect(bounds(again)).toEqual({ minOffset, maxOffset })
  expect(again.state.topics.has('orders')).toBe(true)
})

test('the oldest messages go when there are too many bytes', async () => {
  const config = { retentionBytes: 4 * SEGMENT_BYTES }
  const broker = await world.started({ log: smallLog(), config })
  const peer = world.peer()
  await makeTopic(peer, 'orders')
  await sendMany(peer, 100)
  await world.clock.advance(20_000)
  const { minOffset, maxOffset } = bounds(broker)
  expect(maxOffset).toBe(100)
  expect(minOffset).toBeGreaterThan(50)
  const bytes = broker.context!.store.segments().reduce((sum, segment) => sum + segment.bytes, 0)
  expect(bytes).toBeLessThanOrEqual(4 * SEGMENT_BYTES)
})
