// `mq route`: where a topic is, as each nameserver sees it. Nameservers do not talk to each other, so
// their views may differ for a while; --diff shows where.

import { Admin } from '../client/admin.ts'
import type { NameserverView, ProbeResult } from '../client/admin-results.ts'
import type { Client } from '../client/client.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { checkTopicName } from '../core/names.ts'
import type { TopicRoute } from '../remoting/route.ts'
import {
  CLIENT_OPTIONS,
  JSON_OPTION,
  TIME_LIMIT,
  TIMEOUT_OPTION,
  withClient,
} from './client-session.ts'
import type { Command, Invocation } from './command.ts'
import { stateColumn } from './drain-state.ts'
import type { Column } from './output.ts'
import {
  type FollowLimits,
  followRoutes,
  readFollowLimits,
  WATCH_OPTIONS,
} from './route-following.ts'
import {
  type RegistrationRow,
  type RouteDifference,
  type RouteRow,
  registrationRows,
  routeDifferences,
  routeRows,
} from './route-rows.ts'
import { formatDuration } from './units.ts'

const DEFAULT_CLUSTER = 'DefaultCluster'

export const route: Command = {
  usage: '[topic]',
  summary: 'Shows the brokers and queues of a topic as each nameserver sees them.',
  examples: [
    { command: 'mq route orders', does: 'queues, permissions, age of the last heartbeat' },
    { command: 'mq route orders --probe', does: 'and whether each address answers' },
    { command: 'mq route orders --diff', does: 'only where nameservers disagree' },
    { command: 'mq route --brokers', does: 'every registered broker' },
    { command: 'mq route orders --watch', does: 'then each change as it happens, until Ctrl-C' },
    { command: 'mq route --brokers --watch', does: 'who joins and who leaves' },
  ],
  options: [
    { flag: '--brokers', help: 'brokers and their heartbeats, whatever the topic' },
    { flag: '--diff', help: 'print where the nameservers disagree; exit code 7 if they do' },
    { flag: '--probe', help: 'connect to each advertised address' },
    ...WATCH_OPTIONS,
    ...CLIENT_OPTIONS,
    TIMEOUT_OPTION,
    JSON_OPTION,
  ],
  timeLimit: `${TIME_LIMIT} --watch goes on until Ctrl-C, --count or --duration.`,
  notes: [
    'Nameservers of this product push changes to --watch; others are asked every second. It says which.',
  ],
  async run(invocation) {
    const topic = invocation.args[0]
    if (topic !== undefined) checkTopicName(topic)
    if (topic === undefined && !invocation.flags.isSet('brokers')) {
      throw new MqError('USAGE', 'which topic? TOPIC is missing', { hint: 'mq route --brokers' })
    }
    const follow = readFollowLimits(invocation)
    if (follow !== null) return watch(invocation, topic, follow)
    return withClient(invocation, ({ client }) => showOnce(invocation, client, topic))
  },
}

async function showOnce(
  invocation: Invocation,
  client: Client,
  topic: string | undefined,
): Promise<number> {
  const admin = new Admin(client)
  const registrations = await admin.cluster.registrations()
  if (topic === undefined) return showBrokers(invocation, registrations)
  const routes = await admin.cluster.routes(topic)
  const answered = checkAnswered(topic, routes)
  const rows = routeRows(topic, routes, registrations)
  const failureCode = reportSilent(invocation, routes)
  if (invocation.flags.isSet('diff')) {
    return showDifferences(invocation, routeDifferences(answered, rows)) || failureCode
  }
  if (!invocation.flags.isSet('probe')) {
    invocation.output.rows(ROUTE_COLUMNS, rows)
    return failureCode
  }
  const addresses = [...new Set(rows.map((row) => row.address))]
  const probes = await Promise.all(addresses.map((address) => admin.cluster.probe(address)))
  return showProbed(invocation, rows, probes) || failureCode
}

/** What is not there yet may come: only a cluster that cannot be reached at all is an error. */
async function watch(
  invocation: Invocation,
  topic: string | undefined,
  limits: FollowLimits,
): Promise<number> {
  const followed = await withClient(invocation, async ({ client, nameservers }) => {
    const { cluster } = new Admin(client)
    // Every broker has the topic that is named after its cluster.
    const views = topic === undefined ? await cluster.views() : []
    const clusters = views.flatMap(({ value }) => [...(value?.clusters.keys() ?? [])])
    const topics = topic === undefined ? [...new Set([...clusters, DEFAULT_CLUSTER])] : [topic]
    const known = new Map<string, ReadonlyMap<string, TopicRoute | null>>()
    for (const each of topics) {
      const routes = await cluster.routes(each)
      known.set(each, new Map(routes.map(({ nameserver, value }) => [nameserver, value])))
    }
    try {
      await showOnce(invocation, client, topic)
    } catch (error) {
      if (!(error instanceof MqError) || error.code !== 'TOPIC_NOT_FOUND') throw error
      invocation.note(`note: ${error.message}, waiting for it`)
    }
    return { nameservers, topics, known }
  })
  return followRoutes(invocation, { ...followed, ...limits })
}

