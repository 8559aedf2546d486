// Judges of topics: the same everywhere, made whole, spread, writable. Pure: facts in, findings out.

import type { BrokerFacts, NameserverFacts, TopicFacts } from '../client/diagnosis.ts'
import { mergedRoute } from '../client/merged-route.ts'
import { MASTER_ID, PERMISSION } from '../remoting/codes.ts'
import type { TopicQueues } from '../remoting/route.ts'
import { birthIdsOf, type TopicConfig } from '../remoting/topic-config.ts'
import {
  type CheckResult,
  checkResult,
  counted,
  type Finding,
  listed,
  problem,
  warning,
} from './doctor-findings.ts'

/** Above this ratio of queues one broker does the work of two. */
const UNEVEN_RATIO = 2

interface Described {
  topic: string
  queues: TopicQueues[]
}

export function judgeTopics(facts: {
  topics: readonly TopicFacts[]
  brokers: readonly BrokerFacts[]
  nameservers: readonly NameserverFacts[]
}): CheckResult {
  const { topics, brokers, nameservers } = facts
  const described = topics.map(({ topic, routes }): Described => {
    const route = mergedRoute(routes.flatMap((view) => view.route ?? []))
    return { topic, queues: route?.queues ?? [] }
  })
  const findings = [
    ...topics.flatMap((topic) => judgeViews(topic, nameservers)),
    ...described.flatMap((topic) => judgeWhole(topic, brokers)),
    ...judgeUnlisted(described, brokers),
    ...judgeSpread(described, brokers),
    ...judgeWritable(described, brokers),
  ]
  return checkResult('topics', counted(topics.length, 'topic'), findings)
}

/** A broker of the topic that one nameserver does not list, though it knows the broker. */
function judgeViews(
  { topic, routes }: TopicFacts,
  nameservers: readonly NameserverFacts[],
): Finding[] {
  const brokersOf = (route: (typeof routes)[number]['route']): string[] =>
    (route?.queues ?? []).map(({ brokerName }) => brokerName)
  const all = [...new Set(routes.flatMap(({ route }) => brokersOf(route)))].sort()
  return routes.flatMap(({ nameserver, route }) => {
    const facts = nameservers.find(({ address }) => address === nameserver)
    const known = new Set(facts?.brokers.map(({ brokerName }) => brokerName))
    const absent = all.filter((name) => known.has(name) && !brokersOf(route).includes(name))
    if (absent.length === 0) return []
    return problem(
      `${nameserver} does not list ${topic} on ${listed(absent)}, other nameservers do`,
      `wait for the next heartbeat (30 s); if it stays, see the log of ${absent[0]} and mq route ${topic} --diff`,
    )
  })
}

/** Brokers that are listed for the topic without having it, or were meant to have it and do not. */
function judgeWhole({ topic, queues }: Described, brokers: readonly BrokerFacts[]): Finding[] {
  const findings: Finding[] = []
  const masters = brokers.filter(({ topics }) => topics !== null)
  const holders = masters.filter(
    ({ topics }) => topics?.some(({ name }) => name === topic) === true,
  )
  const onPaper = masters
    .filter((broker) => !holders.includes(broker))
    .filter(({ brokerName }) => queues.some((part) => part.brokerName === brokerName))
  if (onPaper.length > 0) {
    findings.push(
      problem(
        `${topic} is listed on ${names(onPaper)}, which does not have it: sends there fail`,
        `make it there: mq topic alter ${topic} --queues N, or mq topic delete ${topic}`,
      ),
    )
  }
  const configs = holders.flatMap(
    (broker) => broker.topics?.find(({ name }) => name === topic) ?? [],
  )
  const plan = configs.flatMap((config) => config.plan ?? []).filter(isFirstOfBroker)
  const planned = new Set(plan.flatMap((part) => (part.queueCount > 0 ? part.brokerName : [])))
  const plannedCount = plan.reduce((sum, part) => sum + part.queueCount, 0)
  const missing = masters.filter(
    (broker) => planned.has(broker.brokerName) && !holders.includes(broker),
  )
  if (missing.length > 0) {
    findings.push(
      problem(
        `${topic} is half made: it was meant to be on ${names(missing)} as well`,
        `mq topic create ${topic} --queues ${plannedCount} makes what is missing`,
      ),
    )
  }
  return [...findings, ...judgeBirths(topic, configs)]
}

/**
 * Made twice by people, or tools, that did not see each other: it is one topic once all its brokers know.
 * Until then a deletion while one of them is away would miss what only that one knows.
 */
