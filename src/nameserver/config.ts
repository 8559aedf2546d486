// The settings of a nameserver and their defaults.

import type { HostPort } from '../remoting/network.ts'

export interface NameserverConfig {
  listen: HostPort
  /** How often silent brokers are looked for. */
  scanIntervalMs: number
  /** A broker silent for longer is evicted, unless it registered with a time of its own. */
  brokerExpiryMs: number
}

/** What may change while the nameserver runs. */
export type LiveNameserverConfig = Partial<
  Pick<NameserverConfig, 'scanIntervalMs' | 'brokerExpiryMs'>
>

export function defaultNameserverConfig(): NameserverConfig {
  return {
    listen: { host: '127.0.0.1', port: 9876 },
    scanIntervalMs: 10_000,
    brokerExpiryMs: 120_000,
  }
}
