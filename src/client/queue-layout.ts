// A list of queues that keys are shared out over, as text that producers, brokers and whoever changes
// the list can compare. Pure.

import { partsOf, type QueueLayout } from '../remoting/topic-change.ts'
import { keyHash } from './key-hash.ts'
import { compareText, type MessageQueue } from './message.ts'

/** Of publishQueues(): each broker's queues begin at 0. */
export function layoutOf(queues: readonly MessageQueue[]): QueueLayout {
  const counts = new Map<string, number>()
  for (const { brokerName } of queues) counts.set(brokerName, (counts.get(brokerName) ?? 0) + 1)
  return layoutOfCounts([...counts].map(([brokerName, queueCount]) => ({ brokerName, queueCount })))
}

export function layoutOfCounts(
  counts: readonly { brokerName: string; queueCount: number }[],
): QueueLayout {
  const some = counts.filter(({ queueCount }) => queueCount > 0)
  const sum = some.reduce((total, { queueCount }) => total + queueCount, 0)
  const queues = some
    .sort((a, b) => compareText(a.brokerName, b.brokerName))
    .map(({ brokerName, queueCount }) => `${brokerName}:${queueCount}`)
    .join(';')
  return { queues, tag: `${sum}-${keyHash(queues).toString(36)}` }
}

export function queuesOfLayout(topic: string, layout: QueueLayout): MessageQueue[] {
  return partsOf(layout).flatMap(({ brokerName, queueCount }) =>
    Array.from({ length: queueCount }, (_, queueId) => ({ topic, brokerName, queueId })),
  )
}
