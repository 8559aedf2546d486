// What changing the number of a topic's queues would do, before it is done: per broker the queues that
// stay, come and go. Pure; planning itself is in topic-plan.ts.

import { PERMISSION } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { queueCountOn, type TopicChange } from '../remoting/topic-change.ts'
import type { BrokerSummary, TopicPlacement } from './admin-results.ts'
import { compareText } from './message.ts'
import { placementsOf } from './placements.ts'
import { publishQueues } from './publish-queues.ts'
import { layoutOf, layoutOfCounts } from './queue-layout.ts'
import { planChange } from './topic-plan.ts'

export interface BrokerQueues {
  brokerName: string
  address: string
  /** Queues for writers. */
  beforeCount: number
  afterCount: number
  newQueueIds: number[]
  /** Still readable now, gone afterwards. */
  retiredQueueIds: number[]
}

export interface QueuePlan {
  topic: string
  queueCount: number
  before: TopicChange['before']
  after: TopicChange['after']
  brokers: BrokerQueues[]
}

export function planQueues(options: {
  topic: string
  route: TopicRoute
  /** Masters of the topic's clusters. */
  brokers: readonly BrokerSummary[]
  queueCount: number
}): QueuePlan {
  const { topic, route, brokers, queueCount } = options
  const current = placementsOf(route)
  const changed = planChange(current, brokers, { queueCount, permission: null })
  const counts = new Map<string, number>()
  for (const placement of [...current, ...changed]) {
    counts.set(placement.brokerName, writableCount(placement))
  }
  const after = layoutOfCounts(
    [...counts].map(([brokerName, count]) => ({ brokerName, queueCount: count })),
  )
  const before = layoutOf(publishQueues(topic, route))
  return describePlan({ topic, route, brokers, before, after })
}

/** Of a change that is on its way, or of one that is planned. */
export function describePlan(options: {
  topic: string
  route: TopicRoute
  brokers: readonly BrokerSummary[]
  before: TopicChange['before']
  after: TopicChange['after']
}): QueuePlan {
  const { topic, route, brokers, before, after } = options
  const placements = placementsOf(route)
  const names = [...new Set([...placements, ...brokers].map(({ brokerName }) => brokerName))]
  const rows = names.sort(compareText).map((brokerName): BrokerQueues => {
    const placement = placements.find((each) => each.brokerName === brokerName)
    const known = brokers.find((each) => each.brokerName === brokerName)
    const beforeCount = queueCountOn(before, brokerName)
    const afterCount = queueCountOn(after, brokerName)
    const isReadable = ((placement?.permission ?? 0) & PERMISSION.read) !== 0
    const readableCount = isReadable ? (placement?.readQueueCount ?? 0) : 0
    return {
      brokerName,
      address: known?.address ?? placement?.address ?? '',
      beforeCount,
      afterCount,
      newQueueIds: range(beforeCount, afterCount),
      retiredQueueIds: range(afterCount, Math.max(beforeCount, readableCount)),
    }
  })
  return {
    topic,
    queueCount: rows.reduce((sum, { afterCount }) => sum + afterCount, 0),
    before,
    after,
    brokers: rows.filter(
      (row) => row.beforeCount + row.afterCount + row.retiredQueueIds.length > 0,
    ),
  }
}

/** How uneven a plan is: the most queues of a broker minus the fewest. */
export function spreadOf(counts: readonly number[]): number {
  return counts.length === 0 ? 0 : Math.max(...counts) - Math.min(...counts)
}

function writableCount(placement: TopicPlacement): number {
  return (placement.permission & PERMISSION.write) === 0 ? 0 : placement.writeQueueCount
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i)
}
