// How a producer is set up and what it counts.

import { MqError } from '../core/errors.ts'

/** Brokers ("broker-a") or single queues ("broker-a:0") → a positive integer; absent ones weigh 1. */
export type QueueWeights = Readonly<Record<string, number>>

export type PolicyChoice =
  | { kind: 'round-robin' }
  | { kind: 'weighted'; weights: QueueWeights }
  /** Key modulo the number of queues. Messages without a key go round robin. */
  | { kind: 'key-hash' }
  /** Key on a ring: when one of n queues goes, only about 1/n of the keys move. */
  | { kind: 'consistent-hash' }

export interface SendAttempt {
  topic: string
  brokerName: string
  queueId: number
  /** Messages that travelled in this request. */
  messageCount: number
  /** 1 for the first attempt at these messages. */
  attempt: number
  elapsedMs: number
  /** Null if the broker acknowledged. */
  error: Error | null
}

export interface ProducerOptions {
  group?: string
  policy?: PolicyChoice
  /**
   * Attempts after the first, each on another broker if there is one. Keyed sends are repeated on
   * their own queue until their time is over instead; 0 stops that too.
   */
  retries?: number
  /** For one send with all its attempts, from when it was let in. Each attempt gets an equal part. */
  timeoutMs?: number
  /** Leave a broker alone for a while after it failed or was slow (round robin and weighted). */
  avoidsFaults?: boolean
  /**
   * Ask for the route again after an error, instead of only every 30 s. Off shows how long a stale
   * route is used.
   */
  refreshesRoutes?: boolean
  /**
   * For keyed sends when queues come or go. 'follow': the route decides, keys move with it once
   * everything sent before is settled. 'fixed': the queues of the first send stay, and a send whose
   * queue is gone fails after its time, so that no key ever changes its queue.
   */
  queueSet?: 'follow' | 'fixed'
  /** How long a message may wait for company in its batch. 0: what is sent in one go travels together. */
  lingerMs?: number
  /** 1 turns batching off. */
  batchMessagesMax?: number
  batchBytesMax?: number
  /** Sends not yet acknowledged; beyond either bound `send` waits. */
  inFlightMessagesMax?: number
  inFlightBytesMax?: number
  onAttempt?: (attempt: SendAttempt) => void
}

export interface BrokerCounters {
  /** Requests; a batch is one. */
  attempts: number
  failedAttempts: number
  /** Messages acknowledged. */
  sent: number
}

export interface ProducerStats {
  /** Messages acknowledged. */
  sent: number
  /** Messages given up. */
  failed: number
  /** Requests; a batch is one. */
  attempts: number
  /** Requests that repeated an earlier one. */
  retried: number
  byBroker: ReadonlyMap<string, Readonly<BrokerCounters>>
}

export const PRODUCER_DEFAULTS = {
  group: 'mq-producer',
  policy: { kind: 'round-robin' } as PolicyChoice,
  retries: 2,
  timeoutMs: 3_000,
  avoidsFaults: true,
  refreshesRoutes: true,
  queueSet: 'follow' as 'follow' | 'fixed',
  lingerMs: 0,
  // An answer names every message by 33 characters, and its header must stay below 64 KiB.
  batchMessagesMax: 1_000,
  batchBytesMax: 512 * 1024,
  inFlightMessagesMax: 10_000,
  inFlightBytesMax: 32 * 1024 * 1024,
}

/** Throws USAGE naming the option and its value. */
export function checkProducerOptions(options: typeof PRODUCER_DEFAULTS): void {
  const { batchMessagesMax, policy } = options
  for (const name of ['batchBytesMax', 'inFlightMessagesMax', 'inFlightBytesMax'] as const) {
    mustBe(options[name] >= 1, name, 'at least 1', options[name])
  }
  mustBe(options.retries >= 0, 'retries', 'at least 0', options.retries)
  mustBe(options.timeoutMs >= 1, 'timeoutMs', 'at least 1', options.timeoutMs)
  mustBe(options.lingerMs >= 0, 'lingerMs', 'at least 0', options.lingerMs)
  mustBe(
    batchMessagesMax >= 1 && batchMessagesMax <= PRODUCER_DEFAULTS.batchMessagesMax,
    'batchMessagesMax',
    `from 1 to ${PRODUCER_DEFAULTS.batchMessagesMax}`,
    batchMessagesMax,
  )
  if (policy.kind !== 'weighted') return
  for (const [name, weight] of Object.entries(policy.weights)) {
    const isFine = Number.isInteger(weight) && weight >= 1 && weight <= 1_000_000
    mustBe(isFine, `the weight of ${name}`, 'a whole number from 1 to 1,000,000', weight)
  }
}

function mustBe(isFine: boolean, name: string, range: string, value: number): void {
  if (!isFine) throw new MqError('USAGE', `${name} must be ${range}, got ${value}`)
}
