// Whether every broker of a cluster answers, for people who ask. Bounded: a prober that opens a
// connection to every broker at once is a load of its own, and finds its own bottleneck. Liveness never
// depends on it: that is for brokers to say, with their heartbeats.

import type { ProbeResult } from './admin-results.ts'
import { mapBounded } from './bounded.ts'
import type { Client } from './client.ts'
import { ClusterAdmin } from './cluster-admin.ts'

export const PROBES_AT_ONCE_MAX = 32

/** By address; each was connected to and asked one small question. Never rejects. */
export async function probeBrokers(
  client: Client,
  addresses: readonly string[],
  concurrencyMax = PROBES_AT_ONCE_MAX,
): Promise<Map<string, ProbeResult>> {
  const admin = new ClusterAdmin(client)
  const results = await mapBounded(addresses, concurrencyMax, (address) => admin.probe(address))
  return new Map(results.map((result) => [result.address, result]))
}
