// Goal: the table says of every broker and topic what the registrations amount to, and nothing else.
// Method: a table of states × operations with the route that must follow; each rule of registration
// alone. Random histories are in route-histories.test.ts.

import { describe, expect, test } from 'bun:test'
import { MqError } from '../../src/core/errors.ts'
import { ADDRESS_LENGTH_MAX, QUEUE_COUNT_MAX } from '../../src/core/limits.ts'
import { RouteTable } from '../../src/nameserver/route-table.ts'
import {
  EXPIRY_MS,
  FakeOwner,
  registrationOf,
  routeLine,
  topicOf,
} from '../support/registrations.ts'

const MASTER = '0=10.0.0.1:9700'
const SLAVE = '1=10.0.0.1:9701'
const owner = new FakeOwner()
const newerOwner = new FakeOwner()

const STATES: Record<string, () => RouteTable> = {
  empty: () => new RouteTable(),
  master: () => {
    const table = new RouteTable()
    table.register(registrationOf('a'), owner, 0)
    return table
  },
  reconnected: () => {
    const table = STATES['master']!()
    table.register(registrationOf('a'), newerOwner, 1_000)
    return table
  },
  wiped: () => {
    const table = STATES['master']!()
    table.wipeWritePermission('a')
    return table
  },
  pair: () => {
    const table = STATES['master']!()
    table.register(registrationOf('a', { brokerId: 1 }), newerOwner, 1_000)
    return table
  },
}

const OPERATIONS: Record<string, (table: RouteTable) => unknown> = {
  beat: (table) => table.register(registrationOf('a'), owner, 30_000),
  altered: (table) =>
    table.register(
      registrationOf('a', { counter: 2, topics: [topicOf('T', { readQueueCount: 8 })] }),
      owner,
      30_000,
    ),
  leave: (table) => table.unregister(registrationOf('a')),
  strangerLeaves: (table) => table.unregister(registrationOf('a', { address: '10.0.0.9:1' })),
  closed: (table) => table.connectionClosed(owner),
  silent: (table) => table.evictExpired(EXPIRY_MS + 1),
  wipe: (table) => table.wipeWritePermission('a'),
  allow: (table) => table.addWritePermission('a'),
  forget: (table) => table.deleteTopic('T', null),
  promoted: (table) =>
    table.register(registrationOf('a', { address: '10.0.0.1:9701', counter: 5 }), owner, 30_000),
}

/** What T's route must be afterwards; "refused" if the operation throws. */
const EXPECTED: Record<string, Record<string, string>> = {
  empty: {
    beat: `a ${MASTER} 4r4w6`,
    altered: 'refused',
    leave: '-',
    strangerLeaves: '-',
    closed: '-',
    silent: '-',
    wipe: '-',
    allow: '-',
    forget: '-',
    promoted: 'a 0=10.0.0.1:9701 4r4w6',
  },
  master: {
    beat: `a ${MASTER} 4r4w6`,
    altered: `a ${MASTER} 8r4w6`,
    leave: '-',
    strangerLeaves: `a ${MASTER} 4r4w6`,
    closed: '-',
    silent: '-',
    wipe: `a ${MASTER} 4r4w4`,
    allow: `a ${MASTER} 4r4w6`,
    forget: '-',
    promoted: 'a 0=10.0.0.1:9701 4r4w6',
  },
  reconnected: {
    beat: `a ${MASTER} 4r4w6`,
    altered: `a ${MASTER} 8r4w6`,
    leave: '-',
    strangerLeaves: `a ${MASTER} 4r4w6`,
    closed: `a ${MASTER} 4r4w6`,
    silent: `a ${MASTER} 4r4w6`,
    wipe: `a ${MASTER} 4r4w4`,
    allow: `a ${MASTER} 4r4w6`,
    forget: '-',
    promoted: 'a 0=10.0.0.1:9701 4r4w6',
  },
  wiped: {
    beat: `a ${MASTER} 4r4w4`,
    altered: `a ${MASTER} 8r4w6`,
    leave: '-',
    strangerLeaves: `a ${MASTER} 4r4w4`,
    closed: '-',
    silent: '-',
    wipe: `a ${MASTER} 4r4w4`,
    allow: `a ${MASTER} 4r4w6`,
    forget: '-',
    promoted: 'a 0=10.0.0.1:9701 4r4w6',
  },
  pair: {
    beat: `a ${MASTER}+${SLAVE} 4r4w6`,
    altered: `a ${MASTER}+${SLAVE} 8r4w6`,
    leave: `a ${SLAVE} 4r4w6`,
    strangerLeaves: `a ${MASTER}+${SLAVE} 4r4w6`,
    closed: `a ${SLAVE} 4r4w6`,
    silent: `a ${SLAVE} 4r4w6`,
    wipe: `a ${MASTER}+${SLAVE} 4r4w4`,
    allow: `a ${MASTER}+${SLAVE} 4r4w6`,
    forget: '-',
    promoted: 'a 0=10.0.0.1:9701 4r4w6',
  },
}

