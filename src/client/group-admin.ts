// Consumer groups: list, show, reset.

import { MqError } from '../core/errors.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import { RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import { askAll, asMqError, findBrokers, mastersOf, requireRoute } from './admin-peers.ts'
import type {
  BrokerSummary,
  Gathered,
  GroupDescription,
  GroupSummary,
  OffsetChange,
} from './admin-results.ts'
import type { Client } from './client.ts'
import {
  describeGroup,
  fetchGroupNames,
  fetchTopicsOf,
  groupNotFound,
} from './group-description.ts'
import { fetchGroupMembers } from './group-members.ts'
import { compareQueues, compareText, queueName } from './message.ts'
import { readAddress, readableQueues } from './publish-queues.ts'
import { resetQueue } from './reset-offsets.ts'
import type { StartPosition } from './start-position.ts'
import { isSystemGroupName } from './system-names.ts'

export class GroupAdmin {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Every group any broker knows, by name; those Apache's brokers make for themselves left out. */
  async list(): Promise<Gathered<GroupSummary[]>> {
    const brokers = await this.#brokers()
    const named = await askAll(brokers.value, 'its groups', async (address) =>
      (await fetchGroupNames(this.#client.caller, address)).filter(
        (group) => !isSystemGroupName(group),
      ),
    )
    const groups = new Map<string, { topics: Set<string>; members: Set<string> }>()
    const failures = [...brokers.failures, ...named.failures]
    // One broker after the other is asked about its groups; each answers many questions at once.
    for (const { peer, value: names } of named.value) {
      const details = await Promise.allSettled(
        names.map(async (group) => {
          const [topics, members] = await Promise.all([
            fetchTopicsOf(this.#client.caller, peer, group),
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
    const described = await describeGroup(this.#client, brokers.value, group)
    if (described.value === null) throw groupNotFound(group)
    return {
      value: described.value,
      failures: [...brokers.failures, ...described.failures],
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
}
