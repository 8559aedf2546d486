// Goal: each policy sends messages where its name says (R27, R28, R29).
// Method: picks thousands of queues from fixed lists and counts; no randomness but seeded keys.

import { describe, expect, test } from 'bun:test'
import { type MessageQueue, queueName } from '../../src/client/message.ts'
import { keyPolicy, spreadPolicy } from '../../src/client/queue-policy.ts'

const NONE_AVOIDED = (): boolean => false

function queues(spec: Record<string, number>): MessageQueue[] {
  return Object.entries(spec).flatMap(([brokerName, count]) =>
    Array.from({ length: count }, (_, queueId) => ({ topic: 't', brokerName, queueId })),
  )
}

function countBy<T>(items: readonly T[], name: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[name(item)] = (counts[name(item)] ?? 0) + 1
  return counts
}

describe('round robin', () => {
  test('R27: 4,000 sends over 4 queues are 1,000 each, wherever it begins', () => {
    for (const seed of [0, 1, 7, 1_000_003]) {
      const policy = spreadPolicy({ kind: 'round-robin' }, seed)
      const list = queues({ a: 2, b: 2 })
      const picks = Array.from({ length: 4_000 }, () => policy.pick(list, NONE_AVOIDED)!)
      expect(countBy(picks, queueName)).toEqual({
        't@a:0': 1_000,
        't@a:1': 1_000,
        't@b:0': 1_000,
        't@b:1': 1_000,
      })
    }
  })

  test('R30: an avoided broker gets nothing, and its share is spread over all others', () => {
    const policy = spreadPolicy({ kind: 'round-robin' }, 0)
    const list = queues({ a: 2, b: 2, c: 2 })
    const picks = Array.from({ length: 4_000 }, () => policy.pick(list, (name) => name === 'b')!)
    expect(countBy(picks, queueName)).toEqual({
      't@a:0': 1_000,
      't@a:1': 1_000,
      't@c:0': 1_000,
      't@c:1': 1_000,
    })
  })

  test('nothing to pick from is null, not a loop', () => {
    const policy = spreadPolicy({ kind: 'round-robin' }, 3)
    expect(policy.pick([], NONE_AVOIDED)).toBeNull()
    expect(policy.pick(queues({ a: 4 }), () => true)).toBeNull()
  })
})

describe('weighted', () => {
  const picksOf = (weights: Record<string, number>, spec: Record<string, number>, n: number) => {
    const policy = spreadPolicy({ kind: 'weighted', weights }, 0)
    const list = queues(spec)
    return Array.from({ length: n }, () => policy.pick(list, NONE_AVOIDED)!)
  }

  test('R28: weights 3:1 give 3,000:1,000, exact in each cycle, and no cycle has a run of 3', () => {
    const picks = picksOf({ a: 3, b: 1 }, { a: 4, b: 4 }, 4_000)
    expect(countBy(picks, (queue) => queue.brokerName)).toEqual({ a: 3_000, b: 1_000 })
    for (let at = 0; at < picks.length; at += 4) {
      const cycle = picks.slice(at, at + 4).map((queue) => queue.brokerName)
      expect(cycle.filter((name) => name === 'a')).toHaveLength(3)
      expect(cycle.join('')).not.toContain('aaa')
    }
    // Across cycles 3:1 cannot do better than three in a row: b comes every fourth time.
    expect(picks.map((queue) => queue.brokerName).join('')).not.toContain('aaaa')
  })

  test('R28: the queues of a broker get equal parts of its share', () => {
    const counts = countBy(picksOf({ a: 3 }, { a: 3, b: 1 }, 4_000), queueName)
    expect(counts).toEqual({ 't@a:0': 1_000, 't@a:1': 1_000, 't@a:2': 1_000, 't@b:0': 1_000 })
  })

  test('R28: single queues can be weighted, across brokers too', () => {
    const counts = countBy(picksOf({ 'a:0': 3, 'b:0': 1 }, { a: 1, b: 1 }, 4_000), queueName)
    expect(counts).toEqual({ 't@a:0': 3_000, 't@b:0': 1_000 })
    const within = countBy(picksOf({ 'a:1': 4 }, { a: 2, b: 5 }, 1_000), queueName)
    expect(within).toMatchObject({ 't@a:0': 100, 't@a:1': 400, 't@b:4': 100 })
  })

  test('an avoided broker gets nothing and returns without a burst', () => {
    const policy = spreadPolicy({ kind: 'weighted', weights: { a: 3, b: 1 } }, 0)
    const list = queues({ a: 1, b: 1 })
    for (let i = 0; i < 100; i++) {
      expect(policy.pick(list, (name) => name === 'a')?.brokerName).toBe('b')
    }
    const after = Array.from({ length: 8 }, () => policy.pick(list, NONE_AVOIDED)!.brokerName)
    expect(countBy(after, String)).toEqual({ a: 6, b: 2 })
  })
})