describe('state × operation', () => {
  for (const [state, operations] of Object.entries(EXPECTED)) {
    for (const [operation, expected] of Object.entries(operations)) {
      test(`${state}, ${operation}`, () => {
        const table = STATES[state]!()
        let outcome: string
        try {
          OPERATIONS[operation]!(table)
          outcome = routeLine(table, 'T')
        } catch (error) {
          if (!(error instanceof MqError)) throw error
          outcome = 'refused'
        }
        expect(outcome).toBe(expected)
      })
    }
  }
})

describe('registration', () => {
  test('a change of one topic is merged, the others stay', () => {
    const table = STATES['master']!()
    const changed = [topicOf('T', { permission: 4 })]
    table.register(registrationOf('a', { counter: 2, topics: changed }), owner, 1)
    expect(routeLine(table, 'T')).toBe(`a ${MASTER} 4r4w4`)
    expect(routeLine(table, 'U')).toBe(`a ${MASTER} 4r4w6`)
  })

  test('the same data version changes nothing', () => {
    const table = STATES['master']!()
    const before = table.version
    table.register(registrationOf('a', { topics: [topicOf('T', { permission: 2 })] }), owner, 1)
    expect(routeLine(table, 'T')).toBe(`a ${MASTER} 4r4w6`)
    expect(table.version).toBe(before)
  })

  test('a first registration of one topic leaves nothing behind', () => {
    const table = new RouteTable()
    const registration = registrationOf('a', { topics: [topicOf('T')] })
    expect(() => table.register(registration, owner, 0)).toThrow('all its topics')
    expect(table.brokers.count).toBe(0)
    expect(table.brokers.clusters().size).toBe(0)
  })

  test('a replica is told its master, and gives no topics of its own', () => {
    const table = STATES['master']!()
    const topics = [topicOf('OnlyHere'), topicOf('T', { readQueueCount: 1 })]
    const replica = registrationOf('a', { brokerId: 1, topics })
    const { master } = table.register(replica, newerOwner, 0)
    expect(master?.address).toBe('10.0.0.1:9700')
    expect(master?.haServerAddress).toBe('10.0.0.1:9750')
    expect(routeLine(table, 'OnlyHere')).toBe('-')
    expect(routeLine(table, 'T')).toBe(`a ${MASTER}+${SLAVE} 4r4w6`)
  })

  test('without a master the first replica of 5.x speaks for the broker, read-only if it acts', () => {
    for (const [actsAsMaster, line] of [
      [null, '-'],
      [false, `a ${SLAVE} 4r4w6`],
      [true, `a ${SLAVE} 4r4w4`],
    ] as const) {
      const table = new RouteTable()
      table.register(registrationOf('a', { brokerId: 1, actsAsMaster }), owner, 0)
      expect(routeLine(table, 'T')).toBe(line)
    }
  })

  test('a promoted replica leaves its old place', () => {
    const table = STATES['pair']!()
    table.connectionClosed(owner)
    const promoted = registrationOf('a', { address: '10.0.0.1:9701', counter: 9 })
    table.register(promoted, newerOwner, 1)
    expect(table.brokers.replicas('a').map((replica) => replica.brokerId)).toEqual([0])
    expect(routeLine(table, 'T')).toBe('a 0=10.0.0.1:9701 4r4w6')
  })

  test('an older term cannot take the place of a newer one', () => {
    const table = new RouteTable()
    const newer = registrationOf('a')
    newer.dataVersion.stateVersion = 2
    table.register(newer, owner, 0)
    const older = registrationOf('a', { address: '10.0.0.9:1' })
    expect(() => table.register(older, newerOwner, 1)).toThrow('newer term')
    expect(routeLine(table, 'T')).toBe(`a ${MASTER} 4r4w6`)
  })

  test('a broker name belongs to one cluster; the broker itself may move', () => {
    const table = STATES['master']!()
    const elsewhere = registrationOf('a', { cluster: 'D', address: '10.0.0.9:1' })
    expect(() => table.register(elsewhere, newerOwner, 1)).toThrow('alive at 10.0.0.1:9700')
    table.register(registrationOf('a', { cluster: 'D' }), newerOwner, 1)
    expect([...table.brokers.clusters()]).toEqual([['D', ['a']]])
  })

  test.each([
    ['cluster', { cluster: 'no spaces' }],
    ['broker', { brokerName: '../a' }],
    ['broker id', { brokerId: -1 }],
    ['address', { address: 'nowhere' }],
    ['address', { address: '10.0.0.1:0' }],
  ])('a bad %s refuses the registration', (_what, options) => {
    const table = new RouteTable()
    const registration = { ...registrationOf('a'), ...options }
    expect(() => table.register(registration, owner, 0)).toThrow(MqError)
    expect(table.brokers.count).toBe(0)
  })

  test('bad topics are left out and named, the rest is taken', () => {
    const table = new RouteTable()
    const topics = [
      topicOf('../etc'),
      topicOf('x'.repeat(10_000)),
      topicOf('__proto__'),
      topicOf('many', { readQueueCount: QUEUE_COUNT_MAX + 1 }),
      topicOf('negative', { writeQueueCount: -1 }),
      topicOf('T'),
    ]
    const { refusedTopics } = table.register(registrationOf('a', { topics }), owner, 0)
    expect(refusedTopics).toEqual(['../etc', 'x'.repeat(10_000), 'many', 'negative'])
    expect(table.topics.names()).toEqual(['T', '__proto__'])
  })
})

