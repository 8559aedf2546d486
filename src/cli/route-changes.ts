// What became of a route: one entry for each broker that joined, left, or is described otherwise than
// before. Pure.

import type { TopicRoute } from '../remoting/route.ts'
import { formatPermission } from './permission.ts'

export interface RouteChange {
  change: 'joined' | 'left' | 'changed'
  brokerName: string
  /** As people read it; null where the broker was not, or is no longer, in the route. */
  before: string | null
  after: string | null
}

/** By broker name. A topic without a route is one without brokers. */
export function routeChanges(before: TopicRoute | null, after: TopicRoute | null): RouteChange[] {
  const was = describeBrokers(before)
  const is = describeBrokers(after)
  const names = [...new Set([...was.keys(), ...is.keys()])].sort()
  return names.flatMap((brokerName): RouteChange[] => {
    const [old = null, now = null] = [was.get(brokerName), is.get(brokerName)]
    if (old === now) return []
    const change = old === null ? 'joined' : now === null ? 'left' : 'changed'
    return [{ change, brokerName, before: old, after: now }]
  })
}

/** Broker name → "4 read, 4 write, rw at 10.0.0.1:10911". */
function describeBrokers(route: TopicRoute | null): Map<string, string> {
  const described = new Map<string, string>()
  for (const { brokerName, addresses } of route?.brokers ?? []) {
    const queues = route?.queues.find((each) => each.brokerName === brokerName)
    const counts = `${queues?.readQueueCount ?? 0} read, ${queues?.writeQueueCount ?? 0} write`
    const permission = formatPermission(queues?.permission ?? 0)
    const places = [...addresses]
      .sort(([a], [b]) => a - b)
      .map(([id, address]) => (id === 0 ? address : `${address} (id ${id})`))
    described.set(brokerName, `${counts}, ${permission} at ${places.join(', ') || 'no address'}`)
  }
  return described
}
