// Topics: list, show, create, alter, delete.

import { sleep } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import { AUTO_CREATE_TOPIC, PERMISSION, REQUEST } from '../remoting/codes.ts'
import { decodeTopicStats } from '../remoting/offset-tables.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { askAll, findBrokers, findTopicViews, mastersOf, requireRoute } from './admin-peers.ts'
import type {
  BrokerSummary,
  Gathered,
  PeerFailure,
  QueueStats,
  TopicChange,
  TopicCreation,
  TopicDescription,
  TopicPlacement,
  TopicSummary,
} from './admin-results.ts'
import type { Client } from './client.ts'
import { compareQueues, compareText } from './message.ts'
import { deleteTopicInNameserver, fetchTopicList } from './nameserver-calls.ts'
import { masterAddress, readAddress } from './publish-queues.ts'
import { isSystemTopicName } from './system-names.ts'
import { planChange, planCreation } from './topic-plan.ts'

/** A broker answers once a change is on its disk and told to the nameservers it can reach. */
const CHANGE_TIMEOUT_MS = 10_000
/** Brokers tell the nameservers at once; one that takes longer is named instead of waited for. */
const VISIBLE_TIMEOUT_MS = 3_000
const VISIBLE_POLL_MS = 100

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
    const stats = await fetchTopicStats(this.#client, topic, route)
    return {
      value: { topic, placements: placementsOf(route), queues: stats.value },
      failures: [...failures, ...stats.failures],
    }
  }

  /** Rejects with TOPIC_EXISTS. Resolves when the nameservers show it, or names those that do not. */
  async create(creation: TopicCreation): Promise<Gathered<TopicPlacement[]>> {
    const { topic, permission = PERMISSION.read | PERMISSION.write } = creation
    checkTopicName(topic)
    const views = await findTopicViews(this.#client, topic)
    if (views.routes.length > 0) throw topicExists(topic, views.routes[0]?.value)
    const brokers = await this.#clusterOf(creation)
    checkQueueCount(creation.queueCount, brokers.length)
    const placements = planCreation(brokers, { queueCount: creation.queueCount, permission })
    const isOrdered = creation.isOrdered ?? false
    return this.#put(topic, placements, isOrdered, views.failures)
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
    return this.#put(topic, planned, route.orderConfig !== null, failures)
  }

  /** On every broker, then in every nameserver. Resolves with the brokers it was deleted on. */
  async delete(topic: string): Promise<Gathered<string[]>> {
    const { route, failures } = await requireRoute(this.#client, topic)
    const { caller } = this.#client
    // All of them: a broker may have the topic where the nameserver asked does not know it.
    const brokers = mastersOf((await findBrokers(this.#client)).value)
    for (const { cluster, brokerName } of route.brokers) {
      const address = masterAddress(route, brokerName)
      if (address === null || brokers.some((broker) => broker.address === address)) continue
      brokers.push({ cluster, brokerName, brokerId: 0, address, seenBy: [] })
    }
    const done = await askAll(
      brokers.map(({ address }) => address),
      `deleting topic ${topic}`,
      (address) =>
        caller.channels.call(address, REQUEST.deleteTopicInBroker, {
          fields: { topic },
          timeoutMs: CHANGE_TIMEOUT_MS,
        }),
    )
    const forgotten = await askAll(
      this.#client.nameservers,
      `forgetting topic ${topic}`,
      (nameserver) => deleteTopicInNameserver(caller, nameserver, topic),
    )
    const names = done.value.flatMap(
      ({ peer }) => brokers.find(({ address }) => address === peer)?.brokerName ?? [],
    )
    return { value: names, failures: mergeFailures(failures, done.failures, forgotten.failures) }
  }

  /** The brokers a new topic goes to. */
  async #clusterOf(creation: TopicCreation): Promise<BrokerSummary[]> {
    const { nameservers } = this.#client
    const masters = mastersOf((await findBrokers(this.#client)).value)
    const clusters = [...new Set(masters.map(({ cluster }) => cluster))]
    const { cluster = clusters[0] } = creation
    if (creation.cluster === undefined && clusters.length > 1) {
      throw new MqError('USAGE', `there are several clusters: ${clusters.join(', ')}`, {
        hint: 'choose one with --cluster',
      })
    }
    const brokers = masters.filter((broker) => broker.cluster === cluster)
    if (brokers.length > 0) return brokers
    const what = creation.cluster === undefined ? 'no broker' : `no cluster "${creation.cluster}"`
    throw new MqError('BROKER_NOT_FOUND', `${nameservers.join(', ')} know ${what}`, {
      hint:
        clusters.length > 0
          ? `there is: ${clusters.join(', ')}`
          : `start a broker with: mq broker --nameservers ${nameservers.join(',')}`,
    })
  }

  async #put(
    topic: string,
    placements: TopicPlacement[],
    isOrdered: boolean,
    failures: PeerFailure[],
  ): Promise<Gathered<TopicPlacement[]>> {
    const { caller } = this.#client
    const done = await askAll(
      placements.map(({ address }) => address),
      `setting up topic ${topic}`,
      async (address) => {
        const placement = placements.find((other) => other.address === address) as TopicPlacement
        await caller.channels.call(address, REQUEST.createTopic, {
          fields: {
            topic,
            defaultTopic: AUTO_CREATE_TOPIC,
            readQueueNums: placement.readQueueCount,
            writeQueueNums: placement.writeQueueCount,
            perm: placement.permission,
            topicFilterType: 'SINGLE_TAG',
            topicSysFlag: 0,
            order: isOrdered,
          },
          timeoutMs: CHANGE_TIMEOUT_MS,
        })
        return placement
      },
    )
    const value = done.value.map((answer) => answer.value)
    if (value.length === 0 && done.failures[0] !== undefined) throw done.failures[0].error
    const unseen = await this.#waitVisible(topic, value)
    return { value, failures: mergeFailures(failures, done.failures, unseen) }
  }

  /** Until every nameserver that answers shows all of it. Names those that do not in time. */
  async #waitVisible(topic: string, placements: readonly TopicPlacement[]): Promise<PeerFailure[]> {
    const { clock } = this.#client.options
    const deadlineMs = clock.monoMs() + VISIBLE_TIMEOUT_MS
    for (;;) {
      const { routes, answered } = await findTopicViews(this.#client, topic)
      const blind = answered.filter((nameserver) => {
        const route = routes.find(({ peer }) => peer === nameserver)?.value
        return !placements.every((placement) => shows(route, placement))
      })
      if (blind.length === 0) return []
      if (clock.monoMs() >= deadlineMs) {
        return blind.map((peer) => ({
          peer,
          purpose: `the new route of ${topic}`,
          error: new MqError('PARTIAL', `${peer} does not show the change yet`, {
            hint: `look again with: mq route ${topic}`,
          }),
        }))
      }
      await sleep(clock, VISIBLE_POLL_MS)
    }
  }
}

export function placementsOf(route: TopicRoute): TopicPlacement[] {
  return [...route.queues]
    .sort((a, b) => compareText(a.brokerName, b.brokerName))
    .map(({ brokerName, readQueueCount, writeQueueCount, permission }) => ({
      brokerName,
      address: readAddress(route, brokerName) ?? '',
      readQueueCount,
      writeQueueCount,
      permission,
    }))
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

function shows(route: TopicRoute | undefined, placement: TopicPlacement): boolean {
  const queues = route?.queues.find(({ brokerName }) => brokerName === placement.brokerName)
  return (
    queues !== undefined &&
    queues.readQueueCount === placement.readQueueCount &&
    queues.writeQueueCount === placement.writeQueueCount &&
    queues.permission === placement.permission
  )
}

function checkQueueCount(queueCount: number, brokerCount: number): void {
  const queueCountMax = QUEUE_COUNT_MAX * brokerCount
  if (Number.isInteger(queueCount) && queueCount >= 1 && queueCount <= queueCountMax) return
  throw new MqError('USAGE', `a topic cannot have ${queueCount} queues`, {
    hint: `use 1 to ${queueCountMax} on ${brokerCount} brokers`,
  })
}

function topicExists(topic: string, route: TopicRoute | undefined): MqError {
  const placements = route === undefined ? [] : placementsOf(route)
  const where = placements.map((p) => `${p.writeQueueCount} queues on ${p.brokerName}`).join(', ')
  return new MqError('TOPIC_EXISTS', `topic "${topic}" exists already: ${where}`, {
    hint: `change it with: mq topic alter ${topic} --queues N`,
  })
}

/** A nameserver that is down fails every question; once is enough. */
function mergeFailures(...lists: PeerFailure[][]): PeerFailure[] {
  const seen = new Set<string>()
  return lists.flat().filter(({ peer }) => !seen.has(peer) && seen.add(peer))
}
