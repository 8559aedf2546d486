// Goal: whatever happens to a route table, no route names a broker that is gone, `version` moves with
// every answer, and tables with different pasts agree in the end. Method: random histories under printed
// seeds, checked after every step.

import { describe, expect, test } from 'bun:test'
import { MqError } from '../../src/core/errors.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import type { Registration } from '../../src/nameserver/registration-rules.ts'
import { RouteTable } from '../../src/nameserver/route-table.ts'
import { encodeClusterInfo, encodeRoute } from '../../src/remoting/route.ts'
import type { BuriedTopic } from '../../src/remoting/topic-life.ts'
import { EXPIRY_MS, FakeOwner, registrationOf, topicOf } from '../support/registrations.ts'

const owner = new FakeOwner()
const newerOwner = new FakeOwner()

const plannedQueues = (brokerName: string) => ({ brokerName, queueCount: 4 })

function newsOf(result: string): number {
  const { news } = JSON.parse(result) as { news: { buried: unknown[]; missing: unknown[] } | null }
  return news === null ? 0 : news.buried.length + news.missing.length
}

describe('random histories', () => {
  const NAMES = ['a', 'b', 'c']
  const TOPICS = ['T', 'U', 'V', 'W']

  function step(table: RouteTable, random: Random, owners: FakeOwner[], nowMs: number): void {
    const name = NAMES[random.below(3)]!
    const brokerId = random.below(2)
    const topics = TOPICS.slice(0, random.below(5)).map((topic) =>
      topicOf(topic, { permission: random.below(2) === 0 ? 6 : 4 }),
    )
    const registration = registrationOf(name, { brokerId, topics, counter: random.below(3) })
    switch (random.below(7)) {
      case 0:
        table.unregister(registration)
        return
      case 1:
        table.connectionClosed(owners[random.below(owners.length)]!)
        return
      case 2:
        table.evictExpired(nowMs)
        return
      case 3:
        table.deleteTopic(TOPICS[random.below(4)]!, random.below(2) === 0 ? null : 'C')
        return
      case 4:
        if (random.below(2) === 0) table.wipeWritePermission(name)
        else table.addWritePermission(name)
        return
      default:
        try {
          table.register(registration, owners[random.below(owners.length)]!, nowMs)
        } catch (error) {
          if (!(error instanceof MqError)) throw error
        }
    }
  }

  function everything(table: RouteTable): string {
    const routes = TOPICS.map((topic) => {
      const route = table.routeOf(topic)
      return route === null ? '-' : encodeRoute({ ...route, orderConfig: null }).toString()
    })
    const clusters = table.brokers.clusters()
    const brokers = [...clusters.values()].flat().map((name) => table.memberGroup(name))
    return [...routes, encodeClusterInfo({ brokers, clusters }).toString()].join('\n')
  }

  function checkInvariants(table: RouteTable): void {
    let entryCount = 0
    for (const topic of table.topics.names()) {
      const route = table.routeOf(topic)
      expect(route).not.toBeNull()
      entryCount += route?.queues.length ?? 0
      for (const broker of route?.brokers ?? []) expect(broker.addresses.size).toBeGreaterThan(0)
    }
    expect(table.topics.entryCount).toBe(entryCount)
    expect([...table.brokers.clusters().values()].flat().length).toBe(
      new Set(table.brokers.all().map((broker) => broker.brokerName)).size,
    )
    expect(table.brokers.count).toBe(table.brokers.all().length)
  }

  for (let seed = 1; seed <= 30; seed++) {
    test(`seed ${seed}: no route without a live broker, no change without a version and a word`, () => {
      const random = seededRandom(seed)
      const owners = [new FakeOwner(), new FakeOwner(), new FakeOwner()]
      const noted = new Set<string>()
      const table = new RouteTable((topic) => noted.add(topic))
      let before = everything(table)
      for (let i = 0; i < 200; i++) {
        const version = table.version
        noted.clear()
        step(table, random, owners, i * 5_000)
        checkInvariants(table)
        const after = everything(table)
        if (after !== before) expect(table.version).toBeGreaterThan(version)
        const [linesBefore, linesAfter] = [before, after].map((text) => text.split('\n'))
        for (const [at, topic] of TOPICS.entries()) {
          if (linesBefore?.[at] !== linesAfter?.[at]) expect(noted).toContain(topic)
        }
        before = after
      }
    })
  }

  test('a registration that repeats the last one may be taken for a sign of life', () => {
    let shortcutCount = 0
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed)
      const owners = [new FakeOwner(), new FakeOwner()] as const
      // The second table looks at every registration in full.
      const [table, careful] = [new RouteTable(), new RouteTable()]
      const said = new Map<string, Registration>()
      /** What all brokers have been told to bury. */
      const graves: BuriedTopic[] = []
      const register = (registration: Registration, at: number, nowMs: number): void => {
        const owner = owners[at] as FakeOwner
        const digest = JSON.stringify(registration)
        const outcome = (work: () => unknown): string => {
          try {
            return JSON.stringify(work(), (name, value) => (name === 'master' ? null : value))
          } catch (error) {
            return String(error)
          }
        }
        const expected = outcome(() => careful.register(registration, owner, nowMs))
        if (table.repeats({ ...registration, digest }, owner, nowMs)) {
          shortcutCount++
          const nothing = { master: null, refusedTopics: [], buriedTopics: [] }
          expect(JSON.parse(expected), `seed ${seed}`).toMatchObject(nothing)
          expect(newsOf(expected), `seed ${seed}`).toBe(0)
        } else {
          expect(outcome(() => table.register({ ...registration, digest }, owner, nowMs))).toBe(
            expected,
          )
        }
      }
      for (let i = 0; i < 300; i++) {
        const nowMs = i * 20_000
        const name = NAMES[random.below(3)] as string
        const at = random.below(2)
        switch (random.below(12)) {
          case 0:
            for (const each of [table, careful]) each.unregister(registrationOf(name))
            break
          case 1: {
            const topic = TOPICS[random.below(4)] as string
            for (const each of [table, careful]) each.deleteTopic(topic, null)
            break
          }
          case 2:
            for (const each of [table, careful]) each.wipeWritePermission(name)
            break
          case 3:
            for (const each of [table, careful]) each.connectionClosed(owners[at] as FakeOwner)
            break
          case 4:
            for (const each of [table, careful]) each.evictExpired(nowMs)
            break
          case 5: {
            const fresh = TOPICS.slice(random.below(4)).map((topic) =>
              topicOf(topic, {
                birthId: `${topic}-${random.below(2)}`,
                ...(random.below(3) === 0 ? { plan: NAMES.map(plannedQueues) } : {}),
              }),
            )
            // Often the same topics as before, so that only what goes with them is new.
            const topics = random.below(2) === 0 ? fresh : (said.get(name)?.topics ?? fresh)
            if (random.below(3) === 0) {
              const topic = TOPICS[random.below(4)] as string
              const birthId = random.below(4) === 0 ? `${topic}-0` : `gone-${i}`
              graves.push({ name: topic, birthId, deletedMs: i })
            }
            const buried = [...graves]
            const isDraining = random.below(5) === 0
            const registration = registrationOf(name, { topics, counter: i, buried, isDraining })
            said.set(name, registration)
            register(registration, at, nowMs)
            break
          }
          default: {
            const again = said.get(name)
            if (again !== undefined) register(again, at, nowMs)
          }
        }
        expect(everything(table), `seed ${seed}, step ${i}`).toBe(everything(careful))
        const beats = (each: RouteTable): unknown =>
          each.brokers.all().map(({ brokerName, lastHeartbeatMs }) => [brokerName, lastHeartbeatMs])
        expect(beats(table)).toEqual(beats(careful))
      }
    }
    expect(shortcutCount).toBeGreaterThan(200)
  })

  test('tables with different pasts agree once the old is gone and all have registered', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const tables = [seededRandom(seed), seededRandom(seed + 1_000)].map((random) => {
        const table = new RouteTable()
        for (let i = 0; i < 100; i++) step(table, random, [owner, newerOwner], i)
        table.evictExpired(100 + EXPIRY_MS + 1)
        for (const name of NAMES) table.register(registrationOf(name), owner, 200_000)
        return everything(table)
      })
      expect(tables[0], `seed ${seed}`).toBe(tables[1]!)
    }
  })
})