describe('liveness', () => {
  test('a broker is evicted after more than its time, not at it', () => {
    const table = STATES['master']!()
    expect(table.evictExpired(EXPIRY_MS)).toEqual([])
    expect(table.evictExpired(EXPIRY_MS + 1).map((broker) => broker.brokerName)).toEqual(['a'])
  })

  test('each registration may bring its own time', () => {
    const table = new RouteTable()
    table.register(registrationOf('a', { expiryMs: 10_000 }), owner, 0)
    table.register(registrationOf('b'), owner, 0)
    expect(table.evictExpired(10_001).map((broker) => broker.brokerName)).toEqual(['a'])
  })

  test('a heartbeat from the registered address counts, another does not', () => {
    const table = STATES['master']!()
    expect(table.heartbeat({ brokerName: 'a', address: '10.0.0.9:1' }, 60_000)).toBe(false)
    expect(table.heartbeat({ brokerName: 'a', address: '10.0.0.1:9700' }, 60_000)).toBe(true)
    expect(table.evictExpired(60_000 + EXPIRY_MS)).toEqual([])
    expect(table.evictExpired(60_001 + EXPIRY_MS)).toHaveLength(1)
  })

  test('only the connection that registered last takes its broker along', () => {
    const table = STATES['reconnected']!()
    expect(table.connectionClosed(owner)).toEqual([])
    expect(table.connectionClosed(newerOwner).map((broker) => broker.brokerName)).toEqual(['a'])
    expect(table.brokers.clusters().size).toBe(0)
    expect(table.topics.topicCount).toBe(0)
  })
})

describe('topics', () => {
  function twoClusters(): RouteTable {
    const table = new RouteTable()
    const unit = [topicOf('T', { systemFlag: 3 }), topicOf('U', { systemFlag: 2 })]
    table.register(registrationOf('a'), owner, 0)
    table.register(registrationOf('b', { cluster: 'D', topics: unit }), owner, 0)
    return table
  }

  test('are listed by cluster, and deleted there alone if asked', () => {
    const table = twoClusters()
    table.deleteTopic('T', 'D')
    expect(table.topicsOfCluster('C')).toEqual(['T', 'U'])
    expect(table.topicsOfCluster('D')).toEqual(['U'])
    expect(routeLine(table, 'T')).toBe(`a ${MASTER} 4r4w6`)
  })

  test('come back with the next heartbeat if the broker still has them', () => {
    const table = STATES['master']!()
    table.deleteTopic('T', null)
    table.register(registrationOf('a'), owner, 1)
    expect(routeLine(table, 'T')).toBe(`a ${MASTER} 4r4w6`)
  })

  test('can be filtered by their flags', () => {
    const table = twoClusters()
    expect(table.topics.names((queues) => (queues.systemFlag & 1) !== 0)).toEqual(['T'])
    expect(table.topics.names((queues) => (queues.systemFlag & 2) !== 0)).toEqual(['T', 'U'])
  })

  test('permissions change for one broker only, and the count is told', () => {
    const table = twoClusters()
    expect(table.wipeWritePermission('b')).toBe(2)
    expect(table.wipeWritePermission('nobody')).toBe(0)
    expect(routeLine(table, 'T')).toBe(`a ${MASTER} 4r4w6, b 0=10.0.0.1:9800 4r4w4`)
  })

  test('a route by name alone is taken for known brokers', () => {
    const table = STATES['master']!()
    const queues = { readQueueCount: 1, writeQueueCount: 1, permission: 6, systemFlag: 0 }
    table.addTopic('New', [{ brokerName: 'a', ...queues }])
    table.addTopic('Lost', [
      { brokerName: 'a', ...queues },
      { brokerName: 'nobody', ...queues },
    ])
    expect(routeLine(table, 'New')).toBe(`a ${MASTER} 1r1w6`)
    expect(routeLine(table, 'Lost')).toBe('-')
  })
})

test('an address that could be no name is refused: every route would repeat it', () => {
  const table = new RouteTable()
  const long = `${'x'.repeat(ADDRESS_LENGTH_MAX)}:1`
  for (const part of [{ address: long }, { haServerAddress: long }]) {
    expect(() => table.register(registrationOf('a', part), new FakeOwner(), 0)).toThrow(
      'a broker cannot register with',
    )
  }
  expect(table.routeOf('T')).toBeNull()
})
