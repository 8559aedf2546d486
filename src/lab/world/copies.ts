// Who owns which fact, and whether everybody else believes the same (R42). The table is in
// docs/SIMULATION.md; each function here reads one row of it from a world that has settled.

import type { Client } from '../../client/client.ts'
import { fetchGroupMembers } from '../../client/group-members.ts'
import { fetchClusterInfo, fetchRoute } from '../../client/nameserver-calls.ts'
import { decodeConsumerConnections } from '../../remoting/client-connections.ts'
import { REQUEST, RESPONSE, RETRY_TOPIC_PREFIX } from '../../remoting/codes.ts'
import type { TopicRoute } from '../../remoting/route.ts'
import { birthIdsOf } from '../../remoting/topic-config.ts'
import { ENTRY_KIND, queueKey } from '../../store/append-log.ts'
import type { BrokerNode } from './broker-node.ts'
import type { CopyOfFact } from './history.ts'
import { describeState, stateOf } from './logged-state.ts'
import type { MemberNode } from './member-node.ts'
import type { NameserverNode } from './nameserver-node.ts'
import type { ProducerNode } from './producer-node.ts'

/** A world as it is found: nodes that are gone for good are left out. */
export interface Nodes {
  nameservers: readonly NameserverNode[]
  brokers: readonly BrokerNode[]
  producers: readonly ProducerNode[]
  members: readonly MemberNode[]
}

/** Everything comparable. `observer` asks over the wire what only the wire tells. */
export async function compareCopies(nodes: Nodes, observer: Client): Promise<CopyOfFact[]> {
  const asked = await Promise.all([
    ...nodes.nameservers.flatMap((nameserver) => [
      nameserverBrokers(nodes, nameserver, observer),
      ...topicNames(nodes).map((topic) => nameserverRoute(nodes, topic, nameserver, observer)),
    ]),
    ...nodes.brokers.flatMap((broker) =>
      groupNames(nodes).flatMap((group) => [
        brokerMembers(nodes, group, broker, observer),
        brokerSubscriptions(nodes, group, broker, observer),
      ]),
    ),
  ])
  return [
    ...asked,
    ...nodes.producers.flatMap((node) => clientRoute(nodes, node, node.topic)),
    ...nodes.members.flatMap((node) =>
      node.group.topics.flatMap((topic) => clientRoute(nodes, node, topic)),
    ),
    ...births(nodes),
    ...nodes.brokers.flatMap((broker) => [
      stateInMemory(broker),
      ...offsetsInLog(broker),
      ...queueEnds(broker),
    ]),
  ]
}

function topicNames({ brokers }: Nodes): string[] {
  const names = brokers.flatMap((node) => [...(node.broker?.state.topics.keys() ?? [])])
  return [...new Set(names)].sort()
}

function groupNames({ members }: Nodes): string[] {
  return [...new Set(members.map(({ group }) => group.name))].sort()
}

function ownedRoute({ brokers }: Nodes, topic: string): string {
  return lines(
    brokers.map((node) => {
      const known = node.broker?.state.topics.get(topic)
      if (known === undefined) return null
      const { readQueueCount, writeQueueCount, permission } = known
      return `${node.name} ${node.address} r${readQueueCount} w${writeQueueCount} p${permission}`
    }),
  )
}

function routeText(route: TopicRoute | null | undefined): string {
  if (route == null) return ''
  return lines(
    route.queues.map(({ brokerName, readQueueCount, writeQueueCount, permission }) => {
      const broker = route.brokers.find((each) => each.brokerName === brokerName)
      const addresses = [...(broker?.addresses.values() ?? [])].join(' ')
      return `${brokerName} ${addresses} r${readQueueCount} w${writeQueueCount} p${permission}`
    }),
  )
}

async function nameserverRoute(
  nodes: Nodes,
  topic: string,
  nameserver: NameserverNode,
  observer: Client,
): Promise<CopyOfFact> {
  const { caller } = observer
  const asked = fetchRoute(caller, nameserver.address, topic)
  return {
    fact: `the route of ${topic}`,
    owner: 'the brokers',
    copy: nameserver.address,
    owned: ownedRoute(nodes, topic),
    copied: await answerText(asked.then(routeText)),
  }
}

async function nameserverBrokers(
  { brokers }: Nodes,
  nameserver: NameserverNode,
  observer: Client,
): Promise<CopyOfFact> {
  const asked = fetchClusterInfo(observer.caller, nameserver.address)
  return {
    fact: 'the brokers there are',
    owner: 'the brokers',
    copy: nameserver.address,
    owned: lines(brokers.map(({ name, address }) => `${name} ${address}`)),
    copied: await answerText(
      asked.then((info) =>
        lines(
          info.brokers.map(
            ({ brokerName, addresses }) => `${brokerName} ${[...addresses.values()].join(' ')}`,
          ),
        ),
      ),
    ),
  }
}

