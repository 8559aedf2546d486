// Goal: the store keeps its promises to the broker: places assigned at once and visible on commit,
// group commit, state changes in log order, tags, times, bounds, retention, restart.
// Method: the real store on the log in memory under virtual time.

import { describe, expect, test } from 'bun:test'
import { COMMIT_BYTES_MAX, PULL_SCAN_MAX } from '../../src/core/limits.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import type { MessageStore } from '../../src/store/message-store.ts'
import { javaHash } from '../../src/store/stored-fields.ts'
import { changeState, send } from '../support/store-fixture.ts'
import { draftOf, storedMessages } from '../support/stored-draft.ts'
import {
  type Bench,
  bench,
  bodies,
  COMMIT_MS,
  crashed,
  numbered,
  QUEUE,
  restarted,
} from '../support/virtual-store.ts'

const OTHER = queueKey(2, 3)

describe('append', () => {
  test('places are assigned at once and become visible on commit', async () => {
    const { store, clock } = await bench()
    const arrivals: number[] = []
    store.onArrival = (queue) => arrivals.push(queue)
    const { assigned, committed } = send(
      store,
      draftOf({ queue: QUEUE, body: 'a' }),
      draftOf({ queue: QUEUE, body: 'b' }),
      draftOf({ queue: OTHER, body: 'c' }),
    )
    expect(assigned.map((place) => [place.position, place.queueOffset])).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ])
    await clock.advance(COMMIT_MS - 1)
    expect(store.maxOffset(QUEUE)).toBe(0)
    expect(store.pendingBytes).toBeGreaterThan(0)
    expect(store.readAtPosition(0)).toBeNull()
    expect(bodies(store)).toEqual([])
    await clock.runFor(committed, 10)
    expect(store.maxOffset(QUEUE)).toBe(2)
    expect(store.pendingBytes).toBe(0)
    expect(arrivals).toEqual([QUEUE, OTHER])
    expect(bodies(store)).toEqual(['a', 'b'])
    expect(storedMessages(store.readAtPosition(2)!)[0]!.body).toBe('c')
    expect(store.readAtPosition(3)).toBeNull()
  })

  test('what arrives during a commit is one next commit, told in call order', async () => {
    const { store, clock, disk } = await bench()
    const told: string[] = []
    const note = (name: string) => (error: unknown) => told.push(`${name} ${error === null}`)
    store.appendMessages(numbered(1), note('first'))
    await clock.advance(1)
    store.appendMessages(numbered(2, 1), note('second'))
    store.appendState(Buffer.from('x'), note('third'))
    store.appendMessages(numbered(1, 3), note('fourth'))
    await clock.advance(COMMIT_MS - 1)
    expect(told).toEqual(['first true'])
    expect(disk.nextPosition).toBe(1)
    await clock.advance(COMMIT_MS)
    expect(told).toEqual(['first true', 'second true', 'third true', 'fourth true'])
    expect(disk.nextPosition).toBe(5)
    expect(bodies(store)).toEqual(['m0', 'm1', 'm2', 'm3'])
  })

  test('arrivals are announced once per queue and commit', async () => {
    const { store, clock } = await bench()
    const arrivals: number[] = []
    store.onArrival = (queue) => arrivals.push(queue)
    for (let i = 0; i < 10; i++) send(store, ...numbered(1, i))
    await clock.advance(COMMIT_MS)
    expect(arrivals).toEqual([QUEUE])
  })

  test('a commit is bounded: more than COMMIT_BYTES_MAX is several, in order', async () => {
    const { store, clock, disk } = await bench()
    const body = 'x'.repeat(COMMIT_BYTES_MAX / 4)
    for (let i = 0; i < 9; i++) send(store, draftOf({ queue: QUEUE, body: `${i}${body}` }))
    await clock.advance(COMMIT_MS)
    expect(disk.nextPosition).toBe(3)
    await clock.advance(2 * COMMIT_MS)
    expect(disk.nextPosition).toBe(9)
    expect(store.maxOffset(QUEUE)).toBe(9)
    expect(store.pendingBytes).toBe(0)
    const first = bodies(store, { offset: 4, messagesMax: 1 })
    expect(first.map((text) => text[0])).toEqual(['4'])
  })

  test('store time never goes back, also over a restart', async () => {
    let open = await bench()
    send(open.store, ...numbered(1))
    await open.clock.advance(COMMIT_MS)
    const before = open.store.storeTimeAt(QUEUE, 0)!
    open.clock.jumpWall(-3_600_000)
    send(open.store, ...numbered(1, 1))
    await open.clock.advance(COMMIT_MS)
    expect(open.store.storeTimeAt(QUEUE, 1)).toBe(before)
    open = await restarted(open)
    send(open.store, ...numbered(1, 2))
    await open.clock.advance(COMMIT_MS)
    expect(open.store.storeTimeAt(QUEUE, 2)).toBe(before)
  })

  test('a draft that cannot be written takes back its unit and nothing else', async () => {
    const { store, clock } = await bench()
    send(store, ...numbered(1))
    const broken = {
      ...draftOf({ queue: QUEUE, body: 'broken' }),
      write: () => {
        throw new Error('no such property')
      },
    }
    expect(() => store.appendMessages([...numbered(1, 9), broken], () => {})).toThrow('no such')
    const { assigned } = send(store, ...numbered(1, 1))
    expect(assigned[0]).toMatchObject({ position: 1, queueOffset: 1 })
    await clock.advance(COMMIT_MS)
    expect(bodies(store)).toEqual(['m0', 'm1'])
  })
})

