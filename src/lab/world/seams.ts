// Where a world lets somebody change what its nodes are made of: their disks, logs, networks, clocks
// and options. An honest world changes nothing; planted-bugs.ts uses these to break one rule at a time.

import type { BrokerConfig } from '../../broker/config.ts'
import type { ClientOptions } from '../../client/client.ts'
import type { ConsumerOptions } from '../../client/consumer-options.ts'
import type { ProducerOptions } from '../../client/producer-options.ts'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { Network } from '../../remoting/network.ts'
import type { AppendLog } from '../../store/append-log.ts'
import type { MemoryDisk } from '../../store/memory-disk.ts'

export type Role = 'nameserver' | 'broker' | 'producer' | 'member'

export interface Seams {
  /** Milliseconds until a write is on the platter; null: when it is acknowledged. */
  syncDelayMs(planned: number | null): number | null
  log(log: AppendLog, disk: MemoryDisk): AppendLog
  network(network: Network, role: Role): Network
  clock(clock: Clock, role: Role): Clock
  random(random: Random, role: Role): Random
  brokerConfig(config: BrokerConfig): BrokerConfig
  clientOptions(options: ClientOptions): ClientOptions
  producerOptions(options: ProducerOptions): ProducerOptions
  /** `index` counts the members of all groups as they start. */
  consumerOptions(options: ConsumerOptions, index: number): ConsumerOptions
}

export const HONEST: Seams = {
  syncDelayMs: (planned) => planned,
  log: (log) => log,
  network: (network) => network,
  clock: (clock) => clock,
  random: (random) => random,
  brokerConfig: (config) => config,
  clientOptions: (options) => options,
  producerOptions: (options) => options,
  consumerOptions: (options) => options,
}
