// Goal: what processes cannot cheaply provoke is graded as well: clocks that differ, addresses inside
// containers, versions, lag that grows, topics half made. Method: facts in, findings out.

import { describe, expect, test } from 'bun:test'
import {
  judgeAddresses,
  judgeNameservers,
  judgeRegistrations,
  judgeVersions,
} from '../../src/cli/doctor-cluster.ts'
import type { CheckResult } from '../../src/cli/doctor-findings.ts'
import { judgeLag, judgeOwners } from '../../src/cli/doctor-groups.ts'
import { isNoexec } from '../../src/cli/doctor-local.ts'
import {
  judgeClocks,
  judgeDataFolders,
  judgeDisks,
  judgeTemp,
} from '../../src/cli/doctor-machines.ts'
import { judgeTopics } from '../../src/cli/doctor-topics.ts'
import type { GroupDescription } from '../../src/client/admin-results.ts'
import type { BrokerFacts, NameserverFacts, TopicFacts } from '../../src/client/diagnosis.ts'
import { MqError } from '../../src/core/errors.ts'
import type { TopicConfig } from '../../src/remoting/topic-config.ts'

const GiB = 1024 ** 3

function brokerOf(brokerName: string, changes: Partial<BrokerFacts> = {}): BrokerFacts {
  const address = changes.address ?? `10.0.0.1:${10_911 + brokerName.charCodeAt(0)}`
  return {
    cluster: 'C',
    brokerName,
    brokerId: 0,
    address,
    seenBy: ['ns1:9876'],
    probe: { address, isReachable: true, elapsedMs: 1, error: null },
    runtime: new Map(),
    clock: null,
    topics: [],
    ...changes,
  }
}

function nameserverOf(
  address: string,
  brokerNames: readonly string[],
  changes: Partial<NameserverFacts> = {},
): NameserverFacts {
  const brokers = brokerNames.map((brokerName) => ({
    cluster: 'C',
    brokerName,
    addresses: new Map([[0, `${brokerName}:10911`]]),
  }))
  return { address, error: null, brokers, registrations: null, topics: [], ...changes }
}

/** "grade message" of each finding; every one says what to do. */
function said({ findings }: CheckResult): string[] {
  for (const { fix } of findings) expect(fix.length).toBeGreaterThan(10)
  return findings.map(({ grade, message }) => `${grade} ${message}`)
}

describe('clocks', () => {
  const clockOf = (aheadMs: number, roundTripMs = 0) =>
    brokerOf('a', { clock: { theirMs: 1_000_000 + aheadMs, ourMs: 1_000_000, roundTripMs } })

  test.each([
    ['equal', clockOf(0), []],
    ['less than people notice', clockOf(-900), []],
    ['seconds ahead', clockOf(3_000), ["warning the clock of a is 3 s ahead of this machine's"]],
    [
      'a minute behind',
      clockOf(-60_000),
      ["problem the clock of a is 1 min 0 s behind this machine's"],
    ],
    ['as far apart as the answer took', clockOf(-2_000, 4_000), []],
  ])('%s', (_, broker, expected) => {
    expect(said(judgeClocks([broker], []))).toEqual(expected)
  })

  test("a nameserver's too", () => {
    const clock = { theirMs: 30_000, ourMs: 0, roundTripMs: 0 }
    const registrations = { brokers: [], scanCount: 1, version: null, clock }
    const found = judgeClocks([], [nameserverOf('ns1:9876', [], { registrations })])
    expect(said(found)[0]).toStartWith('problem the clock of nameserver ns1:9876')
  })
})

