// Goal: at each moment of a change a broker admits one list of queues only, holds back exactly what lies
// behind the cuts, and never takes from writers what stays (R56, R57). Method: tables over all phases.

import { describe, expect, test } from 'bun:test'
import {
  abandoned,
  admission,
  fenced,
  finished,
  heldFrom,
  isHolding,
  preparation,
  prepared,
  retired,
  runningChange,
  STALE_LAYOUT_MS,
} from '../../src/broker/queue-change.ts'
import { PERMISSION, TOPIC_FLAG } from '../../src/remoting/codes.ts'
import type { ChangePlan } from '../../src/remoting/topic-change.ts'
import type { TopicConfig } from '../../src/remoting/topic-config.ts'

const READ_WRITE = PERMISSION.read | PERMISSION.write
const GROW: ChangePlan = {
  order: 'drain',
  before: { queues: 'a:2', tag: 'old' },
  after: { queues: 'a:3;b:2', tag: 'new' },
  holdMs: 1_000,
  birthId: 'born',
  attempt: 1,
}
const SHRINK: ChangePlan = { ...GROW, before: GROW.after, after: { queues: 'a:2', tag: 'less' } }

function topic(readQueueCount: number, changes: Partial<TopicConfig> = {}): TopicConfig {
  return {
    name: 't',
    readQueueCount,
    writeQueueCount: readQueueCount,
    permission: READ_WRITE,
    systemFlag: 0,
    isOrdered: false,
    ...changes,
  }
}

const at = (brokerName: string) => ({ topic: 't', brokerName, nowMs: 100 })

describe('the queues at each step', () => {
  test('growing: readers first, then writers, then the mark goes', () => {
    const first = prepared(topic(2), GROW, at('a'))
    expect(first.config).toMatchObject({ readQueueCount: 3, writeQueueCount: 2 })
    expect(first.config.systemFlag).toBe(TOPIC_FLAG.isChanging)
    // Nobody may ever lead it on.
    expect(first.change.untilMs).toBe(1_100)
    const second = fenced(first.config, first.change, { ...at('a'), cuts: [7, 9, 0] })
    expect(second.config).toMatchObject({ readQueueCount: 3, writeQueueCount: 3 })
    expect(second.change).toMatchObject({ phase: 'fenced', cuts: [7, 9, 0], untilMs: 1_100 })
    const last = finished(second.config, second.change, 200)
    expect(last.config.systemFlag).toBe(0)
    expect(last.change).toMatchObject({ phase: 'finished', sinceMs: 200 })
  })

  test('a broker that is new to the topic takes no writes before the fence', () => {
    const first = prepared(undefined, GROW, at('b'))
    expect(first.config).toMatchObject({
      name: 't',
      readQueueCount: 2,
      permission: PERMISSION.read,
      birthId: 'born',
    })
    const second = fenced(first.config, first.change, { ...at('b'), cuts: [0, 0] })
    expect(second.config).toMatchObject({ writeQueueCount: 2, permission: READ_WRITE })
  })

  test('shrinking: writers first; readers keep all until the end', () => {
    const first = prepared(topic(3), SHRINK, at('a'))
    expect(first.config).toMatchObject({ readQueueCount: 3, writeQueueCount: 3 })
    const second = fenced(first.config, first.change, { ...at('a'), cuts: [1, 1, 1] })
    expect(second.config).toMatchObject({ readQueueCount: 3, writeQueueCount: 2 })
    const third = retired(second.config, second.change, { brokerName: 'a' })
    expect(third.config).toMatchObject({ readQueueCount: 2, writeQueueCount: 2 })
  })

  test('a broker that loses all its queues is not writable, then not readable', () => {
    const first = prepared(topic(2), SHRINK, at('b'))
    const second = fenced(first.config, first.change, { ...at('b'), cuts: [1, 1] })
    expect(second.config.permission).toBe(PERMISSION.read)
    const third = retired(second.config, second.change, { brokerName: 'b' })
    expect(third.config.permission).toBe(0)
  })

  test('without order nothing is marked and nothing is cut', () => {
    const first = prepared(topic(2), { ...GROW, order: 'none' }, at('a'))
    expect(first.config.systemFlag).toBe(0)
    const second = fenced(first.config, first.change, { ...at('a'), cuts: [7, 9, 0] })
    expect(second.change.cuts).toEqual([])
    expect(isHolding(second.change, 100)).toBe(false)
  })
})

