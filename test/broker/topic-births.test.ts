// Goal: a broker keeps the birth of each topic: from its log, from its snapshot, across versions; it
// alters, deletes and buries by it. Method: state changes by hand, and real frames to a broker on a log
// in memory, with restarts.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { BrokerState } from '../../src/broker/state.ts'
import { encodeChange, type StateChange } from '../../src/broker/state-changes.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { TOPIC_FIELD } from '../../src/remoting/topic-life.ts'
import { queueKey } from '../../src/store/append-log.ts'
import {
  BrokerSimulation,
  makeTopic,
  send,
  stored,
  topicFields,
} from '../support/broker-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

const TOPIC = {
  kind: 'put-topic',
  name: 't',
  readQueueCount: 4,
  writeQueueCount: 4,
  permission: 6,
  systemFlag: 0,
  isOrdered: false,
  atMs: 1,
} as const

function stateOf(...changes: StateChange[]): BrokerState {
  const state = new BrokerState()
  for (const change of changes) state.apply(encodeChange(change))
  return state
}

function bury(birthId: string, atMs = 5): StateChange {
  return { kind: 'bury-topics', topics: [{ name: 't', birthId, deletedMs: atMs }], atMs }
}

function restored(state: BrokerState): BrokerState {
  const copy = new BrokerState()
  copy.restore(state.snapshot())
  return copy
}

describe('the state', () => {
  test('a topic keeps what it was born with; one of another birth does not alter it', () => {
    const plan = [{ brokerName: 'a', queueCount: 4 }]
    const born: StateChange = { ...TOPIC, birthId: 'x', plan }
    const other: StateChange = { ...TOPIC, birthId: 'y', readQueueCount: 9, atMs: 2 }
    expect(stateOf(born).topics.get('t')).toMatchObject({ birthId: 'x', plan })
    expect(stateOf(born, other).topics.get('t')).toMatchObject({ birthId: 'x', readQueueCount: 4 })
    // Altered by who knows no births: what its maker wanted no longer says where it is.
    const altered = stateOf(born, { ...TOPIC, writeQueueCount: 2, atMs: 2 }).topics.get('t')
    expect(altered).toMatchObject({ birthId: 'x', writeQueueCount: 2 })
    expect(altered?.plan).toBeUndefined()
  })

  test('R50: what is buried is gone, and cannot be made again; what has another birth stays', () => {
    const state = stateOf({ ...TOPIC, birthId: 'x' }, bury('x'), { ...TOPIC, birthId: 'x' })
    expect(state.topics.size).toBe(0)
    expect(stateOf({ ...TOPIC, birthId: 'y' }, bury('x')).topics.get('t')?.birthId).toBe('y')
  })

  test('R50: what was never here is buried all the same, and registered', () => {
    const state = stateOf(bury('x'))
    expect(state.tombstones.list).toEqual([{ id: 0, name: 't', deletedMs: 5, birthId: 'x' }])
    expect(state.tombstones.buried(6)).toEqual([{ name: 't', birthId: 'x', deletedMs: 5 }])
    const { counter } = state.dataVersion
    expect(counter).toBe(1)
    state.apply(encodeChange(bury('x')))
    expect(state.dataVersion.counter).toBe(counter)
  })

  test('R51: groups that had read it are known to its successor, also after a restart', () => {
    const commit: StateChange = { kind: 'commit-offsets', offsets: [['g', 1, 0, 7]], atMs: 2 }
    const born: StateChange = { ...TOPIC, birthId: 'x' }
    const anew: StateChange = { ...TOPIC, birthId: 'y', atMs: 6 }
    const state = stateOf(born, commit, bury('x'), anew)
    expect(state.committedOffset('g', queueKey(2, 0))).toBeNull()
    for (const known of [state, restored(state), restored(stateOf(born, commit, bury('x')))]) {
      known.apply(encodeChange({ ...anew, atMs: 7 }))
      expect(known.topics.get('t')).toMatchObject({ id: 2, birthId: 'y', heirs: ['g'] })
    }
  })

  test('R51: what it was born with elsewhere stays with it, but for what is buried', () => {
    const born: StateChange = { ...TOPIC, birthId: 'x' }
    const note = (birthId: string, twinIds: string[]): StateChange => ({
      kind: 'note-twins',
      name: 't',
      birthId,
      twinIds,
      atMs: 2,
    })
    const state = stateOf(born, note('x', ['y', 'z', 'x']), note('other', ['w']))
    for (const known of [state, restored(state)]) {
      expect(known.topics.get('t')?.twinIds).toEqual(['y', 'z'])
      expect(known.hasNewTwins({ name: 't', birthId: 'x', twinIds: ['z'] })).toBe(false)
      expect(known.hasNewTwins({ name: 't', birthId: 'x', twinIds: ['w'] })).toBe(true)
      known.apply(encodeChange({ ...TOPIC, writeQueueCount: 2, atMs: 3 }))
      known.apply(encodeChange(bury('y')))
      expect(known.topics.get('t')).toMatchObject({ writeQueueCount: 2, twinIds: ['z'] })
      known.apply(encodeChange(note('x', ['y'])))
      expect(known.topics.get('t')?.twinIds).toEqual(['z'])
      known.apply(encodeChange(bury('z')))
      expect(known.topics.get('t')?.twinIds).toBeUndefined()
    }
  })

  test('while its queues change a topic has no plan; then the change is its plan', () => {
    const plan = [{ brokerName: 'a', queueCount: 4 }]
    const born: StateChange = { ...TOPIC, birthId: 'x', plan }
    const change = {
      order: 'none' as const,
      before: { queues: 'a:4', tag: '1' },
      after: { queues: 'a:4;b:4', tag: '2' },
      holdMs: 0,
      birthId: 'x',
      attempt: 1,
      sinceMs: 2,
      cuts: [],
      untilMs: 0,
      releasedGroups: [],
      isReleased: true,
      isClosed: false,
    }
    const at = (phase: 'prepared' | 'finished'): StateChange => ({
      ...TOPIC,
      kind: 'change-queues',
      birthId: 'x',
      plan,
      change: { ...change, phase },
      atMs: 3,
    })
    expect(stateOf(born, at('prepared')).topics.get('t')?.plan).toBeUndefined()
    expect(stateOf(born, at('prepared'), at('finished')).topics.get('t')?.plan).toEqual([
      { brokerName: 'a', queueCount: 4 },
      { brokerName: 'b', queueCount: 4 },
    ])
  })

  test('a snapshot without births is read; a newer one is not', () => {
    const state = stateOf(TOPIC, { kind: 'delete-topic', name: 't', id: 1, atMs: 3 }, TOPIC)
    const { isForgetful: _, ...snapshot } = JSON.parse(Buffer.from(state.snapshot()).toString())
    const at = (version: number): Buffer => Buffer.from(JSON.stringify({ ...snapshot, version }))
    const old = new BrokerState()
    old.restore(at(1))
    expect(old.topics.get('t')?.id).toBe(2)
    expect(old.tombstones.list).toEqual([{ id: 1, name: 't', deletedMs: 3 }])
    expect(() => new BrokerState().restore(at(snapshot.version + 1))).toThrow('unknown version')
  })
})

