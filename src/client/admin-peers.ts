// Asking several peers the same thing at once, and keeping count of those that fail; and the few
// questions all administration begins with: which brokers are there, where is the topic.

import { describeError, MqError } from '../core/errors.ts'
import { MASTER_ID } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import type { BrokerSummary, Gathered, PeerAnswer, PeerFailure } from './admin-results.ts'
import type { Client } from './client.ts'
import { compareText } from './message.ts'
import { fetchClusterInfo, fetchRoute } from './nameserver-calls.ts'
import { noRouteError } from './route-errors.ts'

export function asMqError(error: unknown): MqError {
  if (error instanceof MqError) return error
  return new MqError('INTERNAL', describeError(error), { cause: error })
}

/** Asks every peer at once; each question has a time limit of its own. */
export async function askAll<T>(
  peers: readonly string[],
  purpose: string,
  ask: (peer: string) => Promise<T>,
): Promise<Gathered<PeerAnswer<T>[]>> {
  const value: PeerAnswer<T>[] = []
  const failures: PeerFailure[] = []
  const outcomes = await Promise.allSettled(peers.map(ask))
  outcomes.forEach((outcome, at) => {
    const peer = peers[at] as string
    if (outcome.status === 'fulfilled') value.push({ peer, value: outcome.value })
    else failures.push({ peer, purpose, error: asMqError(outcome.reason) })
  })
  return { value, failures }
}

/** Every broker any nameserver lists, by cluster and name. Rejects if no nameserver answers. */
export async function findBrokers(client: Client): Promise<Gathered<BrokerSummary[]>> {
  const { value, failures } = await askAll(
    client.nameservers,
    'the list of brokers',
    (nameserver) => fetchClusterInfo(client.caller, nameserver),
  )
  if (value.length === 0) throw unreachable(failures)
  const found = new Map<string, BrokerSummary>()
  for (const { peer, value: info } of value) {
    for (const { cluster, brokerName, addresses } of info.brokers) {
      for (const [brokerId, address] of addresses) {
        const key = `${cluster} ${brokerName} ${brokerId} ${address}`
        const broker = found.get(key)
        if (broker !== undefined) broker.seenBy.push(peer)
        else found.set(key, { cluster, brokerName, brokerId, address, seenBy: [peer] })
      }
    }
  }
  return { value: [...found.values()].sort(compareBrokers), failures }
}

export function mastersOf(brokers: readonly BrokerSummary[]): BrokerSummary[] {
  return brokers.filter((broker) => broker.brokerId === MASTER_ID)
}

export interface TopicViews {
  /** What each nameserver that knows the topic says, in the order they were given. */
  routes: PeerAnswer<TopicRoute>[]
  /** Nameservers that answered, whether they know it or not. */
  answered: string[]
  failures: PeerFailure[]
}

export async function findTopicViews(client: Client, topic: string): Promise<TopicViews> {
  const { value, failures } = await askAll(
    client.nameservers,
    `the route of ${topic}`,
    (nameserver) => fetchRoute(client.caller, nameserver, topic),
  )
  if (value.length === 0) throw unreachable(failures)
  const routes = value.flatMap(({ peer, value: route }) =>
    route === null ? [] : { peer, value: route },
  )
  return { routes, answered: value.map(({ peer }) => peer), failures }
}

/** The route one nameserver gives. Rejects with TOPIC_NOT_FOUND, naming who was asked. */
export async function requireRoute(
  client: Client,
  topic: string,
): Promise<{ route: TopicRoute; failures: PeerFailure[] }> {
  const { routes, answered, failures } = await findTopicViews(client, topic)
  const first = routes[0]
  if (first !== undefined) return { route: first.value, failures }
  throw noRouteError(topic, [
    ...answered.map((nameserver) => ({ nameserver, error: null, brokerCount: null })),
    ...failures.map(({ peer, error }) => ({ nameserver: peer, error, brokerCount: null })),
  ])
}

/** A peer that is down fails every question; once is enough. */
export function mergeFailures(...lists: (readonly PeerFailure[])[]): PeerFailure[] {
  const seen = new Set<string>()
  return lists.flat().filter(({ peer }) => !seen.has(peer) && seen.add(peer))
}

function unreachable(failures: readonly PeerFailure[]): MqError {
  const answers = failures.map(({ peer, error }) => ({
    nameserver: peer,
    error,
    brokerCount: null,
  }))
  return noRouteError('', answers)
}

function compareBrokers(a: BrokerSummary, b: BrokerSummary): number {
  return (
    compareText(a.cluster, b.cluster) ||
    compareText(a.brokerName, b.brokerName) ||
    a.brokerId - b.brokerId
  )
}