describe('addresses', () => {
  const silent = (address: string) =>
    brokerOf('a', {
      address,
      probe: {
        address,
        isReachable: false,
        elapsedMs: 3_000,
        error: new MqError('TIMED_OUT', 'no answer'),
      },
    })

  test('inside a container network', () => {
    const [finding] = judgeAddresses([silent('172.18.0.3:10911')], []).findings
    expect(finding?.fix).toContain('container')
    expect(finding?.fix).toContain('--advertise')
    const [other] = judgeAddresses([silent('10.1.2.3:10911')], []).findings
    expect(other?.fix).not.toContain('container')
  })

  test('loopback told to other machines is a problem even where it answers', () => {
    const local = brokerOf('a', { address: '127.0.0.1:10911' })
    const far = judgeAddresses([local], [nameserverOf('10.0.0.9:9876', ['a'])])
    expect(said(far)).toEqual([
      'problem a advertises 127.0.0.1:10911: on every other machine that is the machine itself',
    ])
    expect(said(judgeAddresses([local], [nameserverOf('127.0.0.1:9876', ['a'])]))).toEqual([])
  })
})

describe('nameservers', () => {
  test('two brokers of one name', () => {
    const other = nameserverOf('ns2:9876', [], {
      brokers: [{ cluster: 'C', brokerName: 'a', addresses: new Map([[0, 'b:10911']]) }],
    })
    expect(said(judgeRegistrations([nameserverOf('ns1:9876', ['a']), other]))).toEqual([
      'problem two brokers call themselves a: a:10911 and b:10911',
    ])
  })

  test('near expiry: from half of it on, with the time left', () => {
    const of = (lastHeartbeatAgeMs: number): CheckResult => {
      const broker = {
        brokerName: 'a',
        cluster: 'C',
        brokerId: 0,
        address: 'a:10911',
        expiryMs: 120_000,
        topicCount: 1,
        isDraining: false,
        lastHeartbeatAgeMs,
      }
      const registrations = { brokers: [broker], scanCount: 1, version: null, clock: null }
      return judgeRegistrations([nameserverOf('ns1:9876', ['a'], { registrations })])
    }
    expect(said(of(59_000))).toEqual([])
    expect(said(of(75_000))).toEqual([
      'problem ns1:9876 last heard of a 1 min 15 s ago and forgets it in 45 s',
    ])
  })

  test('one that is silent is a problem, one alone a warning', () => {
    const error = new MqError('UNREACHABLE', 'refused')
    const down = nameserverOf('ns2:9876', [], { error })
    expect(judgeNameservers([nameserverOf('ns1:9876', []), down]).grade).toBe('problem')
    expect(judgeNameservers([nameserverOf('ns1:9876', [])]).grade).toBe('warning')
  })
})

test('versions that differ', () => {
  const of = (version: string) => new Map([['mqVersion', version]])
  const brokers = [brokerOf('a', { runtime: of('1.0.0') }), brokerOf('b', { runtime: of('1.1.0') })]
  expect(said(judgeVersions(brokers, []))).toEqual([
    'warning versions differ: 1.0.0 (a), 1.1.0 (b)',
  ])
  expect(said(judgeVersions(brokers.slice(1), []))).toEqual([])
})

