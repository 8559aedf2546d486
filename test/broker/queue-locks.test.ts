// Goal: at any time at most one client holds a queue for a group, whatever the order of claims, late
// unlocks and deaths. Method: a table of situations, then random claims of several clients against the
// simplest model of a lock.

import { describe, expect, test } from 'bun:test'
import { QueueLocks } from '../../src/broker/queue-locks.ts'
import { LOCK_EXPIRY_MS } from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'

const QUEUE = 7
const claim = (clientId: string, group = 'g', queue = QUEUE) => ({ group, queue, clientId })

describe('a lock', () => {
  test('R17: is for one client at a time', () => {
    const locks = new QueueLocks()
    expect(locks.take(claim('a'), 0)).toBe(true)
    expect(locks.take(claim('b'), 1)).toBe(false)
    expect(locks.take(claim('a'), 2)).toBe(true)
  })

  test('is per group and per queue', () => {
    const locks = new QueueLocks()
    expect(locks.take(claim('a'), 0)).toBe(true)
    expect(locks.take(claim('b', 'other'), 0)).toBe(true)
    expect(locks.take(claim('b', 'g', 8), 0)).toBe(true)
  })

  test('is free once its holder gives it back, and only then', () => {
    const locks = new QueueLocks()
    locks.take(claim('a'), 0)
    locks.release(claim('b'))
    expect(locks.take(claim('b'), 0)).toBe(false)
    locks.release(claim('a'))
    expect(locks.take(claim('b'), 0)).toBe(true)
    // The former holder's unlock, late on its way, must not take it from the new one.
    locks.release(claim('a'))
    expect(locks.take(claim('a'), 0)).toBe(false)
  })

  test('of a client that died is free after its time, of one that renews it never', () => {
    const locks = new QueueLocks()
    locks.take(claim('a'), 0)
    expect(locks.take(claim('b'), LOCK_EXPIRY_MS)).toBe(false)
    locks.take(claim('a'), LOCK_EXPIRY_MS)
    expect(locks.take(claim('b'), LOCK_EXPIRY_MS + 1)).toBe(false)
    locks.forgetExpired(2 * LOCK_EXPIRY_MS)
    expect(locks.take(claim('b'), 2 * LOCK_EXPIRY_MS)).toBe(false)
    expect(locks.take(claim('b'), 2 * LOCK_EXPIRY_MS + 1)).toBe(true)
  })
})

test('R17: random claims agree with a model that knows one holder per queue', () => {
  const seed = 20_260_401
  const random = seededRandom(seed)
  const locks = new QueueLocks()
  const model = new Map<number, { clientId: string; renewedMs: number }>()
  let nowMs = 0
  for (let step = 0; step < 5_000; step += 1) {
    nowMs += random.below(LOCK_EXPIRY_MS / 4)
    const queue = random.below(3)
    const clientId = ['a', 'b', 'c'][random.below(3)]!
    const held = model.get(queue)
    if (random.below(4) === 0) {
      locks.release(claim(clientId, 'g', queue))
      if (held?.clientId === clientId) model.delete(queue)
    } else if (random.below(10) === 0) {
      locks.forgetExpired(nowMs)
    } else {
      const isFree =
        held === undefined || held.clientId === clientId || nowMs - held.renewedMs > LOCK_EXPIRY_MS
      const isTaken = locks.take(claim(clientId, 'g', queue), nowMs)
      expect({ seed, step, isTaken }).toEqual({ seed, step, isTaken: isFree })
      if (isFree) model.set(queue, { clientId, renewedMs: nowMs })
    }
  }
})
