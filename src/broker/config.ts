// The settings of a broker and their defaults. Every interval is in milliseconds, so that tests run
// the real numbers in virtual time and people can scale them.

import { MqError } from '../core/errors.ts'
import { MESSAGE_BYTES_MAX } from '../core/limits.ts'
import { isBrokerName } from '../core/names.ts'
import type { HostPort } from '../remoting/network.ts'
import { parseSeed } from '../remoting/seeds.ts'

const HOUR_MS = 3_600_000

export interface BrokerConfig {
  name: string
  cluster: string
  listen: HostPort
  /** What peers are told to connect to; null: the address listened on. */
  advertise: HostPort | null
  /**
   * "host:port" of each nameserver, or "dns:name:port" for all that DNS knows under a name: the
   * broker registers with each of them on its own.
   */
  nameservers: string[]
  /** Whether a send to an unknown topic makes it. */
  autoCreateTopics: boolean
  /** Queues of a topic made that way, unless the client asks for fewer. */
  autoCreateQueueCount: number
  messageBytesMax: number
  /** `sync`: an acknowledged message is on disk. `async`: a power cut may take the last ones. */
  flush: 'sync' | 'async'

  heartbeatIntervalMs: number
  registerTimeoutMs: number
  /** A failed registration is tried again after this, doubling up to the second. */
  registerRetryMsMin: number
  registerRetryMsMax: number
  /** How long a topic change waits for the nameservers to know it before it is answered anyway. */
  announceTimeoutMs: number
  unregisterTimeoutMs: number

  /** Segments whose newest message is older are dropped. */
  retentionMs: number
  /** Oldest segments are dropped above this; 0: no limit. */
  retentionBytes: number
  retentionIntervalMs: number
  /** Consumer offsets are in the log at most this long after they were committed. */
  offsetsIntervalMs: number

  /** How often silent clients are looked for, and how long one may be silent. */
  clientScanIntervalMs: number
  clientExpiryMs: number
}

/** What may change while the broker runs; everything else is fixed when it starts. */
export type LiveBrokerConfig = Pick<
  BrokerConfig,
  'nameservers' | 'heartbeatIntervalMs' | 'retentionMs' | 'retentionBytes'
>

export function defaultBrokerConfig(): BrokerConfig {
  return {
    name: 'broker-a',
    cluster: 'DefaultCluster',
    listen: { host: '127.0.0.1', port: 10_911 },
    advertise: null,
    nameservers: ['127.0.0.1:9876'],
    autoCreateTopics: false,
    autoCreateQueueCount: 8,
    messageBytesMax: MESSAGE_BYTES_MAX,
    flush: 'sync',
    heartbeatIntervalMs: 30_000,
    registerTimeoutMs: 6_000,
    registerRetryMsMin: 100,
    registerRetryMsMax: 3_000,
    announceTimeoutMs: 2_000,
    unregisterTimeoutMs: 3_000,
    retentionMs: 72 * HOUR_MS,
    retentionBytes: 0,
    retentionIntervalMs: 10_000,
    offsetsIntervalMs: 1_000,
    clientScanIntervalMs: 10_000,
    clientExpiryMs: 120_000,
  }
}

/** Throws CONFIG_INVALID naming the key and its value. */
export function checkBrokerConfig(config: BrokerConfig): void {
  for (const key of ['name', 'cluster'] as const) {
    if (!isBrokerName(config[key])) {
      throw new MqError('CONFIG_INVALID', `invalid broker ${key} "${config[key]}"`, {
        hint: 'use 1 to 127 of the characters A-Z a-z 0-9 _ - % |',
      })
    }
  }
  for (const seed of config.nameservers) parseSeed(seed)
  for (const [key, value] of Object.entries(config)) {
    if (typeof value === 'number' && !(Number.isFinite(value) && value >= 0)) {
      throw new MqError('CONFIG_INVALID', `${key} must not be negative, got ${value}`)
    }
    if (key.endsWith('IntervalMs') && value === 0) {
      throw new MqError('CONFIG_INVALID', `${key} must be more than 0`)
    }
  }
  if (config.messageBytesMax > MESSAGE_BYTES_MAX) {
    throw new MqError(
      'CONFIG_INVALID',
      `messageBytesMax is ${config.messageBytesMax}, at most ${MESSAGE_BYTES_MAX} is possible`,
    )
  }
}
