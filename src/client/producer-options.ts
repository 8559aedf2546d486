// How a producer is set up and what it counts.

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
  /** Attempts after the first, each on another broker if there is one (keyed: the same queue). */
  retries?: number
  /** For one send with all its attempts. */
  timeoutMs?: number
  /** Leave a broker alone for a while after it failed or was slow (round robin and weighted). */
  avoidsFaults?: boolean
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
