// One consumer group, described: its members and what each wants, and for every queue how far it is
// consumed and who holds it. Gathered from all nameservers and all brokers, because members may see
// less than there is: what they miss is what this is for.

import { MqError } from '../core/errors.ts'
import {
  type ConsumerConnections,
  decodeConsumerConnections,
} from '../remoting/client-connections.ts'
import { LANGUAGES, REQUEST, RESPONSE, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import { decodeGroupConfigs } from '../remoting/group-config.ts'
import { differingSubscriptions, type Wanted } from '../remoting/group-view.ts'
import { decodeConsumeStats } from '../remoting/offset-tables.ts'
import { askAll, asMqError, findTopicViews } from './admin-peers.ts'
import type {
  Gathered,
  GroupDescription,
  GroupMember,
  GroupQueue,
  PeerAnswer,
  PeerFailure,
} from './admin-results.ts'
import { ownersOf } from './allocation.ts'
import type { Client } from './client.ts'
import { fetchMemberReports, type MemberReport } from './member-reports.ts'
import { mergedRoute } from './merged-route.ts'
import { compareText, queueName } from './message.ts'
import type { Caller } from './nameserver-calls.ts'
import { holdersOf, ownershipOf } from './ownership.ts'
import { readAddress, readableQueues } from './publish-queues.ts'
import { fetchCommittedOffset } from './queue-calls.ts'
import { fetchTopicStats } from './topic-admin.ts'

/** Null if none of these brokers knows the group. Rejects if none of them answers. */
export async function describeGroup(
  client: Client,
  brokers: readonly string[],
  group: string,
): Promise<Gathered<GroupDescription | null>> {
  const { caller } = client
  const views = await askAll(brokers, `group ${group}`, async (address) => ({
    connections: await fetchConnections(caller, address, group),
    topics: await fetchTopicsOf(caller, address, group),
    isKnown: (await fetchGroupNames(caller, address)).includes(group),
  }))
  const failures = [...views.failures]
  if (!views.value.some(({ value }) => value.isKnown || value.connections !== null)) {
    if (views.value.length === 0 && failures[0] !== undefined) throw failures[0].error
    return { value: null, failures }
  }
  const connected = views.value.flatMap(({ peer, value }) =>
    value.connections === null ? [] : { peer, value: value.connections },
  )
  const present = connectedMembers(connected)
  const reports = await fetchMemberReports(caller, group, present)
  const messageModel = connected[0]?.value.messageModel ?? null
  const subscriptions = subscriptionsOf(connected, reports)
  const topics = new Set([
    ...subscriptions.map(({ topic }) => topic),
    ...views.value.flatMap(({ value }) => value.topics),
  ])
  const queues: GroupQueue[] = []
  for (const topic of [...topics].sort(compareText)) {
    const isWanted = subscriptions.some((subscription) => subscription.topic === topic)
    const shown = await describeQueues(client, {
      group,
      topic,
      reports,
      isWanted,
      isBroadcast: messageModel === 'BROADCASTING',
    })
    failures.push(...shown.failures)
    const isQuietRetryTopic =
      topic === RETRY_TOPIC_PREFIX + group && shown.value.every((queue) => queue.maxOffset === 0)
    if (!isQuietRetryTopic) queues.push(...shown.value)
  }
  const members = present.map((member, at) => withReport(member, reports[at]))
  const told = reports.flatMap(({ clientId, subscriptions: wanted }) =>
    wanted === null ? [] : { clientId, subscriptions: wanted },
  )
  return {
    value: {
      group,
      messageModel,
      members,
      subscriptions,
      unequalSubscriptions: differingSubscriptions(told),
      queues,
      queuesWithoutOwner: queues.filter(({ ownership }) => ownership === 'none').length,
      queuesWithTwoOwners: queues.filter(({ ownership }) => ownership === 'several').length,
    },
    failures,
  }
}

export async function fetchGroupNames(
  { channels, timeoutMs }: Caller,
  address: string,
): Promise<string[]> {
  const answer = await channels.call(address, REQUEST.getAllGroupConfig, { timeoutMs })
  return decodeGroupConfigs(answer.body).map(({ name }) => name)
}

/** Topics the group subscribes to, or has committed in, on this broker. */
export async function fetchTopicsOf(
  { channels, timeoutMs }: Caller,
  address: string,
  group: string,
): Promise<string[]> {
  const fields = { consumerGroup: group }
  const answer = await channels.invoke(address, REQUEST.getConsumeStats, { fields, timeoutMs })
  if (answer.code !== RESPONSE.success) return []
  return [...new Set(decodeConsumeStats(answer.body).map(({ topic }) => topic))]
}

/** Null if nobody of the group is connected to this broker. */
async function fetchConnections(
  { channels, timeoutMs }: Caller,
  address: string,
  group: string,
): Promise<ConsumerConnections | null> {
  const answer = await channels.invoke(address, REQUEST.getConsumerConnections, {
    fields: { consumerGroup: group },
    timeoutMs,
  })
  return answer.code === RESPONSE.success ? decodeConsumerConnections(answer.body) : null
}

interface QueuesQuestion {
  group: string
  topic: string
  reports: readonly MemberReport[]
  isWanted: boolean
  isBroadcast: boolean
}

async function describeQueues(
  client: Client,
  question: QueuesQuestion,
): Promise<Gathered<GroupQueue[]>> {
  const { group, topic, reports, isWanted, isBroadcast } = question
  const { routes } = await findTopicViews(client, topic)
  const route = mergedRoute(routes.map(({ value }) => value))
  if (route === null) return { value: [], failures: [] }
  const stats = await fetchTopicStats(client, topic, route)
  const failures: PeerFailure[] = [...stats.failures]
  const shared = readableQueues(topic, route)
  const sharedNames = new Set(shared.map(queueName))
  const holders = holdersOf(reports)
  const expected = isBroadcast
    ? new Map<string, string>()
    : ownersOf({
        kind: 'average',
        queues: shared,
        members: reports.map(({ clientId }) => clientId),
        nameOf: queueName,
      })
  const hasSilentMember = reports.some(({ queues }) => queues === null)
  const value = await Promise.all(
    stats.value.map(async (queue): Promise<GroupQueue> => {
      const name = queueName(queue)
      const at = { queue, address: readAddress(route, queue.brokerName) ?? '' }
      const committedOffset = await fetchCommittedOffset(client.caller, at, {
        group,
        isExact: true,
      }).catch((error) => {
        failures.push({ peer: at.address, purpose: name, error: asMqError(error) })
        return null
      })
      const owners = holders.get(name) ?? []
      const ownership = ownershipOf({
        holderCount: owners.length,
        isBroadcast,
        isWanted: isWanted && reports.length > 0 && sharedNames.has(name),
        hasSilentMember,
      })
      return {
        ...queue,
        committedOffset,
        lag: Math.max(0, queue.maxOffset - Math.max(committedOffset ?? 0, queue.minOffset)),
        owner: owners[0] ?? null,
        owners,
        ownership,
        expectedOwner: expected.get(name) ?? null,
      }
    }),
  )
  return { value, failures }
}

/** What any member wants: told by each, or for those that tell nothing by their brokers. */
function subscriptionsOf(
  connected: readonly PeerAnswer<ConsumerConnections>[],
  reports: readonly MemberReport[],
): GroupDescription['subscriptions'] {
  const found = new Map<string, string>()
  const all: Wanted[] = [
    ...connected.flatMap(({ value }) => value.subscriptions),
    ...reports.flatMap(({ subscriptions }) => subscriptions ?? []),
  ]
  for (const { topic, expression } of all) {
    if (!found.has(topic)) found.set(topic, expression)
  }
  return [...found].map(([topic, expression]) => ({ topic, expression }))
}

type PresentMember = Omit<GroupMember, 'heldQueueCount' | 'subscriptions'>

function connectedMembers(connected: readonly PeerAnswer<ConsumerConnections>[]): PresentMember[] {
  const members = new Map<string, PresentMember>()
  for (const { peer, value } of connected) {
    for (const { clientId, address, language, version } of value.connections) {
      const member = members.get(clientId)
      if (member !== undefined) {
        if (!member.brokers.includes(peer)) member.brokers.push(peer)
        continue
      }
      const name = LANGUAGES[language] ?? 'OTHER'
      members.set(clientId, { clientId, address, language: name, version, brokers: [peer] })
    }
  }
  return [...members.values()].sort((a, b) => compareText(a.clientId, b.clientId))
}

function withReport(member: PresentMember, report: MemberReport | undefined): GroupMember {
  return {
    ...member,
    heldQueueCount: report?.queues?.length ?? null,
    subscriptions: (report?.subscriptions ?? []).map(({ topic, expression }) => ({
      topic,
      expression,
    })),
  }
}

export function groupNotFound(group: string): MqError {
  return new MqError('GROUP_NOT_FOUND', `no broker knows the group "${group}"`, {
    hint: 'see the groups there are with: mq group list',
  })
}
