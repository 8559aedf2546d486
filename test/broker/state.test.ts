// Goal: the state is a function of the log: same changes, same state, on replay, from a snapshot and
// after any number of either. Method: changes applied by hand; random sequences under a printed seed.

import { describe, expect, test } from 'bun:test'
import { BrokerState } from '../../src/broker/state.ts'
import { encodeChange, type StateChange } from '../../src/broker/state-changes.ts'
import { MqError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { queueKey } from '../../src/store/append-log.ts'

function putTopic(name: string, atMs = 1, queueCount = 4): StateChange {
  return {
    kind: 'put-topic',
    name,
    readQueueCount: queueCount,
    writeQueueCount: queueCount,
    permission: 6,
    systemFlag: 0,
    isOrdered: false,
    atMs,
  }
}

function stateOf(...changes: StateChange[]): BrokerState {
  const state = new BrokerState()
  for (const change of changes) state.apply(encodeChange(change))
  return state
}

function restored(state: BrokerState): BrokerState {
  const copy = new BrokerState()
  copy.restore(state.snapshot())
  return copy
}

function text(state: BrokerState): string {
  return Buffer.from(state.snapshot()).toString('utf8')
}

describe('topics', () => {
  test('get ids in order; altering keeps the id and the time of making', () => {
    const state = stateOf(putTopic('a', 10), putTopic('b', 11), putTopic('a', 12, 8))
    expect(state.topics.get('a')).toEqual({
      id: 1,
      name: 'a',
      readQueueCount: 8,
      writeQueueCount: 8,
      permission: 6,
      systemFlag: 0,
      isOrdered: false,
      createdMs: 10,
      queueIdEnd: 8,
    })
    expect(state.topics.get('b')?.id).toBe(2)
    expect(state.topicById(1)?.name).toBe('a')
  })

  test('remember the queues they ever had', () => {
    const state = stateOf(putTopic('a', 1, 8), putTopic('a', 2, 2))
    expect(state.topics.get('a')).toMatchObject({ readQueueCount: 2, queueIdEnd: 8 })
  })

  test('leave a tombstone, and their id is never used again', () => {
    const state = stateOf(
      putTopic('a'),
      { kind: 'delete-topic', name: 'a', id: 1, atMs: 5 },
      putTopic('a', 6),
    )
    expect(state.tombstones.list).toEqual([{ id: 1, name: 'a', deletedMs: 5 }])
    expect(state.topics.get('a')).toMatchObject({ id: 2, createdMs: 6 })
    expect(state.hasQueue(queueKey(1, 0))).toBe(false)
    expect(state.hasQueue(queueKey(2, 0))).toBe(true)
    expect(restored(state).nextTopicId).toBe(3)
  })

  test('are deleted by id: a deletion that comes twice spares the successor', () => {
    const deletion: StateChange = { kind: 'delete-topic', name: 'a', id: 1, atMs: 5 }
    const state = stateOf(putTopic('a'), deletion, putTopic('a'), deletion)
    expect(state.topics.get('a')?.id).toBe(2)
    expect(state.tombstones.list.length).toBe(1)
  })

  test('tell of each change, and of the end', () => {
    const state = stateOf(putTopic('a'))
    const told: string[] = []
    state.onTopicChanged = (name) => told.push(`changed ${name}`)
    state.onTopicDeleted = (topic) => told.push(`deleted ${topic.id}`)
    state.apply(encodeChange(putTopic('b')))
    state.apply(encodeChange({ kind: 'delete-topic', name: 'a', id: 1, atMs: 2 }))
    expect(told).toEqual(['changed b', 'changed a', 'deleted 1'])
  })
})

describe('the data version', () => {
  test('moves with every change of the topics and with nothing else', () => {
    const state = stateOf(putTopic('a', 7))
    expect(state.dataVersion).toEqual({ stateVersion: 0, counter: 1, timestampMs: 7 })
    state.apply(encodeChange({ kind: 'put-group', name: 'g', atMs: 8 }))
    state.apply(encodeChange({ kind: 'commit-offsets', offsets: [['g', 1, 0, 3]], atMs: 9 }))
    expect(state.dataVersion.counter).toBe(1)
    state.apply(encodeChange({ kind: 'delete-topic', name: 'a', id: 1, atMs: 10 }))
    expect(state.dataVersion).toEqual({ stateVersion: 0, counter: 2, timestampMs: 10 })
    expect(restored(state).dataVersion).toEqual(state.dataVersion)
  })
})

describe('offsets', () => {
  test('belong to a group, a topic id and a queue', () => {
    const state = stateOf(putTopic('a'), putTopic('b'), {
      kind: 'commit-offsets',
      offsets: [
        ['g', 1, 0, 5],
        ['g', 2, 3, 6],
        ['h', 1, 0, 7],
        ['g', 1, 0, 4],
      ],
      atMs: 3,
    })
    expect(state.committedOffset('g', queueKey(1, 0))).toBe(4)
    expect(state.committedOffset('g', queueKey(2, 3))).toBe(6)
    expect(state.committedOffset('h', queueKey(1, 0))).toBe(7)
    expect(state.committedOffset('h', queueKey(2, 3))).toBeNull()
    expect([...state.groups.keys()]).toEqual(['g', 'h'])
    expect(state.offsetsOf('nobody').size).toBe(0)
  })

  test('R51: end with their topic, and cannot be committed to a buried one', () => {
    const state = stateOf(
      putTopic('a'),
      { kind: 'commit-offsets', offsets: [['g', 1, 0, 5]], atMs: 2 },
      { kind: 'delete-topic', name: 'a', id: 1, atMs: 3 },
      { kind: 'commit-offsets', offsets: [['g', 1, 0, 9]], atMs: 4 },
      putTopic('a'),
    )
    expect(state.committedOffset('g', queueKey(1, 0))).toBeNull()
    expect(state.committedOffset('g', queueKey(2, 0))).toBeNull()
  })

  test('end with their group', () => {
    const state = stateOf(
      putTopic('a'),
      { kind: 'commit-offsets', offsets: [['g', 1, 0, 5]], atMs: 2 },
      { kind: 'delete-group', name: 'g', atMs: 3 },
    )
    expect(state.groups.size).toBe(0)
    expect(state.committedOffset('g', queueKey(1, 0))).toBeNull()
  })
})

describe('what it does not know', () => {
  test('a change of another kind is refused with what to do', () => {
    const bytes = Buffer.from('{"kind":"paint-topic","name":"a"}')
    const error = thrown(() => new BrokerState().apply(bytes))
    expect(error.code).toBe('DATA_CORRUPT')
    expect(error.message).toMatch(/paint-topic/)
    expect(error.hint).toMatch(/newer mq/)
  })

  for (const text of ['', '{', 'null', '[]', '{"kind":5}']) {
    test(`a change that is ${text === '' ? 'empty' : text} is refused`, () => {
      expect(thrown(() => new BrokerState().apply(Buffer.from(text))).code).toBe('DATA_CORRUPT')
    })
  }

  test('a snapshot of another version is refused', () => {
    const error = thrown(() => new BrokerState().restore(Buffer.from('{"version":99}')))
    expect(error).toMatchObject({ code: 'DATA_CORRUPT' })
    expect(error.message).toMatch(/99/)
  })
})

test('any sequence: a snapshot anywhere and the changes after it give the same state', () => {
  const seed = 20_261_123
  const random = seededRandom(seed)
  for (let run = 0; run < 50; run++) {
    const whole = new BrokerState()
    let resumed = new BrokerState()
    for (let step = 0; step < 60; step++) {
      const bytes = encodeChange(randomChange(random.below, step))
      whole.apply(bytes)
      resumed.apply(bytes)
      if (random.below(10) === 0) resumed = restored(resumed)
    }
    expect(text(resumed), `seed ${seed}, run ${run}`).toBe(text(whole))
    expect(text(restored(whole)), `seed ${seed}, run ${run}`).toBe(text(whole))
  }
})

function randomChange(below: (bound: number) => number, atMs: number): StateChange {
  const name = `t${below(4)}`
  const group = `g${below(3)}`
  switch (below(5)) {
    case 0:
      return { kind: 'delete-topic', name, id: 1 + below(8), atMs }
    case 1:
      return { kind: 'put-group', name: group, atMs }
    case 2:
      return { kind: 'delete-group', name: group, atMs }
    case 3:
      return { kind: 'commit-offsets', offsets: [[group, 1 + below(8), below(4), atMs]], atMs }
    default:
      return putTopic(name, atMs, 1 + below(8))
  }
}

function thrown(action: () => void): MqError {
  try {
    action()
  } catch (error) {
    if (error instanceof MqError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
