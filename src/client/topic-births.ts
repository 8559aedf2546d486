// What the brokers themselves say of a topic: whether they have it, which one of that name it is, and
// where its maker wanted queues. Routes tell none of this.

import { MASTER_ID, REQUEST, RESPONSE } from '../remoting/codes.ts'
import { parseLenientObject } from '../remoting/lenient-json.ts'
import type { TopicRoute } from '../remoting/route.ts'
import {
  birthIdsOf,
  type PlannedQueues,
  type TopicConfig,
  topicConfigFromJson,
} from '../remoting/topic-config.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import { askAll, findBrokers, mastersOf } from './admin-peers.ts'
import type { BrokerSummary, PeerFailure } from './admin-results.ts'
import type { Client } from './client.ts'
import { masterAddress } from './publish-queues.ts'

/** What a broker is told of a topic besides its own part. */
export interface TopicBirth {
  birthId: string
  plan?: readonly PlannedQueues[]
}

export interface TopicAtBroker extends BrokerSummary {
  /** Null: it does not have the topic, or cannot tell (Apache's before 5.0). */
  config: TopicConfig | null
}

export interface TopicBirths {
  /** Every broker that answered. */
  brokers: TopicAtBroker[]
  /** What the topic was born with: one, unless it was made twice by people who did not see each other. */
  birthIds: string[]
  /** Where its maker wanted queues; null if nobody knows any more. */
  plan: PlannedQueues[] | null
  /** Nameservers and brokers that did not answer, brokers by name. */
  failures: PeerFailure[]
}

/** Asks every broker there is: one may have the topic where no nameserver says so. */
export async function fetchTopicBirths(
  client: Client,
  topic: string,
  route: TopicRoute | null,
): Promise<TopicBirths> {
  const known = await findBrokers(client)
  const asked = withRouted(mastersOf(known.value), route)
  const { value, failures } = await askAll(
    asked.map(({ address }) => address),
    `its part of topic ${topic}`,
    (address) => fetchTopicConfig(client, topic, address),
  )
  const brokers = value.flatMap(({ peer, value: config }) =>
    asked.filter(({ address }) => address === peer).map((broker) => ({ ...broker, config })),
  )
  const ids = brokers.flatMap(({ config }) => (config === null ? [] : birthIdsOf(config)))
  const plan = brokers.find(({ config }) => config?.plan !== undefined)?.config?.plan ?? null
  const silent = failures.map((failure) => {
    const broker = asked.find(({ address }) => address === failure.peer)
    return { ...failure, peer: broker?.brokerName ?? failure.peer }
  })
  return { brokers, birthIds: [...new Set(ids)], plan, failures: [...known.failures, ...silent] }
}

/** Null if the broker does not have it, or does not know the question. */
async function fetchTopicConfig(
  client: Client,
  topic: string,
  address: string,
): Promise<TopicConfig | null> {
  const { channels, timeoutMs } = client.caller
  const fields = { topic, lo: 'true' }
  const answer = await channels.invoke(address, REQUEST.getTopicConfig, { fields, timeoutMs })
  const { code, body } = answer
  if (code === RESPONSE.topicNotExist || code === RESPONSE.notSupported) return null
  if (code !== RESPONSE.success) throw errorFromResponse(answer, address)
  return topicConfigFromJson(parseLenientObject(body))
}

/** A broker that only the route of the topic names is asked as well. */
function withRouted(brokers: readonly BrokerSummary[], route: TopicRoute | null): BrokerSummary[] {
  const asked = [...brokers]
  for (const { cluster, brokerName } of route?.brokers ?? []) {
    const address = route === null ? null : masterAddress(route, brokerName)
    if (address === null || asked.some((broker) => broker.address === address)) continue
    asked.push({ cluster, brokerName, brokerId: MASTER_ID, address, seenBy: [] })
  }
  return asked
}

/** What the topic's maker wanted on brokers that do not have it: not yet told, or away. */
export function missingParts({ brokers, plan }: TopicBirths): PlannedQueues[] {
  const holders = new Set<string>()
  for (const { brokerName, config } of brokers) if (config !== null) holders.add(brokerName)
  return (plan ?? []).filter(({ brokerName }) => !holders.has(brokerName))
}

/** For a change: brokers that get the topic now get the same one. Null if it was born twice. */
export function sharedBirth(
  { birthIds, plan }: TopicBirths,
  { keepsPlan }: { keepsPlan: boolean },
): TopicBirth | null {
  const [birthId] = birthIds
  if (birthId === undefined || birthIds.length > 1) return null
  return { birthId, ...(keepsPlan && plan !== null ? { plan } : {}) }
}

/** Those of them that are registered nowhere. */
export function brokersAway(births: TopicBirths): string[] {
  const present = new Set(births.failures.map(({ peer }) => peer))
  for (const { brokerName } of births.brokers) present.add(brokerName)
  const missing = missingParts(births).map(({ brokerName }) => brokerName)
  return missing.filter((brokerName) => !present.has(brokerName))
}