function judgeBirths(topic: string, configs: readonly TopicConfig[]): Finding[] {
  const births = configs.map((config) => new Set(birthIdsOf(config))).filter(({ size }) => size > 0)
  const all = births.reduce((some, more) => some.union(more), new Set<string>())
  if (births.every(({ size }) => size === all.size)) return []
  return [
    warning(
      `${topic} was made ${all.size} times, on brokers that do not all know of each other's part yet`,
      'they learn of it with their next heartbeats (30 s); until then delete it only while all of them are up',
    ),
  ]
}

/** Topics a broker has that no nameserver lists for it. */
function judgeUnlisted(
  described: readonly Described[],
  brokers: readonly BrokerFacts[],
): Finding[] {
  const listedOn = new Map<string, Set<string>>()
  for (const { topic, queues } of described) {
    for (const { brokerName } of queues) {
      listedOn.set(brokerName, (listedOn.get(brokerName) ?? new Set()).add(topic))
    }
  }
  const known = new Set(described.map(({ topic }) => topic))
  return brokers.flatMap(({ brokerName, topics }) => {
    // A name that no nameserver lists at all is a server's own, or a topic of this broker alone.
    const unlisted = (topics ?? [])
      .filter(({ name }) => known.has(name) && listedOn.get(brokerName)?.has(name) !== true)
      .map(({ name }) => name)
    if (unlisted.length === 0) return []
    return problem(
      `${brokerName} has ${listed(unlisted)}, but no nameserver lists it there`,
      `wait for its next heartbeat (30 s); if it stays, see the log of ${brokerName}`,
    )
  })
}

function judgeSpread(described: readonly Described[], brokers: readonly BrokerFacts[]): Finding[] {
  const masterCount = new Set(
    brokers.filter(({ brokerId }) => brokerId === MASTER_ID).map(({ brokerName }) => brokerName),
  ).size
  if (masterCount < 2) return []
  const findings: Finding[] = []
  const single = described.filter(({ queues }) => queues.length === 1)
  if (single.length > 0) {
    const topics = single.map(({ topic }) => topic)
    findings.push(
      warning(
        `on one broker only, and gone while it is away: ${listed(topics)}`,
        `spread it: mq topic alter ${topics[0]} --queues N`,
      ),
    )
  }
  for (const { topic, queues } of described) {
    const counts = queues
      .filter(({ permission }) => (permission & PERMISSION.write) !== 0)
      .filter(({ writeQueueCount }) => writeQueueCount > 0)
      .map(({ brokerName, writeQueueCount }) => ({ brokerName, writeQueueCount }))
      .sort((a, b) => a.writeQueueCount - b.writeQueueCount)
    const [least] = counts
    const most = counts.at(-1)
    if (least === undefined || most === undefined || counts.length < 2) continue
    if (most.writeQueueCount < UNEVEN_RATIO * least.writeQueueCount) continue
    const total = counts.reduce((sum, { writeQueueCount }) => sum + writeQueueCount, 0)
    findings.push(
      warning(
        `${topic} is spread unevenly: ${least.writeQueueCount} queues on ${least.brokerName}, ${most.writeQueueCount} on ${most.brokerName}`,
        `mq topic plan ${topic} --queues ${total} shows how to even it out`,
      ),
    )
  }
  return findings
}

function judgeWritable(
  described: readonly Described[],
  brokers: readonly BrokerFacts[],
): Finding[] {
  const isDraining = (name: string): boolean =>
    brokers.some(
      ({ brokerName, runtime }) => brokerName === name && runtime?.get('isDraining') === 'true',
    )
  return described.flatMap(({ topic, queues }) => {
    const closed = queues.filter(
      ({ permission, writeQueueCount }) =>
        (permission & PERMISSION.write) === 0 || writeQueueCount === 0,
    )
    if (closed.length === 0) return []
    if (closed.length === queues.length) {
      return warning(
        `nobody can send to ${topic}: it has no writable queue`,
        `mq topic alter ${topic} --permission rw`,
      )
    }
    const unexpected = closed.filter(({ brokerName }) => !isDraining(brokerName))
    if (unexpected.length === 0) return []
    return warning(
      `${topic} takes no messages on ${listed(unexpected.map(({ brokerName }) => brokerName))}`,
      `if that is not meant: mq topic alter ${topic} --permission rw`,
    )
  })
}

/** Every broker that has a topic repeats its whole plan. */
function isFirstOfBroker(
  part: { brokerName: string },
  at: number,
  all: readonly { brokerName: string }[],
): boolean {
  return all.findIndex(({ brokerName }) => brokerName === part.brokerName) === at
}

function names(brokers: readonly BrokerFacts[]): string {
  return listed(brokers.map(({ brokerName }) => brokerName))
}