describe('topics', () => {
  const configOf = (name: string, changes: Partial<TopicConfig> = {}): TopicConfig => ({
    name,
    readQueueCount: 4,
    writeQueueCount: 4,
    permission: 6,
    systemFlag: 0,
    isOrdered: false,
    ...changes,
  })
  const routeOf = (counts: Record<string, number>) => ({
    brokers: [],
    queues: Object.entries(counts).map(([brokerName, count]) => ({
      brokerName,
      readQueueCount: count,
      writeQueueCount: count,
      permission: 6,
      systemFlag: 0,
    })),
    orderConfig: null,
  })
  const judged = (counts: Record<string, number>, brokers: BrokerFacts[], second = counts) => {
    const topics: TopicFacts[] = [
      {
        topic: 't',
        routes: [
          { nameserver: 'ns1:9876', route: routeOf(counts) },
          { nameserver: 'ns2:9876', route: routeOf(second) },
        ],
      },
    ]
    const names = brokers.map(({ brokerName }) => brokerName)
    const nameservers = [nameserverOf('ns1:9876', names), nameserverOf('ns2:9876', names)]
    return said(judgeTopics({ topics, brokers, nameservers }))
  }
  const both = [
    brokerOf('a', { topics: [configOf('t')] }),
    brokerOf('b', { topics: [configOf('t')] }),
  ]

  test('the same everywhere, on two brokers', () => {
    expect(judged({ a: 4, b: 4 }, both)).toEqual([])
  })

  test('spread unevenly, from twice as many on', () => {
    expect(judged({ a: 4, b: 7 }, both)).toEqual([])
    expect(judged({ a: 4, b: 8 }, both)).toEqual([
      'warning t is spread unevenly: 4 queues on a, 8 on b',
    ])
  })

  test('no queues to write to at all is not uneven', () => {
    expect(judged({ a: 0, b: 0 }, both)).toEqual([
      'warning nobody can send to t: it has no writable queue',
    ])
  })

  test('listed by one nameserver only, though the other knows the broker', () => {
    expect(judged({ a: 4, b: 4 }, both, { a: 4 })).toEqual([
      'problem ns2:9876 does not list t on b, other nameservers do',
    ])
  })

  test('half made: listed without being there, meant to be there, there without being listed', () => {
    const [a] = both as [BrokerFacts, BrokerFacts]
    expect(judged({ a: 4, b: 4 }, [a, brokerOf('b')])).toEqual([
      'problem t is listed on b, which does not have it: sends there fail',
    ])
    const plan = [
      { brokerName: 'a', queueCount: 4 },
      { brokerName: 'b', queueCount: 4 },
    ]
    const planned = brokerOf('a', { topics: [configOf('t', { plan })] })
    expect(judged({ a: 4 }, [planned, brokerOf('b')])).toContain(
      'problem t is half made: it was meant to be on b as well',
    )
    expect(judged({ a: 4 }, both)).toContain('problem b has t, but no nameserver lists it there')
  })

  test('R51: made twice: worth knowing until its brokers know of each other', () => {
    const born = (of: (at: number) => Partial<TopicConfig>): string[] => {
      const brokers = both.map((broker, at) => ({ ...broker, topics: [configOf('t', of(at))] }))
      return judged({ a: 4, b: 4 }, brokers)
    }
    expect(born((at) => ({ birthId: `${at}` }))).toEqual([
      "warning t was made 2 times, on brokers that do not all know of each other's part yet",
    ])
    expect(born((at) => ({ birthId: `${at}`, twinIds: [`${1 - at}`] }))).toEqual([])
    expect(born(() => ({ birthId: 'x' }))).toEqual([])
  })
})

describe('groups', () => {
  const groupOf = (lag: number, committed: number, memberCount = 1): GroupDescription => ({
    group: 'g',
    messageModel: 'CLUSTERING',
    members: Array.from({ length: memberCount }, (_, i) => ({
      clientId: `c${i}`,
      address: '',
      language: 'JAVA',
      version: 407,
      brokers: [],
      heldQueueCount: 1,
      subscriptions: [],
    })),
    subscriptions: [],
    unequalSubscriptions: [],
    queues: [
      {
        topic: 't',
        brokerName: 'a',
        queueId: 0,
        minOffset: 0,
        maxOffset: committed + lag,
        lastStoreTimeMs: null,
        committedOffset: committed,
        lag,
        owner: 'c0',
        owners: ['c0'],
        ownership: 'one',
        expectedOwner: 'c0',
      },
    ],
    queuesWithoutOwner: 0,
    queuesWithTwoOwners: 0,
  })

  test.each([
    ['shrinks', groupOf(100, 0), groupOf(50, 50), []],
    [
      'grows',
      groupOf(100, 0),
      groupOf(150, 50),
      ['warning group g falls behind: 50 more in 6 s, 150 in all'],
    ],
    [
      'stands',
      groupOf(100, 7),
      groupOf(100, 7),
      ['warning group g is 100 messages behind and finished none in 6 s'],
    ],
    ['is none', groupOf(0, 7), groupOf(0, 7), []],
    [
      'has no members',
      groupOf(5, 0, 0),
      groupOf(5, 0, 0),
      ['warning group g is 5 messages behind and has no members'],
    ],
  ])('a backlog that %s', (_, before, after, expected) => {
    expect(said(judgeLag([after], [before], 6_000))).toEqual(expected)
  })

  test('queues are named, however many there are', () => {
    const group = groupOf(0, 0)
    const queues = Array.from({ length: 30 }, (_, queueId) => ({
      ...group.queues[0]!,
      queueId,
      owners: [],
      owner: null,
      ownership: 'none' as const,
    }))
    const [finding] = said(judgeOwners([{ ...group, queues }]))
    expect(finding).toStartWith('problem nobody of group g holds t@a:0, t@a:1')
    expect(finding).toEndWith('and 10 more')
  })
})

