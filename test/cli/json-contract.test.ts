// Goal: --json prints the fields that docs/JSON.md promises, no more and no fewer, with those types.
// Method: every command against a cluster with one message and one group.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { jsonLines, mq } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let cluster: CliCluster
const contract = readFileSync(resolve(import.meta.dir, '../../docs/JSON.md'), 'utf8')

const TEXT = 'text'
const NUMBER = 'number'
const BOOLEAN = 'boolean'
const TEXTS = [TEXT]
const orNull = (type: string): string => `${type} or null`
const QUEUE = { topic: TEXT, brokerName: TEXT, queueId: NUMBER }
const STATS = { ...QUEUE, minOffset: NUMBER, maxOffset: NUMBER, lastStoreTimeMs: orNull(NUMBER) }
const SUBSCRIPTION = { topic: TEXT, expression: TEXT }
const PLACEMENT = {
  topic: TEXT,
  brokerName: TEXT,
  address: TEXT,
  readQueueCount: NUMBER,
  writeQueueCount: NUMBER,
  permission: TEXT,
}
const BROKER_QUEUES = {
  brokerName: TEXT,
  address: TEXT,
  beforeCount: NUMBER,
  afterCount: NUMBER,
  newQueueIds: [NUMBER],
  retiredQueueIds: [NUMBER],
}
const ROUTE = {
  nameserver: TEXT,
  cluster: TEXT,
  brokerId: NUMBER,
  ...PLACEMENT,
  lastHeartbeatAgeMs: orNull(NUMBER),
  isDraining: orNull(BOOLEAN),
}
const MESSAGE = {
  ...QUEUE,
  queueOffset: NUMBER,
  messageId: TEXT,
  key: orNull(TEXT),
  tag: orNull(TEXT),
  properties: { colour: TEXT },
  flag: NUMBER,
  bornTimeMs: NUMBER,
  bornHost: TEXT,
  storeTimeMs: NUMBER,
  storeHost: TEXT,
  reconsumeTimes: NUMBER,
}

/** The shape of a value, in the words of the contract, guided by the shape that is wanted. */
function shapeOf(value: unknown, wanted: unknown): unknown {
  const base = typeof value === 'string' ? TEXT : typeof value
  if (typeof wanted === 'string') {
    const isOptional = wanted.endsWith(' or null')
    if (isOptional && (value === null || base === wanted.slice(0, -8))) return wanted
    return value === null ? 'null' : base
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return base
    const wrong = value
      .map((item) => shapeOf(item, wanted[0]))
      .find((s) => !Bun.deepEquals(s, wanted[0]))
    return [wrong ?? wanted[0]]
  }
  if (typeof value !== 'object' || value === null) return base
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      shapeOf(item, (wanted as Record<string, unknown>)[name] ?? 'unexpected'),
    ]),
  )
}

beforeAll(async () => {
  cluster = await CliCluster.start()
  const prepare = [
    ['topic', 'create', 'orders', '--queues', '2'],
    ['produce', 'orders', '--body', 'a', '--property', 'colour=blue'],
    ['consume', 'orders', '--group', 'g', '--count', '1', '--timeout', '10s'],
  ]
  for (const words of prepare) await mq(words, { env: cluster.env })
})
afterAll(async () => {
  await cluster.stop()
})

