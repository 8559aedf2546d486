// How many queues of a topic each broker gets. Pure.

import { PERMISSION } from '../remoting/codes.ts'
import type { BrokerSummary, TopicPlacement } from './admin-results.ts'

/** As evenly as possible: 8 on 3 are 3, 3 and 2. The first get the rest. */
export function spreadEvenly(queueCount: number, brokerCount: number): number[] {
  return Array.from(
    { length: brokerCount },
    (_, at) => Math.floor(queueCount / brokerCount) + (at < queueCount % brokerCount ? 1 : 0),
  )
}

/** A new topic: brokers that would get no queue are left out. */
export function planCreation(
  brokers: readonly BrokerSummary[],
  options: { queueCount: number; permission: number },
): TopicPlacement[] {
  const counts = spreadEvenly(options.queueCount, brokers.length)
  return brokers.flatMap(({ brokerName, address }, at) => {
    const queueCount = counts[at] as number
    const { permission } = options
    if (queueCount === 0) return []
    return {
      brokerName,
      address,
      readQueueCount: queueCount,
      writeQueueCount: queueCount,
      permission,
    }
  })
}

/**
 * The placements to be changed, as they will be. Queues are only ever taken from writers: where a
 * broker has more than its share now, readers keep what is stored there.
 */
export function planChange(
  current: readonly TopicPlacement[],
  brokers: readonly BrokerSummary[],
  change: { queueCount: number | null; permission: number | null },
): TopicPlacement[] {
  const planned = current.map((placement) => ({ ...placement }))
  if (change.queueCount !== null) {
    // Those that have queues come first, so that the rest of the division needs no new broker.
    for (const { brokerName, address } of brokers) {
      if (planned.some((placement) => placement.brokerName === brokerName)) continue
      const permission = current[0]?.permission ?? PERMISSION.read | PERMISSION.write
      planned.push({ brokerName, address, readQueueCount: 0, writeQueueCount: 0, permission })
    }
    const counts = spreadEvenly(change.queueCount, planned.length)
    for (const [at, placement] of planned.entries()) resize(placement, counts[at] as number)
  }
  if (change.permission !== null) {
    for (const placement of planned) {
      if (placement.readQueueCount > 0) placement.permission = change.permission
    }
  }
  return planned.filter((placement) => {
    const before = current.find(({ brokerName }) => brokerName === placement.brokerName)
    return before === undefined ? placement.readQueueCount > 0 : !isSame(before, placement)
  })
}

function resize(placement: TopicPlacement, queueCount: number): void {
  if (queueCount > 0) {
    placement.writeQueueCount = queueCount
    placement.readQueueCount = Math.max(placement.readQueueCount, queueCount)
    placement.permission |= PERMISSION.write
  } else {
    // Brokers know no topic without queues; one that takes no writes comes to the same.
    placement.permission &= ~PERMISSION.write
  }
}

function isSame(a: TopicPlacement, b: TopicPlacement): boolean {
  return (
    a.readQueueCount === b.readQueueCount &&
    a.writeQueueCount === b.writeQueueCount &&
    a.permission === b.permission
  )
}
