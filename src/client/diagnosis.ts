// The facts a diagnosis is made of, gathered from every nameserver and broker. It asks, and judges
// nothing: whatever does not answer is a fact as well. Questions under way are bounded, so that a big
// cluster is walked and not stormed.

import type { MqError } from '../core/errors.ts'
import { MASTER_ID, REQUEST } from '../remoting/codes.ts'
import type { ClusterInfo, TopicRoute } from '../remoting/route.ts'
import { decodeTopicConfigs, type TopicConfig } from '../remoting/topic-config.ts'
import type { GroupDescription, ProbeResult, Registrations } from './admin-results.ts'
import { mapBounded } from './bounded.ts'
import type { Client } from './client.ts'
import { ClusterAdmin } from './cluster-admin.ts'
import { describeGroup, fetchGroupNames } from './group-description.ts'
import { compareText } from './message.ts'
import { fetchRoute, fetchTopicList } from './nameserver-calls.ts'
import { probeBrokers } from './probe.ts'
import { isSystemGroupName, isSystemTopicName } from './system-names.ts'

const TOPICS_AT_ONCE = 32
const GROUPS_AT_ONCE = 8
const BROKERS_AT_ONCE = 32

export interface NameserverFacts {
  address: string
  /** Why it did not answer; null if it did, and only then the rest is there. */
  error: MqError | null
  brokers: ClusterInfo['brokers']
  registrations: Registrations | null
  topics: string[]
}

export interface BrokerFacts {
  cluster: string
  brokerName: string
  brokerId: number
  address: string
  /** Nameservers that list it under this address. */
  seenBy: string[]
  probe: ProbeResult
  /** What it tells of itself; null if it did not. */
  runtime: ReadonlyMap<string, string> | null
  clock: { theirMs: number; ourMs: number; roundTripMs: number } | null
  /** Null: not asked (a replica), or no answer. */
  topics: TopicConfig[] | null
}

export interface TopicFacts {
  topic: string
  /** What each nameserver that answered says; null: it does not know the topic. */
  routes: { nameserver: string; route: TopicRoute | null }[]
}

export interface ClusterFacts {
  nameservers: NameserverFacts[]
  brokers: BrokerFacts[]
  topics: TopicFacts[]
}

export async function gatherClusterFacts(client: Client): Promise<ClusterFacts> {
  const admin = new ClusterAdmin(client)
  const [views, registrations] = await Promise.all([admin.views(), admin.registrations()])
  const nameservers = await Promise.all(
    views.map(async ({ nameserver, value, error }): Promise<NameserverFacts> => {
      const registered = registrations.find((view) => view.nameserver === nameserver)
      // What goes away while it is looked at must not end the look at the rest.
      const listed = error === null ? fetchTopicList(client.caller, nameserver) : []
      const topics = await Promise.resolve(listed).catch(() => [])
      return {
        address: nameserver,
        error,
        brokers: value?.brokers ?? [],
        registrations: registered?.value ?? null,
        topics,
      }
    }),
  )
  const brokers = await gatherBrokers(client, nameservers)
  return { nameservers, brokers, topics: await gatherTopics(client, nameservers) }
}

/** Every group that is not a server's own, as its members and brokers describe it now. */
export async function gatherGroups(
  client: Client,
  brokers: readonly BrokerFacts[],
): Promise<GroupDescription[]> {
  const addresses = reachableMasters(brokers)
  const names = new Set<string>()
  await mapBounded(addresses, BROKERS_AT_ONCE, async (address) => {
    const found = await fetchGroupNames(client.caller, address).catch(() => [])
    for (const name of found) if (!isSystemGroupName(name)) names.add(name)
  })
  return describeGroups(client, brokers, [...names].sort(compareText))
}

export async function describeGroups(
  client: Client,
  brokers: readonly BrokerFacts[],
  groups: readonly string[],
): Promise<GroupDescription[]> {
  const addresses = reachableMasters(brokers)
  const described = await mapBounded(groups, GROUPS_AT_ONCE, async (group) => {
    const described = await describeGroup(client, addresses, group).catch(() => null)
    return described?.value ?? null
  })
  return described.filter((group) => group !== null)
}

function reachableMasters(brokers: readonly BrokerFacts[]): string[] {
  return brokers
    .filter(({ brokerId, probe }) => brokerId === MASTER_ID && probe.isReachable)
    .map(({ address }) => address)
}

async function gatherBrokers(
  client: Client,
  nameservers: readonly NameserverFacts[],
): Promise<BrokerFacts[]> {
  const found = new Map<string, Omit<BrokerFacts, 'probe' | 'runtime' | 'clock' | 'topics'>>()
  for (const nameserver of nameservers) {
    for (const { cluster, brokerName, addresses } of nameserver.brokers) {
      for (const [brokerId, address] of addresses) {
        const key = `${cluster} ${brokerName} ${brokerId} ${address}`
        const known = found.get(key)
        if (known !== undefined) known.seenBy.push(nameserver.address)
        else {
          const seenBy = [nameserver.address]
          found.set(key, { cluster, brokerName, brokerId, address, seenBy })
        }
      }
    }
  }
  const listed = [...found.values()].sort(
    (a, b) => compareText(a.brokerName, b.brokerName) || a.brokerId - b.brokerId,
  )
  const probes = await probeBrokers(client, [...new Set(listed.map(({ address }) => address))])
  return mapBounded(listed, BROKERS_AT_ONCE, async (broker): Promise<BrokerFacts> => {
    const probe = probes.get(broker.address) as ProbeResult
    if (!probe.isReachable) return { ...broker, probe, runtime: null, clock: null, topics: null }
    const told = await askRuntime(client, broker.address)
    const isMaster = broker.brokerId === MASTER_ID
    const topics = isMaster ? await askTopics(client, broker.address) : null
    return { ...broker, probe, ...told, topics }
  })
}

async function askRuntime(
  client: Client,
  address: string,
): Promise<Pick<BrokerFacts, 'runtime' | 'clock'>> {
  const { clock } = client.options
  const startedMs = clock.monoMs()
  const runtime = await new ClusterAdmin(client).runtime(address).catch(() => null)
  const roundTripMs = clock.monoMs() - startedMs
  const theirMs = Number(runtime?.get('mqTimeMs') ?? Number.NaN)
  const isTold = Number.isSafeInteger(theirMs)
  return { runtime, clock: isTold ? { theirMs, ourMs: clock.wallMs(), roundTripMs } : null }
}

async function askTopics(client: Client, address: string): Promise<TopicConfig[] | null> {
  const { channels, timeoutMs } = client.caller
  try {
    const answer = await channels.call(address, REQUEST.getAllTopicConfig, { timeoutMs })
    return decodeTopicConfigs(answer.body)
  } catch {
    return null
  }
}

async function gatherTopics(
  client: Client,
  nameservers: readonly NameserverFacts[],
): Promise<TopicFacts[]> {
  const brokers = nameservers.flatMap((nameserver) => nameserver.brokers)
  const owners = new Set(brokers.flatMap(({ cluster, brokerName }) => [cluster, brokerName]))
  const names = new Set(nameservers.flatMap(({ topics }) => topics))
  const own = [...names].filter((topic) => !isSystemTopicName(topic, owners)).sort(compareText)
  const answering = nameservers.filter(({ error }) => error === null)
  return mapBounded(own, TOPICS_AT_ONCE, async (topic): Promise<TopicFacts> => {
    const routes = await Promise.all(
      answering.map(async ({ address }) => ({
        nameserver: address,
        route: await fetchRoute(client.caller, address, topic).catch(() => null),
      })),
    )
    return { topic, routes }
  })
}
