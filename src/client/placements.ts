// What a route says of a topic, broker by broker.

import type { TopicRoute } from '../remoting/route.ts'
import type { TopicPlacement } from './admin-results.ts'
import { compareText } from './message.ts'
import { readAddress } from './publish-queues.ts'

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