describe('requests', () => {
  let world: BrokerSimulation
  beforeEach(() => {
    world = new BrokerSimulation()
  })
  afterEach(() => world.end())

  const create = (peer: WirePeer, birthId: string, plan?: string): Promise<Command> =>
    peer.ask(REQUEST.createTopic, {
      ...topicFields('orders'),
      [TOPIC_FIELD.birthId]: birthId,
      [TOPIC_FIELD.plan]: plan,
    })
  const bury = (peer: WirePeer, birthIds: string): Promise<Command> =>
    peer.ask(REQUEST.deleteTopicInBroker, {
      topic: 'orders',
      [TOPIC_FIELD.birthIds]: birthIds,
    })

  test('a creation may be repeated; one of another birth is refused, and so is one that is buried', async () => {
    const broker = await world.started()
    const peer = world.peer()
    for (let i = 0; i < 2; i++) {
      expect((await create(peer, 'x', 'broker-a:4')).code).toBe(RESPONSE.success)
    }
    const other = await create(peer, 'y')
    expect([other.code, other.remark]).toEqual([
      RESPONSE.topicExistAlready,
      'broker broker-a has another topic orders already',
    ])
    expect((await create(peer, 'a b')).remark).toContain('"a b" is no birth id')
    expect((await bury(peer, 'x')).code).toBe(RESPONSE.success)
    expect((await create(peer, 'x')).code).toBe(RESPONSE.topicNotExist)
    expect((await create(peer, 'y')).code).toBe(RESPONSE.success)
    expect(broker.state.topics.get('orders')?.birthId).toBe('y')
  })

  test('R51: a deletion that comes late, or twice, spares a topic made meanwhile', async () => {
    const broker = await world.started()
    const peer = world.peer()
    await create(peer, 'x')
    await bury(peer, 'x')
    await makeTopic(peer, 'orders')
    await send(peer, {}, 'kept')
    await bury(peer, 'x')
    await bury(peer, 'something-else')
    expect(stored(broker, 'orders').length).toBe(1)
  })

  test("RocketMQ's tools delete on one broker: nobody else is told to", async () => {
    const broker = await world.started()
    const peer = world.peer()
    await create(peer, 'x')
    await peer.ask(REQUEST.deleteTopicInBroker, { topic: 'orders' })
    expect(broker.state.topics.has('orders')).toBe(false)
    expect(broker.state.tombstones.buried(0)).toEqual([])
    // And it may be here again, as the same topic: a change of its queues may need it.
    expect((await create(peer, 'x')).code).toBe(RESPONSE.success)
  })

  test('topics from before births get one at the start, the same on every broker', async () => {
    const first = await world.started()
    await makeTopic(world.peer(), 'orders')
    const id = first.state.topics.get('orders')?.birthId
    const { writer } = first.context as NonNullable<typeof first.context>
    // As an older version left it: deleted and made again without a word about births.
    await world.clock.runFor(
      writer.write({
        kind: 'delete-topic',
        name: 'orders',
        id: first.state.topics.get('orders')?.id ?? 0,
      }),
      1_000,
    )
    const { kind: _, atMs: __, ...config } = TOPIC
    await world.clock.runFor(writer.write({ kind: 'put-topic', ...config, name: 'old' }), 1_000)
    expect(first.state.topics.get('old')?.birthId).toBeUndefined()
    await world.stop(first)
    const again = await world.started()
    expect(again.state.topics.get('old')?.birthId).toMatch(/^[0-9a-f]{16}$/)
    expect(again.state.topics.get('old')?.birthId).not.toBe(id)
    // The broker's own topics have none: every broker has its own.
    expect(again.state.topics.get('broker-a')?.birthId).toBeUndefined()
  })
})
