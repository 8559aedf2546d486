// Brokers and nameservers, and what each nameserver says.

import type {
  BrokerSummary,
  ClusterView,
  Gathered,
  ProbeResult,
  RegistrationsView,
  RouteView,
} from './admin-results.ts'
import type { Client } from './client.ts'

export class ClusterAdmin {
  constructor(client: Client) {
    throw new Error(client.id)
  }

  /** Each nameserver's own list of clusters and brokers. */
  views(): Promise<ClusterView[]> {
    throw new Error()
  }

  /** Every broker any nameserver lists. Rejects if no nameserver answers. */
  brokers(): Promise<Gathered<BrokerSummary[]>> {
    throw new Error()
  }

  /** The topic's route as each nameserver sees it. */
  routes(topic: string): Promise<RouteView[]> {
    throw new Error(topic)
  }

  /** When each nameserver last heard of each broker. */
  registrations(): Promise<RegistrationsView[]> {
    throw new Error()
  }

  /** Whether a node answers at all, and how fast. Never rejects. */
  probe(address: string): Promise<ProbeResult> {
    throw new Error(address)
  }

  /** What a broker tells of itself: version, rates, totals (all text). */
  runtime(address: string): Promise<Map<string, string>> {
    throw new Error(address)
  }
}