const ROUTE_COLUMNS: readonly Column<RouteRow>[] = [
  { title: 'nameserver', value: (row) => row.nameserver },
  { title: 'cluster', value: (row) => row.cluster },
  { title: 'broker', value: (row) => row.brokerName },
  { title: 'id', value: (row) => String(row.brokerId), align: 'right' },
  { title: 'address', value: (row) => row.address },
  { title: 'read', value: (row) => String(row.readQueueCount), align: 'right' },
  { title: 'write', value: (row) => String(row.writeQueueCount), align: 'right' },
  { title: 'permission', value: (row) => row.permission },
  { title: 'heartbeat', value: (row) => ageText(row.lastHeartbeatAgeMs), align: 'right' },
  stateColumn(),
]

const BROKER_COLUMNS: readonly Column<RegistrationRow>[] = [
  { title: 'nameserver', value: (row) => row.nameserver },
  { title: 'cluster', value: (row) => row.cluster },
  { title: 'broker', value: (row) => row.brokerName },
  { title: 'id', value: (row) => String(row.brokerId), align: 'right' },
  { title: 'address', value: (row) => row.address },
  { title: 'topics', value: (row) => String(row.topicCount), align: 'right' },
  { title: 'heartbeat', value: (row) => ageText(row.lastHeartbeatAgeMs), align: 'right' },
  { title: 'expires after', value: (row) => formatDuration(row.expiryMs), align: 'right' },
  stateColumn(),
]

const DIFFERENCE_COLUMNS: readonly Column<RouteDifference>[] = [
  { title: 'broker', value: (row) => row.brokerName },
  { title: 'nameserver', value: (row) => row.nameserver },
  {
    title: 'seen as',
    value: (row) => row.seen ?? 'absent',
    paint: (row, palette) => (row.seen === null ? palette.red : undefined),
  },
  { title: 'heartbeat', value: (row) => ageText(row.lastHeartbeatAgeMs) },
]

function showBrokers(
  invocation: Invocation,
  views: Parameters<typeof registrationRows>[0],
): number {
  const answered = views.filter((view) => view.value !== null)
  if (answered.length === 0) throw views[0]?.error ?? noNameserver()
  for (const { nameserver, value } of answered) {
    if (value?.brokers === null) {
      invocation.note(`note: ${nameserver} does not tell when it last heard of its brokers`)
    }
  }
  invocation.output.rows(BROKER_COLUMNS, registrationRows(views))
  return reportSilent(invocation, views)
}

function showDifferences(invocation: Invocation, differences: readonly RouteDifference[]): number {
  invocation.output.rows(DIFFERENCE_COLUMNS, differences)
  if (differences.length > 0) return EXIT.partial
  if (invocation.output.isTerminal) invocation.note('the nameservers agree')
  return EXIT.ok
}

function showProbed(
  invocation: Invocation,
  rows: readonly RouteRow[],
  probes: readonly ProbeResult[],
): number {
  const probed = rows.map((row) => {
    const probe = probes.find(({ address }) => address === row.address)
    return {
      ...row,
      isReachable: probe?.isReachable ?? false,
      probeMs: Math.round((probe?.elapsedMs ?? 0) * 10) / 10,
      probeError: probe?.error?.message ?? null,
    }
  })
  const columns: Column<(typeof probed)[number]>[] = [
    ...ROUTE_COLUMNS,
    {
      title: 'probe',
      value: (row) => (row.isReachable ? `answers (${row.probeMs} ms)` : (row.probeError ?? 'no')),
      paint: (row, palette) => (row.isReachable ? palette.green : palette.red),
    },
  ]
  invocation.output.rows(columns, probed)
  return probed.every((row) => row.isReachable) ? EXIT.ok : EXIT.partial
}

/** The nameservers that answered; throws if none did, or none knows the topic. */
function checkAnswered(topic: string, views: readonly NameserverView<unknown>[]): string[] {
  const answered = views.filter((view) => view.error === null).map((view) => view.nameserver)
  if (answered.length === 0) throw views[0]?.error ?? noNameserver()
  if (views.every((view) => view.value === null)) {
    throw new MqError('TOPIC_NOT_FOUND', `no topic "${topic}" at ${answered.join(' and ')}`, {
      hint: `mq topic create ${topic} --queues 8`,
    })
  }
  return answered
}

function reportSilent(invocation: Invocation, views: readonly NameserverView<unknown>[]): number {
  const silent = views.filter((view) => view.error !== null)
  for (const { nameserver, error } of silent) {
    invocation.note(`warning: no answer from ${nameserver}: ${error?.message ?? ''}`)
  }
  return silent.length === 0 ? EXIT.ok : EXIT.partial
}

function noNameserver(): MqError {
  return new MqError('UNREACHABLE', 'no nameserver answered')
}

function ageText(ms: number | null): string {
  return ms === null ? 'unknown' : `${formatDuration(ms)} ago`
}