const CASES: [string[], object][] = [
  [['consume', 'orders', '--json'], { ...MESSAGE, body: TEXT }],
  [
    ['produce', 'orders', '--body', 'b', '--receipts'],
    {
      brokerName: TEXT,
      queueId: NUMBER,
      queueOffset: NUMBER,
      offsetMessageId: TEXT,
      messageId: TEXT,
      attempts: NUMBER,
      isDurable: BOOLEAN,
    },
  ],
  [['route', 'orders', '--json'], ROUTE],
  [
    ['route', 'orders', '--probe', '--json'],
    { ...ROUTE, isReachable: BOOLEAN, probeMs: NUMBER, probeError: orNull(TEXT) },
  ],
  [
    ['route', '--brokers', '--json'],
    {
      nameserver: TEXT,
      cluster: TEXT,
      brokerName: TEXT,
      brokerId: NUMBER,
      address: TEXT,
      topicCount: NUMBER,
      lastHeartbeatAgeMs: NUMBER,
      expiryMs: NUMBER,
      isDraining: BOOLEAN,
    },
  ],
  [['topic', 'list', '--json'], { topic: TEXT, isSystem: BOOLEAN, seenBy: TEXTS }],
  [
    ['topic', 'show', 'orders', '--json'],
    {
      topic: TEXT,
      placements: [PLACEMENT],
      queues: [STATS],
      missing: [{ brokerName: TEXT, queueCount: NUMBER }],
      change: orNull(TEXT),
      changingTo: orNull(NUMBER),
    },
  ],
  [['topic', 'create', 'made', '--json'], PLACEMENT],
  [
    ['topic', 'plan', 'made', '--queues', '10', '--json'],
    {
      topic: TEXT,
      queueCount: NUMBER,
      isNeeded: BOOLEAN,
      inProgress: 'null',
      spreadBefore: NUMBER,
      spreadAfter: NUMBER,
      brokers: [BROKER_QUEUES],
    },
  ],
  [
    ['topic', 'alter', 'made', '--queues', '10', '--json'],
    {
      topic: TEXT,
      order: TEXT,
      isChanged: BOOLEAN,
      isResumed: BOOLEAN,
      brokers: [BROKER_QUEUES],
      pauses: [{ brokerName: TEXT, queueId: NUMBER, pauseMs: NUMBER }],
      longestPauseMs: NUMBER,
      leftBehind: [{ group: TEXT, memberCount: NUMBER, messageCount: NUMBER }],
      unowned: [{ group: TEXT, brokerName: TEXT, queueId: NUMBER }],
      elapsedMs: NUMBER,
    },
  ],
  [['topic', 'alter', 'made', '--permission', 'r', '--json'], PLACEMENT],
  [
    ['topic', 'migrate', 'made', 'moved', '--json'],
    {
      source: TEXT,
      target: TEXT,
      queueCount: NUMBER,
      copiedCount: NUMBER,
      isResumed: BOOLEAN,
    },
  ],
  [['topic', 'delete', 'made', '--json'], { topic: TEXT, brokerName: TEXT }],
  [['group', 'list', '--json'], { group: TEXT, topics: TEXTS, memberCount: NUMBER }],
  [
    ['group', 'show', 'g', '--json'],
    {
      group: TEXT,
      messageModel: orNull(TEXT),
      members: [
        {
          clientId: TEXT,
          address: TEXT,
          language: TEXT,
          version: NUMBER,
          brokers: TEXTS,
          heldQueueCount: orNull(NUMBER),
          subscriptions: [SUBSCRIPTION],
        },
      ],
      subscriptions: [SUBSCRIPTION],
      unequalSubscriptions: [
        { topic: TEXT, wants: [{ expression: orNull(TEXT), clientIds: TEXTS }] },
      ],
      queues: [
        {
          ...STATS,
          committedOffset: orNull(NUMBER),
          lag: NUMBER,
          owner: orNull(TEXT),
          owners: TEXTS,
          ownership: TEXT,
          expectedOwner: orNull(TEXT),
        },
      ],
      queuesWithoutOwner: NUMBER,
      queuesWithTwoOwners: NUMBER,
    },
  ],
  [
    ['group', 'reset', 'g', '--topic', 'orders', '--to', 'start', '--json'],
    { ...QUEUE, before: orNull(NUMBER), after: NUMBER },
  ],
  [
    ['cluster', '--json'],
    {
      cluster: TEXT,
      brokerName: TEXT,
      brokerId: NUMBER,
      address: TEXT,
      seenBy: TEXTS,
      version: orNull(TEXT),
      isDraining: orNull(BOOLEAN),
    },
  ],
  [
    ['doctor', '--probe', '--json'],
    {
      isHealthy: BOOLEAN,
      checks: [
        {
          check: TEXT,
          grade: TEXT,
          summary: TEXT,
          findings: [{ grade: TEXT, message: TEXT, fix: TEXT }],
        },
      ],
      metrics: {
        problems: NUMBER,
        warnings: NUMBER,
        nameservers: NUMBER,
        nameservers_unreachable: NUMBER,
        brokers: NUMBER,
        brokers_unreachable: NUMBER,
        topics: NUMBER,
        groups: NUMBER,
        groups_with_unequal_subscriptions: NUMBER,
        queues_without_owner: NUMBER,
        queues_with_two_owners: NUMBER,
        lag: NUMBER,
      },
      probes: [
        {
          brokerName: TEXT,
          address: TEXT,
          isReachable: BOOLEAN,
          elapsedMs: NUMBER,
          error: orNull(TEXT),
        },
      ],
    },
  ],
  [
    ['sim', '--seed', '5', '--work', '1s', '--json'],
    {
      seed: NUMBER,
      isOk: BOOLEAN,
      violations: [{ invariant: TEXT, what: TEXT, count: NUMBER }],
      virtualMs: NUMBER,
      eventCount: NUMBER,
      sentCount: NUMBER,
      acknowledgedCount: NUMBER,
      deliveredCount: NUMBER,
      faults: [{ kind: TEXT, count: NUMBER }],
      trace: TEXT,
    },
  ],
  [
    ['explain', 'TIMED_OUT', '--json'],
    {
      kind: TEXT,
      name: TEXT,
      exitCode: orNull(NUMBER),
      wireCode: orNull(NUMBER),
      means: TEXT,
      causes: TEXTS,
      fix: TEXT,
    },
  ],
  [
    ['drain', 'broker-b', '--limit', '1s', '--route-interval', '100ms', '--json'],
    {
      brokerName: TEXT,
      address: TEXT,
      isDrained: BOOLEAN,
      isOrdered: BOOLEAN,
      pid: orNull(NUMBER),
      isStopped: BOOLEAN,
      elapsedMs: NUMBER,
      sends: orNull(NUMBER),
      lastSendAgeMs: orNull(NUMBER),
      unreadQueueCount: orNull(NUMBER),
      unreadMessageCount: orNull(NUMBER),
      unread: [{ group: TEXT, topic: TEXT, queueId: NUMBER, lag: NUMBER }],
    },
  ],
  [['undrain', 'broker-b', '--json'], { brokerName: TEXT, address: TEXT, isOrdered: BOOLEAN }],
  [
    ['bench', 'nameserver', '--brokers', '3', '--topics', '5', '--clients', '5', '--json'].concat([
      '--duration',
      '100ms',
      '--rounds',
      '1',
    ]),
    {
      phase: TEXT,
      operations: NUMBER,
      elapsedMs: NUMBER,
      perSecond: NUMBER,
      p50Ms: orNull(NUMBER),
      p99Ms: orNull(NUMBER),
      maxMs: orNull(NUMBER),
      cpuMicrosPerOperation: orNull(NUMBER),
      cpuPercent: orNull(NUMBER),
      residentBytes: orNull(NUMBER),
    },
  ],
  [
    ['bench', 'produce', '--count', '10', '--json'],
    {
      operation: TEXT,
      topic: TEXT,
      messages: NUMBER,
      failed: NUMBER,
      bodyBytes: NUMBER,
      elapsedMs: NUMBER,
      messagesPerSecond: NUMBER,
      p50Ms: orNull(NUMBER),
      p99Ms: orNull(NUMBER),
      maxMs: orNull(NUMBER),
      serverCpuMicrosPerMessage: orNull(NUMBER),
    },
  ],
  [['version', '--json'], { version: TEXT, bun: TEXT, platform: TEXT, protocolVersion: NUMBER }],
  [
    ['broker', '--explain', '--json'],
    { flush: TEXT, acknowledgedMeans: TEXT, survives: TEXT, mayLose: TEXT },
  ],
]

for (const [words, shape] of CASES) {
  test(`mq ${words.join(' ')}`, async () => {
    const { text, stderr } = await mq(words, { env: cluster.env })
    const objects = jsonLines<object>(text)
    expect(objects.length, stderr).toBeGreaterThan(0)
    for (const object of objects) expect(shapeOf(object, shape)).toEqual(shape)
    for (const name of Object.keys(shape)) expect(contract).toContain(`\`${name}\``)
  })
}

test('mq config show --json', async () => {
  const { text } = await mq(['config', 'show', '--json'])
  for (const row of jsonLines<object>(text)) {
    expect(Object.keys(row)).toEqual(['role', 'key', 'value', 'origin'])
  }
  const explained = await mq(['config', 'explain', '--json'])
  const fields = ['key', 'role', 'type', 'default', 'meaning', 'value', 'origin', 'reload']
  for (const row of jsonLines<object>(explained.text)) expect(Object.keys(row)).toEqual(fields)
})