describe('read', () => {
  test('limits: messages, bytes, and one message always', async () => {
    const { store, clock } = await bench()
    send(store, ...numbered(10))
    await clock.advance(COMMIT_MS)
    expect(bodies(store, { messagesMax: 3, offset: 2 })).toEqual(['m2', 'm3', 'm4'])
    expect(bodies(store, { bytesMax: 1 })).toEqual(['m0'])
    const size = draftOf({ queue: QUEUE, body: 'm0' }).bytes
    expect(bodies(store, { bytesMax: 2 * size })).toEqual(['m0', 'm1'])
    expect(bodies(store, { offset: 10 })).toEqual([])
    expect(bodies(store, { offset: 99 })).toEqual([])
  })

  test('tags: only matching ones, at most PULL_SCAN_MAX looked at', async () => {
    const { store, clock } = await bench()
    for (let i = 0; i < PULL_SCAN_MAX + 50; i++) {
      send(store, draftOf({ queue: QUEUE, body: `m${i}`, tag: i % 400 === 0 ? 'a' : 'b' }))
    }
    await clock.advance(COMMIT_MS)
    const tags = new Set([javaHash('a')])
    expect(bodies(store, { tags })).toEqual(['m0', 'm400'])
    const all = { queue: QUEUE, messagesMax: 32, bytesMax: 1e6 }
    expect(store.read({ ...all, offset: 0, tags }).nextOffset).toBe(PULL_SCAN_MAX)
    const none = store.read({ ...all, offset: 1, tags: new Set([javaHash('c')]) })
    expect([none.count, none.nextOffset, none.body.length]).toEqual([0, PULL_SCAN_MAX + 1, 0])
  })

  test('by time: boundaries of equal times, before the first, after the last', async () => {
    let open = await bench()
    const { clock } = open
    const base = clock.wallMs()
    for (let i = 0; i < 600; i++) {
      // Two messages a millisecond, in blocks that end between the two.
      send(open.store, ...numbered(1, i))
      if (i % 2 === 0) await clock.advance(1)
    }
    await clock.advance(3 * COMMIT_MS)
    const check = (store: MessageStore): void => {
      const times = Array.from({ length: 600 }, (_, i) => store.storeTimeAt(QUEUE, i)!)
      for (const timeMs of [base - 5, base, base + 1, base + 7, base + 256, times[599]!]) {
        const lower = times.findIndex((time) => time >= timeMs)
        const upper = Math.max(
          0,
          times.findLastIndex((time) => time <= timeMs),
        )
        expect(store.offsetAtTime(QUEUE, timeMs, 'lower')).toBe(lower)
        expect(store.offsetAtTime(QUEUE, timeMs, 'upper')).toBe(upper)
      }
      expect(store.offsetAtTime(QUEUE, times[599]! + 1, 'lower')).toBe(600)
      expect(store.offsetAtTime(QUEUE, times[599]! + 1, 'upper')).toBe(599)
    }
    check(open.store)
    open = await restarted(open)
    check(open.store)
    expect(open.store.storeTimeAt(QUEUE, 600)).toBeNull()
    expect(open.store.offsetAtTime(OTHER, base, 'lower')).toBe(0)
  })
})

describe('restart', () => {
  for (const [name, again] of [
    ['clean', restarted],
    ['after a crash', crashed],
  ] as const) {
    test(`${name}: messages, offsets and state are as they were`, async () => {
      let open = await bench()
      for (let i = 0; i < 1500; i++) {
        send(open.store, ...numbered(1, i))
        if (i % 100 === 0) changeState(open.store, `change ${i}`)
        if (i % 7 === 0) await open.clock.advance(COMMIT_MS)
      }
      await open.clock.advance(10 * COMMIT_MS)
      for (let round = 0; round < 3; round++) {
        open = await again(open)
        expect(open.store.minOffset(QUEUE)).toBe(0)
        expect(open.store.maxOffset(QUEUE)).toBe(1500 + round)
        expect(open.state.changes.length).toBe(15)
        for (const offset of [0, 500, 511, 512, 1023, 1499]) {
          expect(bodies(open.store, { offset, messagesMax: 1 })).toEqual([`m${offset}`])
        }
        const { assigned } = send(open.store, ...numbered(1, 1500 + round))
        expect(assigned[0]).toMatchObject({ position: 1515 + round, queueOffset: 1500 + round })
        await open.clock.advance(COMMIT_MS)
      }
    })
  }

  test('a clean close leaves nothing to replay', async () => {
    const open = await bench()
    send(open.store, ...numbered(700))
    await open.clock.advance(COMMIT_MS)
    await open.clock.runFor(open.store.close(), 1000)
    const recovery = await new MemoryLog({ disk: open.disk }).open()
    expect([...recovery.tail]).toEqual([])
    expect(recovery.indexed).toEqual([{ queue: QUEUE, minOffset: 0, nextOffset: 700 }])
  })

  test('close commits what was accepted; afterwards appends are refused', async () => {
    const open = await bench()
    const { committed } = send(open.store, ...numbered(5))
    const closed = open.store.close()
    await open.clock.runFor(closed, 1000)
    await committed
    const late = send(open.store, ...numbered(1))
    late.committed.catch(() => {})
    await open.clock.advance(1)
    await expect(late.committed).rejects.toMatchObject({ code: 'BROKER_BUSY' })
    expect(open.failures).toEqual([])
    const again = await bench({ disk: open.disk, clock: open.clock })
    expect(again.store.maxOffset(QUEUE)).toBe(5)
  })
})

