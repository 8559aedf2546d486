// Goal: nothing unfinished is ever committed, whatever order handlers finish in.
// Method: small walks, and a seeded random run against a model that keeps plain sets.

import { expect, test } from 'bun:test'
import { ProcessWindow } from '../../src/client/process-window.ts'
import { seededRandom } from '../../src/core/random.ts'

const LIMITS = { countMax: 1_000, bytesMax: 1 << 20, spanMax: 2_000 }

function message(queueOffset: number, bytes = 1) {
  return { queueOffset, body: new Uint8Array(bytes) }
}

test('the committable offset is the smallest one unfinished', () => {
  const window = new ProcessWindow(10)
  expect(window.committableOffset).toBe(10)
  window.add([message(10), message(11), message(12)], 13)
  const [first, second, third] = window.take(3)
  window.finish([third!])
  expect(window.committableOffset).toBe(10)
  window.finish([first!])
  expect(window.committableOffset).toBe(11)
  window.finish([second!])
  expect(window.committableOffset).toBe(13)
  expect(window.count).toBe(0)
  expect(window.bytes).toBe(0)
})

test('gaps left by a filter are skipped, and an empty pull still moves on', () => {
  const window = new ProcessWindow(0)
  window.add([message(3), message(7)], 20)
  window.finish(window.take(1))
  expect(window.committableOffset).toBe(7)
  window.finish(window.take(1))
  expect(window.committableOffset).toBe(20)
  window.add([], 35)
  expect(window.committableOffset).toBe(35)
  expect(window.pullOffset).toBe(35)
})

test('a message seen before is not handed out again', () => {
  const window = new ProcessWindow(5)
  window.add([message(4), message(5), message(6)], 7)
  window.add([message(6), message(7)], 8)
  expect(window.take(10).map((m) => m.queueOffset)).toEqual([5, 6, 7])
  expect(window.take(10)).toEqual([])
})

test('flow control by count, bytes and span', () => {
  const byCount = new ProcessWindow(0)
  byCount.add(
    Array.from({ length: 1_000 }, (_, i) => message(i)),
    1_000,
  )
  expect(byCount.isFull(LIMITS)).toBe(false)
  byCount.add([message(1_000)], 1_001)
  expect(byCount.isFull(LIMITS)).toBe(true)
  byCount.finish(byCount.take(1))
  expect(byCount.isFull(LIMITS)).toBe(false)

  const byBytes = new ProcessWindow(0)
  byBytes.add([message(0, LIMITS.bytesMax), message(1, 1)], 2)
  expect(byBytes.isFull(LIMITS)).toBe(true)
  byBytes.finish(byBytes.take(1))
  expect(byBytes.isFull(LIMITS)).toBe(false)

  const bySpan = new ProcessWindow(0)
  bySpan.add([message(0), message(2_001)], 2_002)
  expect(bySpan.isFull(LIMITS)).toBe(true)
  bySpan.finish(bySpan.take(1))
  expect(bySpan.isFull(LIMITS)).toBe(false)
})

test('property: against a model, 50 seeds', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed)
    const window = new ProcessWindow<ReturnType<typeof message>>(0)
    const unfinished = new Set<number>()
    const working: ReturnType<typeof message>[] = []
    let end = 0
    for (let step = 0; step < 400; step++) {
      const kind = random.below(3)
      if (kind === 0) {
        const added = Array.from({ length: random.below(20) }, () => {
          end += 1 + random.below(3)
          unfinished.add(end)
          return message(end)
        })
        end += 1
        window.add(added, end)
      } else if (kind === 1) {
        working.push(...window.take(random.below(10)))
      } else if (working.length > 0) {
        const [done] = working.splice(random.below(working.length), 1)
        window.finish([done!])
        unfinished.delete(done!.queueOffset)
      }
      const expected = unfinished.size === 0 ? end : Math.min(...unfinished)
      expect({ seed, step, offset: window.committableOffset }).toEqual({
        seed,
        step,
        offset: expected,
      })
    }
  }
})