describe('another plan', () => {
  const { config, change } = prepared(topic(2), GROW, at('a'))
  const { change: held } = fenced(config, change, { ...at('a'), cuts: [7, 9] })
  const over = finished(config, held, 200).change
  const givenUp = abandoned(config, held, 200).change
  const again = (attempt: number): ChangePlan => ({ ...GROW, attempt })
  const other = (attempt: number): ChangePlan => ({ ...SHRINK, attempt })

  test('R57: a topic that is in no change, and never was, takes any', () => {
    expect(preparation(undefined, GROW, { isForced: false })).toBe('begin')
  })

  test.each([
    ['prepared', change, ['renew', 'begin', 'refuse', 'refuse', 'begin'], 'begin'],
    ['fenced', held, ['renew', 'refuse', 'refuse', 'refuse', 'refuse'], 'begin'],
    ['finished', over, ['renew', 'begin', 'refuse', 'refuse', 'begin'], 'begin'],
    ['abandoned', givenUp, ['begin', 'begin', 'refuse', 'refuse', 'begin'], 'begin'],
  ] as const)(
    'R57: %s: the same, the same later; an older, as old, a later other one; by force',
    (_, known, verdicts, forced) => {
      const plans = [again(1), again(2), other(0), other(1), other(2)]
      expect(plans.map((plan) => preparation(known, plan, { isForced: false }))).toEqual([
        ...verdicts,
      ])
      // Also one as old: a broker that lost its end may have been prepared twice with one number.
      expect(preparation(known, other(1), { isForced: true })).toBe(forced)
      expect(preparation(known, other(2), { isForced: true })).toBe(forced)
      expect(preparation(known, other(0), { isForced: true })).toBe('refuse')
    },
  )

  test('R56: what is given up is no change any more: no mark, no hold, every list is taken', () => {
    expect(abandoned(config, held, 200).config.systemFlag).toBe(0)
    expect(runningChange({ change: givenUp })).toBeNull()
    expect(isHolding(givenUp, 200)).toBe(false)
    expect(['old', 'new', 'other'].map((tag) => admission(givenUp, tag, 200))).toEqual([
      'accept',
      'accept',
      'accept',
    ])
  })
})

describe('sends', () => {
  const first = prepared(topic(2), GROW, at('a'))
  const second = fenced(first.config, first.change, { ...at('a'), cuts: [7, 9, 0] })
  const last = finished(second.config, second.change, 200)

  test.each([
    ['prepared', first.change, 100, ['accept', 'fence', 'refuse']],
    ['fenced', second.change, 100, ['refuse', 'accept', 'refuse']],
    ['finished', last.change, 200, ['refuse', 'accept', 'accept']],
    ['long finished', last.change, 200 + STALE_LAYOUT_MS, ['accept', 'accept', 'accept']],
  ] as const)('%s: the old list, the new one, any other', (_, change, nowMs, verdicts) => {
    expect(['old', 'new', 'other'].map((tag) => admission(change, tag, nowMs))).toEqual([
      ...verdicts,
    ])
  })
})

describe('the hold', () => {
  const { config, change } = prepared(topic(2), GROW, at('a'))
  const { change: held } = fenced(config, change, { ...at('a'), cuts: [7, 9] })
  const from = (queueId: number, group = 'g', nowMs = 100, of = held): number =>
    heldFrom(of, { queueId, group, nowMs })

  test('begins at the cut of each queue, and at 0 where there was none', () => {
    expect([from(0), from(1), from(2)]).toEqual([7, 9, 0])
  })

  test('is over for a group that was released, for all, and when its time is up', () => {
    const forGroup = { ...held, releasedGroups: ['g'] }
    expect(from(0, 'g', 100, forGroup)).toBe(Number.POSITIVE_INFINITY)
    expect(from(0, 'h', 100, forGroup)).toBe(7)
    expect(from(0, 'h', 100, { ...held, isReleased: true })).toBe(Number.POSITIVE_INFINITY)
    expect(from(0, 'g', 1_099)).toBe(7)
    expect(from(0, 'g', 1_100)).toBe(Number.POSITIVE_INFINITY)
  })

  test('is not there before the fence', () => {
    expect(from(0, 'g', 100, change)).toBe(Number.POSITIVE_INFINITY)
  })
})