describe('state', () => {
  test('a change is applied at its place among the messages, on commit', async () => {
    const { store, state, clock } = await bench()
    const changed = changeState(store, 'a')
    expect(state.changes).toEqual([])
    await clock.runFor(changed, 10)
    expect(state.changes).toEqual(['a'])
  })

  test('messages behind the deletion of their topic are not indexed, now or after a restart', async () => {
    const open = await bench()
    open.state.onDrop = (topicId) => open.store.dropQueue(queueKey(topicId, 0))
    send(open.store, ...numbered(2))
    changeState(open.store, 'drop 1')
    const arrivals: number[] = []
    open.store.onArrival = (queue) => arrivals.push(queue)
    const { committed } = send(open.store, ...numbered(1, 2))
    await open.clock.runFor(committed, 10)
    expect([open.store.minOffset(QUEUE), open.store.maxOffset(QUEUE)]).toEqual([0, 0])
    expect(arrivals).toEqual([])
    const again = await crashed(open)
    expect(again.store.maxOffset(QUEUE)).toBe(0)
    expect(bodies(again.store)).toEqual([])
    const clean = await restarted(again)
    expect(clean.store.maxOffset(QUEUE)).toBe(0)
  })
})

describe('segments', () => {
  async function rolled(): Promise<Bench> {
    const open = await bench({ segmentBytes: 30_000 })
    for (let i = 0; i < 2000; i++) {
      send(open.store, ...numbered(1, i))
      if (i % 20 === 19) await open.clock.advance(COMMIT_MS)
      if (i === 1000) send(open.store, draftOf({ queue: OTHER, body: 'once' }))
    }
    await open.clock.advance(10 * COMMIT_MS)
    return open
  }

  test('a full segment ends, and reads cross the border', async () => {
    const { store } = await rolled()
    const bases = store.segments().map((segment) => segment.basePosition)
    expect(bases.length).toBeGreaterThan(5)
    for (let offset = 0; offset < 2000; offset += 32) {
      const expected = Array.from(
        { length: Math.min(32, 2000 - offset) },
        (_, i) => `m${offset + i}`,
      )
      expect(bodies(store, { offset })).toEqual(expected)
    }
  })

  test('retirement by size and by age moves the lower bound and keeps the upper', async () => {
    let open = await rolled()
    const bytes = open.store.segments().reduce((sum, segment) => sum + segment.bytes, 0)
    const limits = { ageMsMax: 1e9, bytesMax: Math.floor(bytes / 2) }
    const dropped = await open.clock.runFor(open.store.retire(limits), 1000)
    expect(dropped).toBeGreaterThan(2)
    const minOffset = open.store.minOffset(QUEUE)
    expect(minOffset).toBeGreaterThan(700)
    expect(minOffset).toBeLessThan(1400)
    expect(bodies(open.store, { offset: minOffset, messagesMax: 1 })).toEqual([`m${minOffset}`])
    expect(bodies(open.store, { offset: minOffset - 1 })).toEqual([])
    expect(open.store.maxOffset(QUEUE)).toBe(2000)
    await open.clock.advance(100_000)
    await open.clock.runFor(open.store.retire({ ageMsMax: 50_000, bytesMax: 1e12 }), 1000)
    expect(open.store.segments().length).toBe(1)
    // Everything of this queue is gone, but its offsets go on where they were.
    expect([open.store.minOffset(OTHER), open.store.maxOffset(OTHER)]).toEqual([1, 1])
    const before = open.store.minOffset(QUEUE)
    open = await crashed(open)
    expect(open.store.minOffset(QUEUE)).toBe(before)
    expect(open.store.maxOffset(QUEUE)).toBe(2000)
    expect([open.store.minOffset(OTHER), open.store.maxOffset(OTHER)]).toEqual([1, 1])
    expect(send(open.store, draftOf({ queue: OTHER, body: 'x' })).assigned[0]!.queueOffset).toBe(1)
  })

  test('the active segment is never retired', async () => {
    const open = await bench()
    send(open.store, ...numbered(1))
    await open.clock.advance(1_000_000)
    expect(await open.clock.runFor(open.store.retire({ ageMsMax: 0, bytesMax: 0 }), 100)).toBe(0)
    expect(bodies(open.store)).toEqual(['m0'])
  })
})