describe('key policies', () => {
  const KEYS = Array.from({ length: 10_000 }, (_, i) => `order-${i}`)
  const EIGHT = queues({ a: 4, b: 4 })

  for (const kind of ['key-hash', 'consistent-hash'] as const) {
    test(`R29: ${kind} sends the same key to the same queue, always`, () => {
      const first = keyPolicy({ kind })!
      const other = keyPolicy({ kind })!
      const sameQueues = EIGHT.map((queue) => ({ ...queue }))
      for (const key of KEYS.slice(0, 500)) {
        const queue = first.pick(EIGHT, key)!
        expect(first.pick(EIGHT, key)).toBe(queue)
        expect(other.pick(sameQueues, key)).toEqual(queue)
      }
    })

    test(`${kind} has nothing to pick from an empty list`, () => {
      expect(keyPolicy({ kind })!.pick([], 'k')).toBeNull()
    })
  }

  test('R29: key-hash spreads 10,000 keys over 8 queues evenly (chi-square, 99.9 %)', () => {
    const policy = keyPolicy({ kind: 'key-hash' })!
    for (const keys of [
      KEYS,
      KEYS.map((_, i) => String(i).padStart(8, '0')),
      KEYS.map((_, i) => `用户-${i * 7}`),
    ]) {
      const counts = countBy(
        keys.map((key) => policy.pick(EIGHT, key)!),
        queueName,
      )
      const expected = keys.length / 8
      const chiSquare = EIGHT.reduce((sum, queue) => {
        return sum + ((counts[queueName(queue)] ?? 0) - expected) ** 2 / expected
      }, 0)
      expect(chiSquare).toBeLessThan(24.322)
    }
  })

  test('R29: removing 1 of 8 queues moves only its own keys, about an eighth', () => {
    const policy = keyPolicy({ kind: 'consistent-hash' })!
    for (const gone of EIGHT) {
      const left = EIGHT.filter((queue) => queue !== gone)
      let movedCount = 0
      for (const key of KEYS) {
        const before = policy.pick(EIGHT, key)!
        const after = policy.pick(left, key)!
        if (before === gone) movedCount++
        else expect(after).toBe(before)
      }
      expect(movedCount).toBeGreaterThan(0)
      expect(movedCount / KEYS.length).toBeLessThan(1.3 / 8)
    }
  })

  test('R29: key-hash moves most keys when a queue goes, which is why consistent-hash exists', () => {
    const policy = keyPolicy({ kind: 'key-hash' })!
    const left = EIGHT.slice(0, 7)
    const moved = KEYS.filter((key) => policy.pick(EIGHT, key) !== policy.pick(left, key))
    expect(moved.length / KEYS.length).toBeGreaterThan(0.5)
  })

  test('policies without keys have no key policy', () => {
    expect(keyPolicy({ kind: 'round-robin' })).toBeNull()
    expect(keyPolicy({ kind: 'weighted', weights: {} })).toBeNull()
  })
})
