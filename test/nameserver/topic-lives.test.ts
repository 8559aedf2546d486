// Goal: a nameserver hides what any broker has buried, tells every broker what it does not know, and
// forgets it in time. Method: the table on its own and within the route table, registration by
// registration.

import { describe, expect, test } from 'bun:test'
import {
  REGISTRATION_NEWS_MAX,
  ROUTE_ENTRY_COUNT_MAX,
  TOMBSTONE_COUNT_MAX,
  TOMBSTONE_UNHEARD_MS_MAX,
} from '../../src/core/limits.ts'
import { RouteTable } from '../../src/nameserver/route-table.ts'
import { TopicLives } from '../../src/nameserver/topic-lives.ts'
import { FakeOwner, registrationOf, routeLine, topicOf } from '../support/registrations.ts'

const OWNER = new FakeOwner()
const born = (birthId: string) => [topicOf('T', { birthId }), topicOf('U')]
const grave = (birthId: string, deletedMs = 1) => ({ name: 'T', birthId, deletedMs })

describe('what is buried', () => {
  test('R50: is hidden on all brokers at once, and each is told until it knows', () => {
    const table = new RouteTable()
    for (const name of ['a', 'b']) {
      table.register(registrationOf(name, { topics: born('x'), buried: [] }), OWNER, 0)
    }
    expect(routeLine(table, 'T')).toContain('b ')
    const changes = { topics: [topicOf('U'), topicOf('V')], counter: 2, buried: [grave('x')] }
    const first = table.register(registrationOf('a', changes), OWNER, 1)
    expect(routeLine(table, 'T')).toBe('-')
    expect(first.news).toEqual({ buried: [], missing: [], twins: [] })
    // Beat after beat, until it has buried it too.
    for (let beat = 0; beat < 2; beat++) {
      const again = registrationOf('b', { topics: born('x'), buried: [] })
      const { news, buriedTopics } = table.register(again, OWNER, 2)
      expect(news?.buried).toEqual([grave('x')])
      expect(buriedTopics).toEqual(['T'])
      expect(routeLine(table, 'T')).toBe('-')
    }
    // Another one of that name is another one.
    const anew = registrationOf('b', { topics: born('y'), buried: [grave('x')], counter: 3 })
    expect(table.register(anew, OWNER, 3).news?.buried).toEqual([])
    expect(routeLine(table, 'T')).toContain('b ')
  })

  test('a broker that says nothing of it is told nothing', () => {
    const table = new RouteTable()
    table.register(registrationOf('a', { buried: [grave('x')] }), OWNER, 0)
    expect(table.register(registrationOf('b'), OWNER, 0).news).toBeNull()
  })

  test('outlives the broker that told it, and ends a day after nobody tells it any more', () => {
    const lives = new TopicLives()
    lives.bury([grave('x'), grave('y')], 0)
    lives.bury([grave('y')], 1_000)
    lives.forget(TOMBSTONE_UNHEARD_MS_MAX)
    expect(lives.isBuried('x')).toBe(true)
    lives.forget(TOMBSTONE_UNHEARD_MS_MAX + 1)
    expect([lives.isBuried('x'), lives.isBuried('y')]).toEqual([false, true])
    lives.forget(TOMBSTONE_UNHEARD_MS_MAX + 1_001)
    expect(lives.buriedCount).toBe(0)
  })

  test('is bounded, and so is what one answer tells of it: the newest first', () => {
    const lives = new TopicLives()
    const many = Array.from({ length: TOMBSTONE_COUNT_MAX + 1 }, (_, at) => grave(`x${at}`, at))
    lives.bury(many, 0)
    expect(lives.buriedCount).toBe(TOMBSTONE_COUNT_MAX)
    expect(lives.isBuried('x0')).toBe(false)
    const { buried } = lives.newsFor({ brokerName: 'a', topics: [], buried: [] })
    expect(buried.length).toBe(REGISTRATION_NEWS_MAX)
    expect(buried[0]?.birthId).toBe(`x${TOMBSTONE_COUNT_MAX}`)
  })
})

