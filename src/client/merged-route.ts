// One route from what several nameservers say: every broker and queue that any of them knows. For
// showing what is there; clients never merge, they take one nameserver's word. Pure.

import type { BrokerAddresses, TopicQueues, TopicRoute } from '../remoting/route.ts'

/** Null for no routes. Of two answers about a broker the one with more queues counts. */
export function mergedRoute(routes: readonly TopicRoute[]): TopicRoute | null {
  const first = routes[0]
  if (first === undefined) return null
  const brokers = new Map<string, BrokerAddresses>()
  const queues = new Map<string, TopicQueues>()
  for (const route of routes) {
    for (const broker of route.brokers) {
      const known = brokers.get(broker.brokerName)
      const addresses = new Map([...(known?.addresses ?? []), ...broker.addresses])
      brokers.set(broker.brokerName, { ...broker, addresses })
    }
    for (const part of route.queues) {
      const known = queues.get(part.brokerName)
      if (known === undefined || part.readQueueCount > known.readQueueCount) {
        queues.set(part.brokerName, part)
      }
    }
  }
  return { ...first, brokers: [...brokers.values()], queues: [...queues.values()] }
}
