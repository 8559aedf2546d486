// Registrations of made-up brokers, for tests of the nameserver: everything has a sensible value unless
// the test says otherwise.

import type { Registration } from '../../src/nameserver/registration-rules.ts'
import type { RouteTable } from '../../src/nameserver/route-table.ts'
import type { TopicConfig } from '../../src/remoting/topic-config.ts'

export const EXPIRY_MS = 120_000

export function topicOf(name: string, options: Partial<TopicConfig> = {}): TopicConfig {
  return {
    name,
    readQueueCount: 4,
    writeQueueCount: 4,
    permission: 6,
    systemFlag: 0,
    isOrdered: false,
    ...options,
  }
}

export function registrationOf(
  brokerName: string,
  options: Partial<Omit<Registration, 'dataVersion'>> & { counter?: number } = {},
): Registration {
  const { counter = 1, ...rest } = options
  const brokerId = options.brokerId ?? 0
  return {
    cluster: 'C',
    brokerName,
    brokerId,
    address: `10.0.0.1:${brokerName.charCodeAt(0) * 100 + brokerId}`,
    haServerAddress: `10.0.0.1:${brokerName.charCodeAt(0) * 100 + 50 + brokerId}`,
    expiryMs: EXPIRY_MS,
    dataVersion: { stateVersion: 0, timestampMs: 0, counter },
    topics: [topicOf('T'), topicOf('U')],
    isDraining: false,
    actsAsMaster: null,
    ...rest,
  }
}

/** A connection that only knows whether it was closed. */
export class FakeOwner {
  isDestroyed = false
  destroy(): void {
    this.isDestroyed = true
  }
}

/** A route as one line: "a 0=10.0.0.1:9700 4r4w6, b …"; "-" if there is none. */
export function routeLine(table: RouteTable, topic: string): string {
  const route = table.routeOf(topic)
  if (route === null) return '-'
  const parts = route.queues.map((queues, i) => {
    const addresses = [...(route.brokers[i]?.addresses ?? [])].map(([id, at]) => `${id}=${at}`)
    const counts = `${queues.readQueueCount}r${queues.writeQueueCount}w${queues.permission}`
    return `${queues.brokerName} ${addresses.join('+')} ${counts}`
  })
  return parts.join(', ')
}