describe('what is planned', () => {
  const plan = [
    { brokerName: 'a', queueCount: 3 },
    { brokerName: 'b', queueCount: 2 },
  ]
  const planned = topicOf('T', { birthId: 'x', plan, readQueueCount: 3, writeQueueCount: 3 })
  const offer = { brokerName: 'a', topics: [planned] }
  const missing = (lives: TopicLives, brokerName: string, topics = [topicOf('U')]) =>
    lives.newsFor({ brokerName, topics, buried: [] }).missing

  test('R49: is told to the broker that lacks it, with its own number of queues', () => {
    const lives = new TopicLives()
    lives.notePlans(offer)
    const wanted = { ...planned, readQueueCount: 2, writeQueueCount: 2 }
    expect(missing(lives, 'b')).toEqual([wanted])
    expect(missing(lives, 'c')).toEqual([])
    expect(missing(lives, 'b', [topicOf('T', { birthId: 'x' })])).toEqual([])
    // Nor if it has another one of that name.
    expect(missing(lives, 'b', [topicOf('T', { birthId: 'y' })])).toEqual([])
  })

  test('ends when nobody offers it any more, or with the topic', () => {
    const ends: ((lives: TopicLives) => void)[] = [
      (lives) => lives.forgetBroker('a'),
      (lives) => lives.notePlans({ brokerName: 'a', topics: [topicOf('T', { birthId: 'x' })] }),
      (lives) => void lives.bury([grave('x')], 0),
    ]
    for (const end of ends) {
      const lives = new TopicLives()
      lives.notePlans(offer)
      end(lives)
      expect(missing(lives, 'b')).toEqual([])
    }
  })

  test('a draining broker plans nothing: its topics say that nobody may write', () => {
    const table = new RouteTable()
    const topics = [planned, topicOf('U')]
    table.register(registrationOf('a', { topics, buried: [], isDraining: true }), OWNER, 0)
    const { news } = table.register(registrationOf('b', { topics: [], buried: [] }), OWNER, 0)
    expect(news?.missing).toEqual([])
  })
})

describe('plans of whoever registers', () => {
  const planned = (name: string, birthId: string, brokerCount: number) => {
    const brokers = Array.from({ length: brokerCount }, (_, i) => `broker-${i}`)
    const plan = brokers.map((brokerName) => ({ brokerName, queueCount: 1 }))
    return { ...topicOf(name, { birthId }), plan }
  }

  test('are bounded, and there is room again when they end', () => {
    const lives = new TopicLives()
    const brokerCount = 10_000
    const roomFor = ROUTE_ENTRY_COUNT_MAX / brokerCount
    const topics = Array.from({ length: roomFor + 1 }, (_, i) => planned('T', `x${i}`, brokerCount))
    for (let again = 0; again < 2; again++) {
      lives.notePlans({ brokerName: 'a', topics })
      expect(lives.plannedCount).toBe(ROUTE_ENTRY_COUNT_MAX)
    }
    lives.bury([grave('x0')], 0)
    expect(lives.plannedCount).toBe(ROUTE_ENTRY_COUNT_MAX - brokerCount)
    lives.forgetBroker('a')
    expect(lives.plannedCount).toBe(0)
  })

  test('are passed on to nobody under a name that no topic may have', () => {
    const lives = new TopicLives()
    lives.notePlans({ brokerName: 'a', topics: [planned('../etc', 'x', 2), planned('T', 'y', 2)] })
    const { missing } = lives.newsFor({ brokerName: 'broker-1', topics: [] })
    expect(missing.map(({ name }) => name)).toEqual(['T'])
  })
})

describe('made twice', () => {
  const offer = (name: string, birthId: string, twinIds?: string[]) => {
    const topics = [topicOf('T', { birthId, ...(twinIds && { twinIds }) }), topicOf('U')]
    return registrationOf(name, { topics, buried: [], counter: 1 + (twinIds?.length ?? 0) })
  }

  test('R51: each broker is told what the topic was born with elsewhere, until it knows', () => {
    const table = new RouteTable()
    const told = (registration: ReturnType<typeof offer>) =>
      table.register(registration, OWNER, 0).news?.twins
    expect(told(offer('a', 'x'))).toEqual([])
    for (let beat = 0; beat < 2; beat++) {
      expect(told(offer('b', 'y'))).toEqual([{ name: 'T', birthId: 'y', twinIds: ['x'] }])
    }
    expect(told(offer('a', 'x'))).toEqual([{ name: 'T', birthId: 'x', twinIds: ['y'] }])
    expect(told(offer('a', 'x', ['y']))).toEqual([])
    expect(told(offer('b', 'y', ['x']))).toEqual([])
    // One that comes later, of the same birth, has to be told of the other one too.
    expect(told(offer('c', 'y'))).toEqual([{ name: 'T', birthId: 'y', twinIds: ['x'] }])
    expect(routeLine(table, 'T')).toContain('c ')
  })

  test('R51: what is buried is no part of the topic', () => {
    const table = new RouteTable()
    table.register(offer('a', 'x', ['z']), OWNER, 0)
    const graves = { topics: [topicOf('U'), topicOf('V')], buried: [grave('x'), grave('z')] }
    table.register(registrationOf('c', graves), OWNER, 0)
    expect(table.register(offer('b', 'y'), OWNER, 0).news?.twins).toEqual([])
  })
})
