// Making a topic on several brokers. Each of them is told the whole: the topic's birth id and where all
// its queues go. So one broker that has heard of it is enough: it registers that with its topics, and
// the nameservers tell every other broker of the plan, also one that is away now. If the maker ends
// between two requests, the topic is on no broker at all, or on all of them soon.

import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import { PERMISSION } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { findBrokers, findTopicViews, mastersOf, mergeFailures } from './admin-peers.ts'
import type { BrokerSummary, Gathered, TopicCreation, TopicPlacement } from './admin-results.ts'
import type { Client } from './client.ts'
import { withoutDraining } from './drain-observer.ts'
import { placementsOf } from './placements.ts'
import {
  fetchTopicBirths,
  missingParts,
  type TopicBirth,
  type TopicBirths,
} from './topic-births.ts'
import { planCreation } from './topic-plan.ts'
import { setUpTopic } from './topic-setup.ts'

const BIRTH_ID_BYTES = 8

/**
 * Rejects with TOPIC_EXISTS. Resolves when the nameservers show it, or names those that do not. Asked
 * again for a topic that was left half made, it makes the rest.
 */
export async function createTopic(
  client: Client,
  creation: TopicCreation,
): Promise<Gathered<TopicPlacement[]>> {
  const { topic, queueCount, permission = PERMISSION.read | PERMISSION.write } = creation
  checkTopicName(topic)
  const views = await findTopicViews(client, topic)
  const isOrdered = creation.isOrdered ?? false
  const route = views.routes[0]?.value
  if (route !== undefined) {
    const rest = await unfinished(client, creation, route)
    if (rest === null) throw topicExists(topic, route)
    const made = await setUpTopic(client, { topic, isOrdered, ...rest })
    return { value: made.value, failures: mergeFailures(views.failures, made.failures) }
  }
  const brokers = await clusterOf(client, creation)
  checkQueueCount(queueCount, brokers.length)
  const placements = planCreation(brokers, { queueCount, permission })
  const birth = { birthId: client.options.random.hex(BIRTH_ID_BYTES), plan: planOf(placements) }
  const made = await setUpTopic(client, { topic, isOrdered, placements, birth })
  return { value: made.value, failures: mergeFailures(views.failures, made.failures) }
}

/** What is left to be made of a topic with so many queues; null if it is whole, or another. */
async function unfinished(
  client: Client,
  { topic, queueCount, permission = PERMISSION.read | PERMISSION.write }: TopicCreation,
  route: TopicRoute,
): Promise<{ placements: TopicPlacement[]; birth: TopicBirth } | null> {
  const births = await fetchTopicBirths(client, topic, route)
  const [birthId] = births.birthIds
  const { plan } = births
  if (birthId === undefined || plan === null) return null
  if (plan.reduce((sum, part) => sum + part.queueCount, 0) !== queueCount) return null
  const placements = missingPlacements(births, permission)
  return placements.length === 0 ? null : { placements, birth: { birthId, plan } }
}

/** On the brokers that are there. */
function missingPlacements(births: TopicBirths, permission: number): TopicPlacement[] {
  return missingParts(births).flatMap(({ brokerName, queueCount }) => {
    const broker = births.brokers.find((other) => other.brokerName === brokerName)
    if (broker === undefined) return []
    const counts = { readQueueCount: queueCount, writeQueueCount: queueCount }
    return { brokerName, address: broker.address, ...counts, permission }
  })
}

function planOf(placements: readonly TopicPlacement[]): NonNullable<TopicBirth['plan']> {
  return placements.map(({ brokerName, writeQueueCount: queueCount }) => ({
    brokerName,
    queueCount,
  }))
}

/** The brokers a new topic goes to. */
async function clusterOf(client: Client, creation: TopicCreation): Promise<BrokerSummary[]> {
  const { nameservers } = client
  const masters = mastersOf((await findBrokers(client)).value)
  const clusters = [...new Set(masters.map(({ cluster }) => cluster))]
  const { cluster = clusters[0] } = creation
  if (creation.cluster === undefined && clusters.length > 1) {
    throw new MqError('USAGE', `there are several clusters: ${clusters.join(', ')}`, {
      hint: 'choose one with --cluster',
    })
  }
  const brokers = masters.filter((broker) => broker.cluster === cluster)
  if (brokers.length > 0) return withoutDraining(client, brokers)
  const what = creation.cluster === undefined ? 'no broker' : `no cluster "${creation.cluster}"`
  throw new MqError('BROKER_NOT_FOUND', `${nameservers.join(', ')} know ${what}`, {
    hint:
      clusters.length > 0
        ? `there is: ${clusters.join(', ')}`
        : `start a broker with: mq broker --nameservers ${nameservers.join(',')}`,
  })
}

export function checkQueueCount(queueCount: number, brokerCount: number): void {
  const queueCountMax = QUEUE_COUNT_MAX * brokerCount
  if (Number.isInteger(queueCount) && queueCount >= 1 && queueCount <= queueCountMax) return
  throw new MqError('USAGE', `a topic cannot have ${queueCount} queues`, {
    hint: `use 1 to ${queueCountMax} on ${brokerCount} brokers`,
  })
}

function topicExists(topic: string, route: TopicRoute): MqError {
  const where = placementsOf(route)
    .map((p) => `${p.writeQueueCount} queues on ${p.brokerName}`)
    .join(', ')
  return new MqError('TOPIC_EXISTS', `topic "${topic}" exists already: ${where}`, {
    hint: `change it with: mq topic alter ${topic} --queues N`,
  })
}
