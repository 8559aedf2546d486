// Goal: who belongs to a group, what it subscribes to, and when the others must hear of a change, follow
// from heartbeats alone. Method: state × event tables, the rules of subscriptions one by one, and random
// histories under printed seeds against a plain list of memberships.

import { describe, expect, test } from 'bun:test'
import { type Client, ConsumerGroups } from '../../src/broker/consumer-groups.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { ConsumerData, Subscription } from '../../src/remoting/heartbeat.ts'

interface Owner {
  name: string
}

const one: Owner = { name: 'one' }
const two: Owner = { name: 'two' }

function clientOf(owner: Owner, clientId = owner.name): Client<Owner> {
  return { clientId, owner, language: 0, version: 407 }
}

function subscriptionOf(topic: string, options: Partial<Subscription> = {}): Subscription {
  return {
    topic,
    expression: '*',
    expressionType: 'TAG',
    tags: [],
    tagHashes: [],
    version: 1n,
    ...options,
  }
}

function dataOf(group: string, ...subscriptions: Subscription[]): ConsumerData {
  return {
    group,
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
    subscriptions,
  }
}

const DATA = dataOf('g', subscriptionOf('T'))

describe('membership', () => {
  test.each([
    ['a first heartbeat is a change', (_: ConsumerGroups<Owner>) => {}, true, ['one']],
    [
      'the same heartbeat again is none',
      (groups: ConsumerGroups<Owner>) => groups.heartbeat(clientOf(one), DATA, 0),
      false,
      ['one'],
    ],
    [
      'a second member is a change',
      (groups: ConsumerGroups<Owner>) => groups.heartbeat(clientOf(two), DATA, 0),
      true,
      ['one', 'two'],
    ],
    [
      'two connections with one client id are two members and one name',
      (groups: ConsumerGroups<Owner>) => groups.heartbeat(clientOf(two, 'one'), DATA, 0),
      true,
      ['one'],
    ],
    [
      'a connection that calls itself otherwise is a change',
      (groups: ConsumerGroups<Owner>) => groups.heartbeat(clientOf(one, 'old'), DATA, 0),
      true,
      ['one'],
    ],
  ])('%s', (_what, before, isChanged, clientIds) => {
    const groups = new ConsumerGroups<Owner>()
    before(groups)
    expect(groups.heartbeat(clientOf(one), DATA, 1)).toBe(isChanged)
    expect(groups.clientIds('g')).toEqual(clientIds)
  })

  test('leaving tells whether there was somebody, and an empty group is gone', () => {
    const groups = new ConsumerGroups<Owner>()
    groups.heartbeat(clientOf(one), DATA, 0)
    expect(groups.leave('g', two)).toBe(false)
    expect(groups.leave('g', one)).toBe(true)
    expect(groups.leave('g', one)).toBe(false)
    expect(groups.get('g')).toBeNull()
    expect(groups.names()).toEqual([])
  })

  test('a connection that ends leaves all its groups', () => {
    const groups = new ConsumerGroups<Owner>()
    groups.heartbeat(clientOf(one), dataOf('g'), 0)
    groups.heartbeat(clientOf(one), dataOf('h'), 0)
    groups.heartbeat(clientOf(two), dataOf('h'), 0)
    expect(groups.removeOwner(one).sort()).toEqual(['g', 'h'])
    expect(groups.removeOwner(one)).toEqual([])
    expect(groups.names()).toEqual(['h'])
  })

  test('silence counts from the last heartbeat, and only beyond the time allowed', () => {
    const groups = new ConsumerGroups<Owner>()
    groups.heartbeat(clientOf(one), DATA, 0)
    groups.heartbeat(clientOf(two), DATA, 50)
    groups.heartbeat(clientOf(one), DATA, 100)
    expect(groups.expiredOwners({ nowMs: 170, expiryMs: 120 })).toEqual([])
    expect(groups.expiredOwners({ nowMs: 171, expiryMs: 120 })).toEqual([two])
    expect(groups.expiredOwners({ nowMs: 221, expiryMs: 120 })).toEqual([one, two])
  })

  test('the newest heartbeat says how the group consumes', () => {
    const groups = new ConsumerGroups<Owner>()
    groups.heartbeat(clientOf(one), DATA, 0)
    groups.heartbeat(clientOf(one), { ...DATA, messageModel: 'BROADCASTING' }, 1)
    expect(groups.get('g')?.messageModel).toBe('BROADCASTING')
  })
})

describe('subscriptions', () => {
  const expressionAfter = (...versions: bigint[]): string | undefined => {
    const groups = new ConsumerGroups<Owner>()
    for (const version of versions) {
      const subscription = subscriptionOf('T', { version, expression: `v${version}` })
      groups.heartbeat(clientOf(one), dataOf('g', subscription), 0)
    }
    return groups.get('g')?.subscriptions.get('T')?.expression
  }

  test('a newer version replaces an older one, never the other way', () => {
    expect(expressionAfter(1n, 2n)).toBe('v2')
    expect(expressionAfter(2n, 1n)).toBe('v2')
    // Go's versions are nanoseconds: doubles would take these two for one.
    const late = 1_700_000_000_000_000_001n
    expect(expressionAfter(late - 1n, late)).toBe(`v${late}`)
  })

  test('topics that come or go are a change, a newer expression is not', () => {
    const groups = new ConsumerGroups<Owner>()
    const beat = (...subscriptions: Subscription[]): boolean =>
      groups.heartbeat(clientOf(one), dataOf('g', ...subscriptions), 0)
    beat(subscriptionOf('T'))
    expect(beat(subscriptionOf('T', { version: 2n, expression: 'a' }))).toBe(false)
    expect(beat(subscriptionOf('T'), subscriptionOf('U'))).toBe(true)
    expect(groups.subscribersOf('U')).toEqual(['g'])
    expect(beat(subscriptionOf('T'))).toBe(true)
    expect(groups.subscribersOf('U')).toEqual([])
  })
})

test('random histories agree with a plain list of memberships', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const owners = Array.from({ length: 4 }, (_, i): Owner => ({ name: `c${i}` }))
    const groups = new ConsumerGroups<Owner>()
    let model: { group: string; owner: Owner }[] = []
    for (let i = 0; i < 300; i++) {
      const owner = owners[random.below(owners.length)]!
      const group = `g${random.below(3)}`
      const without = model.filter((entry) => entry.owner !== owner || entry.group !== group)
      const choice = random.below(4)
      if (choice === 0) {
        expect(groups.leave(group, owner)).toBe(without.length < model.length)
        model = without
      } else if (choice === 1) {
        const left = groups.removeOwner(owner).sort()
        const expected = model.filter((entry) => entry.owner === owner)
        expect(left).toEqual(expected.map((entry) => entry.group).sort())
        model = model.filter((entry) => entry.owner !== owner)
      } else {
        const isNew = without.length === model.length
        expect(groups.heartbeat(clientOf(owner), dataOf(group), i)).toBe(isNew)
        model = [...without, { group, owner }]
      }
      for (const name of ['g0', 'g1', 'g2']) {
        const expected = model.filter((entry) => entry.group === name)
        const names = expected.map((entry) => entry.owner.name).sort()
        expect(groups.clientIds(name), `seed ${seed} step ${i}`).toEqual(names)
      }
    }
  }
})
