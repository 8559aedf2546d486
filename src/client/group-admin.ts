// Consumer groups: list, show, reset.

import { MqError } from '../core/errors.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import {
  type ConsumerConnections,
  decodeConsumerConnections,
} from '../remoting/client-connections.ts'
import { LANGUAGES, REQUEST, RESPONSE, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import { decodeGroupConfigs } from '../remoting/group-config.ts'
import { decodeConsumeStats } from '../remoting/offset-tables.ts'
import {
  askAll,
  asMqError,
  findBrokers,
  findTopicViews,
  mastersOf,
  requireRoute,
} from './admin-peers.ts'
import type {
  BrokerSummary,
  Gathered,
  GroupDescription,
  GroupMember,
  GroupQueue,
  GroupSummary,
  OffsetChange,
  PeerAnswer,
  PeerFailure,
} from './admin-results.ts'
import { ownersOf } from './allocation.ts'
import type { Client } from './client.ts'
import { fetchGroupMembers } from './group-members.ts'
import { compareQueues, compareText, queueName } from './message.ts'
import { readAddress, readableQueues } from './publish-queues.ts'
import { fetchCommittedOffset } from './queue-calls.ts'
import { resetQueue } from './reset-offsets.ts'
import type { StartPosition } from './start-position.ts'
import { isSystemGroupName } from './system-names.ts'
import { fetchTopicStats } from './topic-admin.ts'

export class GroupAdmin {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Every group any broker knows, by name; those Apache's brokers make for themselves left out. */
  async list(): Promise<Gathered<GroupSummary[]>> {
    const brokers = await this.#brokers()
    const named = await askAll(brokers.value, 'its groups', async (address) =>
      (await this.#groupsOf(address)).filter((group) => !isSystemGroupName(group)),
    )
    const groups = new Map<string, { topics: Set<string>; members: Set<string> }>()
    const failures = [...brokers.failures, ...named.failures]
    // One broker after the other is asked about its groups; each answers many questions at once.
    for (const { peer, value: names } of named.value) {
      const details = await Promise.allSettled(
        names.map(async (group) => {
          const [topics, members] = await Promise.all([
            this.#topicsOf(peer, group),
            fetchGroupMembers(this.#client.caller, peer, group),
          ])
          const summary = groups.get(group) ?? { topics: new Set(), members: new Set() }
          groups.set(group, summary)
          for (const topic of topics) {
            if (topic !== RETRY_TOPIC_PREFIX + group) summary.topics.add(topic)
          }
          for (const member of members) summary.members.add(member)
        }),
      )
      const failed = details.find((detail) => detail.status === 'rejected')
      if (failed === undefined) continue
      failures.push({ peer, purpose: 'what its groups do', error: asMqError(failed.reason) })
    }
    const value = [...groups]
      .map(([group, { topics, members }]) => ({
        group,
        topics: [...topics].sort(compareText),
        memberCount: members.size,
      }))
      .sort((a, b) => compareText(a.group, b.group))
    return { value, failures }
  }

  /** Rejects with GROUP_NOT_FOUND if no broker knows the group. */
  async show(group: string): Promise<Gathered<GroupDescription>> {
    checkGroupName(group)
    const brokers = await this.#brokers()
    const views = await askAll(brokers.value, `group ${group}`, async (address) => ({
      connections: await this.#connectionsOf(address, group),
      topics: await this.#topicsOf(address, group),
      isKnown: (await this.#groupsOf(address)).includes(group),
    }))
    const failures = [...brokers.failures, ...views.failures]
    if (!views.value.some(({ value }) => value.isKnown || value.connections !== null)) {
      if (views.value.length === 0 && views.failures[0] !== undefined) throw views.failures[0].error
      throw new MqError('GROUP_NOT_FOUND', `no broker knows the group "${group}"`, {
        hint: 'see the groups there are with: mq group list',
      })
    }
    const connected = views.value.flatMap(({ peer, value }) =>
      value.connections === null ? [] : { peer, value: value.connections },
    )
    const subscriptions = subscriptionsOf(connected)
    const members = membersOf(connected)
    const messageModel = connected[0]?.value.messageModel ?? null
    const topics = new Set([
      ...subscriptions.map(({ topic }) => topic),
      ...views.value.flatMap(({ value }) => value.topics),
    ])
    const queues: GroupQueue[] = []
    for (const topic of [...topics].sort(compareText)) {
      const shown = await this.#queuesOf(group, topic, messageModel === 'BROADCASTING')
      failures.push(...shown.failures)
      const isQuietRetryTopic =
        topic === RETRY_TOPIC_PREFIX + group && shown.value.every((queue) => queue.maxOffset === 0)
      if (!isQuietRetryTopic) queues.push(...shown.value)
    }
    return {
      value: { group, messageModel, members, subscriptions, queues },
      failures,
    }
  }

  /**
   * Sets the group to another place in a topic, whether members are connected or not: those of
   * RocketMQ 5 and of this product go there with their next pull.
   */
  async reset(options: {
    group: string
    topic: string
    to: StartPosition
  }): Promise<Gathered<OffsetChange[]>> {
    const { group, topic, to } = options
    checkGroupName(group)
    checkTopicName(topic)
    const { route, failures } = await requireRoute(this.#client, topic)
    const queues = readableQueues(topic, route)
    const outcomes = await askAll(queues.map(queueName), `group ${group}`, async (name) => {
      const queue = queues.find((other) => queueName(other) === name)
      const address = queue === undefined ? null : readAddress(route, queue.brokerName)
      if (queue === undefined || address === null) {
        throw new MqError('UNREACHABLE', `the broker of ${name} is not in the route`)
      }
      return resetQueue(this.#client.caller, { queue, address }, { group, to })
    })
    return {
      value: outcomes.value.map(({ value }) => value).sort(compareQueues),
      failures: [...failures, ...outcomes.failures],
    }
  }

  /** Addresses of all masters. */
  async #brokers(): Promise<Gathered<string[]>> {
    const { value, failures } = await findBrokers(this.#client)
    return { value: mastersOf(value).map(({ address }: BrokerSummary) => address), failures }
  }

  async #groupsOf(address: string): Promise<string[]> {
    const { channels, timeoutMs } = this.#client.caller
    const answer = await channels.call(address, REQUEST.getAllGroupConfig, { timeoutMs })
    return decodeGroupConfigs(answer.body).map(({ name }) => name)
  }

  /** Topics the group subscribes to, or has committed in, on this broker. */
  async #topicsOf(address: string, group: string): Promise<string[]> {
    const { channels, timeoutMs } = this.#client.caller
    const answer = await channels.invoke(address, REQUEST.getConsumeStats, {
      fields: { consumerGroup: group },
      timeoutMs,
    })
    if (answer.code !== RESPONSE.success) return []
    return [...new Set(decodeConsumeStats(answer.body).map(({ topic }) => topic))]
  }

  /** Null if nobody of the group is connected to this broker. */
  async #connectionsOf(address: string, group: string): Promise<ConsumerConnections | null> {
    const { channels, timeoutMs } = this.#client.caller
    const answer = await channels.invoke(address, REQUEST.getConsumerConnections, {
      fields: { consumerGroup: group },
      timeoutMs,
    })
    return answer.code === RESPONSE.success ? decodeConsumerConnections(answer.body) : null
  }

  async #queuesOf(
    group: string,
    topic: string,
    isBroadcast: boolean,
  ): Promise<Gathered<GroupQueue[]>> {
    const { caller } = this.#client
    const { routes } = await findTopicViews(this.#client, topic)
    const route = routes[0]?.value
    if (route === undefined) return { value: [], failures: [] }
    const stats = await fetchTopicStats(this.#client, topic, route)
    const failures: PeerFailure[] = [...stats.failures]
    const first = route.brokers.map(({ brokerName }) => brokerName).sort(compareText)[0]
    const address = first === undefined ? null : readAddress(route, first)
    const members =
      address === null || isBroadcast
        ? []
        : await fetchGroupMembers(caller, address, group).catch(() => [])
    const owners = ownersOf({
      kind: 'average',
      queues: readableQueues(topic, route),
      members,
      nameOf: queueName,
    })
    const value = await Promise.all(
      stats.value.map(async (queue): Promise<GroupQueue> => {
        const at = { queue, address: readAddress(route, queue.brokerName) ?? '' }
        const committedOffset = await fetchCommittedOffset(caller, at, {
          group,
          isExact: true,
        }).catch((error) => {
          failures.push({ peer: at.address, purpose: queueName(queue), error: asMqError(error) })
          return null
        })
        return {
          ...queue,
          committedOffset,
          lag: Math.max(0, queue.maxOffset - Math.max(committedOffset ?? 0, queue.minOffset)),
          owner: owners.get(queueName(queue)) ?? null,
        }
      }),
    )
    return { value, failures }
  }
}

function subscriptionsOf(
  connected: readonly PeerAnswer<ConsumerConnections>[],
): GroupDescription['subscriptions'] {
  const found = new Map<string, string>()
  for (const { value } of connected) {
    for (const { topic, expression } of value.subscriptions) found.set(topic, expression)
  }
  return [...found].map(([topic, expression]) => ({ topic, expression }))
}

function membersOf(connected: readonly PeerAnswer<ConsumerConnections>[]): GroupMember[] {
  const members = new Map<string, GroupMember>()
  for (const { peer, value } of connected) {
    for (const { clientId, address, language, version } of value.connections) {
      const member = members.get(clientId)
      if (member !== undefined) member.brokers.push(peer)
      else {
        const name = LANGUAGES[language] ?? 'OTHER'
        members.set(clientId, { clientId, address, language: name, version, brokers: [peer] })
      }
    }
  }
  return [...members.values()].sort((a, b) => compareText(a.clientId, b.clientId))
}