function clientRoute(
  nodes: Nodes,
  node: { client: Client | null; host: string },
  topic: string,
): CopyOfFact[] {
  if (node.client === null) return []
  return [
    {
      fact: `the route of ${topic}`,
      owner: 'the brokers',
      copy: node.host,
      owned: ownedRoute(nodes, topic),
      copied: routeText(node.client.routes.peek(topic)?.route),
    },
  ]
}

async function brokerMembers(
  { members }: Nodes,
  group: string,
  broker: BrokerNode,
  observer: Client,
): Promise<CopyOfFact> {
  const own = members.filter((node) => node.group.name === group)
  return {
    fact: `the members of ${group}`,
    owner: 'the members',
    copy: broker.name,
    owned: lines(own.map(({ client }) => client?.id ?? null)),
    copied: await answerText(fetchGroupMembers(observer.caller, broker.address, group).then(lines)),
  }
}

async function brokerSubscriptions(
  { members }: Nodes,
  group: string,
  broker: BrokerNode,
  observer: Client,
): Promise<CopyOfFact> {
  const topics = members.find((node) => node.group.name === group)?.group.topics ?? []
  const { channels, timeoutMs } = observer.caller
  const fields = { consumerGroup: group }
  const asked = channels.invoke(broker.address, REQUEST.getConsumerConnections, {
    fields,
    timeoutMs,
  })
  return {
    fact: `what ${group} subscribes to`,
    owner: 'the members',
    copy: broker.name,
    owned: lines([...topics, RETRY_TOPIC_PREFIX + group]),
    copied: await answerText(
      asked.then((answer) =>
        answer.code === RESPONSE.success
          ? lines(decodeConsumerConnections(answer.body).subscriptions.map(({ topic }) => topic))
          : '',
      ),
    ),
  }
}

/**
 * A topic is the same one on all brokers that have it, and not one that was deleted. It may have been
 * made twice by people who could not see each other: then every broker knows all that it was born with.
 */
function births({ brokers }: Nodes): CopyOfFact[] {
  const states = brokers.flatMap(({ name, broker }) =>
    broker === null ? [] : [{ name, state: broker.state }],
  )
  const isBuried = (birthId: string): boolean =>
    states.some(({ state }) => state.tombstones.has(birthId))
  const all = new Map<string, Set<string>>()
  for (const { state } of states) {
    for (const topic of state.topics.values()) {
      const known = all.get(topic.name) ?? new Set()
      all.set(topic.name, known.union(new Set(birthIdsOf(topic))))
    }
  }
  return states.flatMap(({ name, state }) =>
    [...state.topics.values()].flatMap((topic) => {
      const births = birthIdsOf(topic)
      if (births.length === 0) return []
      const copied = births.map((id) => (isBuried(id) ? `${id}, which was deleted` : id))
      return [
        {
          fact: `the births of ${topic.name}`,
          owner: 'the brokers that have it',
          copy: name,
          owned: lines([...(all.get(topic.name) ?? [])]),
          copied: lines(copied),
        },
      ]
    }),
  )
}

/** A broker's state is what its log says: rebuilt from the disk it must come out the same. */
function stateInMemory({ name, broker, disk }: BrokerNode): CopyOfFact {
  return {
    fact: `the state of ${name}`,
    owner: 'its log',
    copy: 'its memory',
    owned: describeState(stateOf(disk)),
    copied: broker === null ? '' : describeState(broker.state),
  }
}

function offsetsInLog({ name, broker, disk }: BrokerNode): CopyOfFact[] {
  if (broker === null) return []
  const logged = stateOf(disk)
  return [...logged.groups.keys()].map((group) => ({
    fact: `the offsets of ${group} on ${name}`,
    owner: 'its memory',
    copy: 'its log',
    owned: offsetsText(broker.context?.offsets.offsetsOf(group) ?? new Map()),
    copied: offsetsText(logged.offsetsOf(group)),
  }))
}

function queueEnds({ name, broker, disk }: BrokerNode): CopyOfFact[] {
  const ends = new Map<number, number>()
  for (const { kind, queue } of disk.entriesFrom(disk.minPosition)) {
    if (kind === ENTRY_KIND.message) ends.set(queue, (ends.get(queue) ?? 0) + 1)
  }
  const topics = [...(broker?.state.topics.values() ?? [])]
  return topics.flatMap((topic) =>
    Array.from({ length: topic.queueIdEnd }, (_, queueId) => {
      const queue = queueKey(topic.id, queueId)
      return {
        fact: `the messages in ${topic.name}@${name}:${queueId}`,
        owner: 'its log',
        copy: 'its index',
        owned: String(ends.get(queue) ?? 0),
        copied: String(broker?.context?.store.maxOffset(queue) ?? ''),
      }
    }),
  )
}

function offsetsText(offsets: ReadonlyMap<number, number>): string {
  return lines([...offsets].map(([queue, offset]) => `${queue}=${offset}`))
}

async function answerText(asked: Promise<string>): Promise<string> {
  try {
    return await asked
  } catch (error) {
    return `no answer (${String(error)})`
  }
}

function lines(parts: readonly (string | null)[]): string {
  return parts
    .filter((part) => part !== null)
    .sort()
    .join(', ')
}