describe('machines', () => {
  const diskOf = (values: Record<string, string>) =>
    said(judgeDisks([brokerOf('a', { runtime: new Map(Object.entries(values)) })]))
  const space = (freeBytes: number, totalBytes: number) => ({
    mqDiskFreeBytes: String(freeBytes),
    mqDiskTotalBytes: String(totalBytes),
  })

  test('disks', () => {
    expect(diskOf(space(50 * GiB, 100 * GiB))).toEqual([])
    expect(diskOf(space(5 * GiB, 100 * GiB))).toEqual([
      'warning a has 5 GiB of 100 GiB left on its disk',
    ])
    expect(diskOf(space(GiB / 4, GiB))[0]).toStartWith('problem a has 256 MiB')
    expect(diskOf({ mqStore: 'failed' })[0]).toStartWith('problem the store of a has failed')
    // An Apache broker tells none of this.
    expect(diskOf({ brokerVersionDesc: 'V5_3_3' })).toEqual([])
  })

  test('noexec, by the mount that is nearest', () => {
    const mounts = [
      'none / ext4 rw,relatime 0 0',
      'none /tmp tmpfs rw,nosuid,noexec 0 0',
      'none /tmp/a\\040b tmpfs rw 0 0',
      'none /tm tmpfs noexec 0 0',
    ].join('\n')
    const cases: [string, boolean][] = [
      ['/tmp', true],
      ['/tmp/x/y', true],
      ['/tmp/a b/c', false],
      ['/tmpfiles', false],
      ['/', false],
      ['/tm/p', true],
    ]
    for (const [path, expected] of cases) expect(isNoexec(mounts, path), path).toBe(expected)
    expect(isNoexec(`${mounts}\nnone /tmp tmpfs rw 0 0`, '/tmp')).toBe(false)
  })

  test('a temporary folder of which nothing is known is no problem', () => {
    const facts = { folder: '/tmp', error: null, isNoexec: null, freeBytes: null }
    expect(said(judgeTemp(facts))).toEqual([])
  })

  test('data folders that lost files', () => {
    const facts = {
      folder: '/data',
      error: null,
      freeBytes: GiB,
      hasIdentity: true,
      segments: ['1.db'],
      foreign: [],
      isUnsynced: false,
    }
    expect(said(judgeDataFolders([facts]))).toEqual([])
    expect(said(judgeDataFolders([{ ...facts, segments: [] }]))[0]).toContain('no segments')
    expect(said(judgeDataFolders([{ ...facts, hasIdentity: false }]))[0]).toContain('no identity')
    expect(said(judgeDataFolders([{ ...facts, isUnsynced: true }]))[0]).toStartWith('warning')
    expect(said(judgeDataFolders([{ ...facts, freeBytes: 1 }]))[0]).toStartWith('problem')
  })
})
