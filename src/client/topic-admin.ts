// Topics: list, show, create, alter, delete.

import { REQUEST } from '../remoting/codes.ts'
import { decodeTopicStats } from '../remoting/offset-tables.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { askAll, findBrokers, mastersOf, mergeFailures, requireRoute } from './admin-peers.ts'
import type {
  Gathered,
  QueueStats,
  TopicChange,
  TopicCreation,
  TopicDescription,
  TopicPlacement,
  TopicSummary,
} from './admin-results.ts'
import { findRunningChange } from './change-scope.ts'
import type { Client } from './client.ts'
import { compareQueues, compareText } from './message.ts'
import { fetchTopicList } from './nameserver-calls.ts'
import { placementsOf } from './placements.ts'
import { isSystemTopicName } from './system-names.ts'
import { fetchTopicBirths, missingParts, sharedBirth } from './topic-births.ts'
import { checkQueueCount, createTopic } from './topic-creation.ts'
import { deleteTopic } from './topic-deletion.ts'
import { planChange } from './topic-plan.ts'
import { setUpTopic } from './topic-setup.ts'

export class TopicAdmin {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Every topic any nameserver knows, by name. */
  async list(): Promise<Gathered<TopicSummary[]>> {
    const brokers = await findBrokers(this.#client)
    const { value, failures } = await askAll(
      this.#client.nameservers,
      'the topic list',
      (nameserver) => fetchTopicList(this.#client.caller, nameserver),
    )
    const found = new Map<string, TopicSummary>()
    const owners = new Set(brokers.value.flatMap((broker) => [broker.cluster, broker.brokerName]))
    for (const { peer, value: topics } of value) {
      for (const topic of topics) {
        const summary = found.get(topic)
        if (summary !== undefined) summary.seenBy.push(peer)
        else found.set(topic, { topic, isSystem: isSystemTopicName(topic, owners), seenBy: [peer] })
      }
    }
    const topics = [...found.values()].sort((a, b) => compareText(a.topic, b.topic))
    return { value: topics, failures }
  }

  /** Rejects with TOPIC_NOT_FOUND. */
  async show(topic: string): Promise<Gathered<TopicDescription>> {
    const { route, failures } = await requireRoute(this.#client, topic)
    const [stats, births, change] = await Promise.all([
      fetchTopicStats(this.#client, topic, route),
      fetchTopicBirths(this.#client, topic, route),
      findRunningChange(this.#client, topic, route),
    ])
    const placements = placementsOf(route)
    return {
      value: { topic, placements, queues: stats.value, missing: missingParts(births), change },
      failures: mergeFailures(failures, stats.failures, births.failures),
    }
  }

  /** Rejects with TOPIC_EXISTS. Resolves when the nameservers show it, or names those that do not. */
  create(creation: TopicCreation): Promise<Gathered<TopicPlacement[]>> {
    return createTopic(this.#client, creation)
  }

  /**
   * More or fewer queues, or another permission. Queues taken away are closed to writers only:
   * readers keep what is stored in them.
   */
  async alter(change: TopicChange): Promise<Gathered<TopicPlacement[]>> {
    const { topic, queueCount = null, permission = null } = change
    const { route, failures } = await requireRoute(this.#client, topic)
    const clusters = new Set(route.brokers.map(({ cluster }) => cluster))
    const brokers = mastersOf((await findBrokers(this.#client)).value).filter(({ cluster }) =>
      clusters.has(cluster),
    )
    if (queueCount !== null) checkQueueCount(queueCount, brokers.length)
    const planned = planChange(placementsOf(route), brokers, { queueCount, permission })
    const isOrdered = route.orderConfig !== null
    const births = await fetchTopicBirths(this.#client, topic, route)
    const birth = sharedBirth(births, { keepsPlan: queueCount === null })
    const setup = { topic, placements: planned, isOrdered, ...(birth === null ? {} : { birth }) }
    const done = await setUpTopic(this.#client, setup)
    return { value: done.value, failures: mergeFailures(failures, done.failures) }
  }

  /** On every broker and in every nameserver. Resolves with the brokers it was deleted on. */
  delete(topic: string): Promise<Gathered<string[]>> {
    return deleteTopic(this.#client, topic)
  }
}

/** Bounds and last store time of each queue, from every broker of the topic. */
export async function fetchTopicStats(
  client: Client,
  topic: string,
  route: TopicRoute,
): Promise<Gathered<QueueStats[]>> {
  const { caller } = client
  const addresses = placementsOf(route)
    .map(({ address }) => address)
    .filter((address) => address !== '')
  const { value, failures } = await askAll(addresses, `the queues of ${topic}`, async (address) => {
    const answer = await caller.channels.call(address, REQUEST.getTopicStats, {
      fields: { topic },
      timeoutMs: caller.timeoutMs,
    })
    return decodeTopicStats(answer.body)
  })
  const queues = value
    .flatMap((answer) => answer.value)
    .map((stats) => ({ ...stats, lastStoreTimeMs: stats.lastStoreTimeMs || null }))
  return { value: queues.sort(compareQueues), failures }
}
