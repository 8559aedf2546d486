// Goal: a drain ends when no producer can be left and nothing is left to read, or with its limit, and
// never on a guess. Method: every combination that matters, by hand.

import { expect, test } from 'bun:test'
import { drainStep, isQuiet, quietMs } from '../../src/client/drain-decision.ts'
import type { DrainView } from '../../src/remoting/drain-view.ts'

const LIMITS = { routeIntervalMs: 30_000, limitMs: 600_000, elapsedMs: 40_000 }

function view(changes: Partial<DrainView> = {}): DrainView {
  return {
    brokerName: 'b',
    isDraining: true,
    drainingMs: 40_000,
    lastSendAgeMs: null,
    sends: 0,
    unreadQueueCount: 0,
    unreadMessageCount: 0,
    unread: [],
    ...changes,
  }
}

test('drained: no send for a route interval and a second, and nothing to read', () => {
  expect(drainStep(view(), LIMITS)).toBe('drained')
  expect(drainStep(view({ lastSendAgeMs: 31_000 }), LIMITS)).toBe('drained')
})

test('a send less than that ago keeps it waiting for producers', () => {
  expect(drainStep(view({ lastSendAgeMs: 30_999 }), LIMITS)).toBe('producers')
  expect(drainStep(view({ lastSendAgeMs: 0 }), LIMITS)).toBe('producers')
})

test('so does an order less than that ago, even if nobody ever sent', () => {
  expect(drainStep(view({ drainingMs: 30_999 }), LIMITS)).toBe('producers')
  expect(drainStep(view({ drainingMs: 31_000 }), LIMITS)).toBe('drained')
})

test('what is left to read keeps it waiting for consumers, once producers are gone', () => {
  expect(drainStep(view({ unreadQueueCount: 1 }), LIMITS)).toBe('consumers')
  expect(drainStep(view({ unreadQueueCount: 1, lastSendAgeMs: 5 }), LIMITS)).toBe('producers')
})

test('a broker that does not answer, or is not draining any more, is waited for', () => {
  expect(drainStep(null, LIMITS)).toBe('producers')
  expect(drainStep(view({ isDraining: false }), LIMITS)).toBe('producers')
  expect(isQuiet(null, 0)).toBe(false)
  expect(quietMs(view({ isDraining: false }))).toBe(0)
})

test('the limit ends it in whatever state, but not when it is drained at that moment', () => {
  const over = { ...LIMITS, elapsedMs: 600_000 }
  expect(drainStep(null, over)).toBe('over')
  expect(drainStep(view({ lastSendAgeMs: 0 }), over)).toBe('over')
  expect(drainStep(view({ unreadQueueCount: 1 }), over)).toBe('over')
  expect(drainStep(view(), over)).toBe('drained')
})

test('a limit of nothing is a question: is it drained already?', () => {
  const now = { ...LIMITS, limitMs: 0, elapsedMs: 0 }
  expect(drainStep(view({ lastSendAgeMs: 0 }), now)).toBe('over')
  expect(drainStep(view(), now)).toBe('drained')
})
