// What the request handlers of one broker share.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { Connection } from '../remoting/connection.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import type { HostPort } from '../remoting/network.ts'
import type { QueueKey } from '../store/append-log.ts'
import type { MessageStore } from '../store/message-store.ts'
import type { BrokerConfig } from './config.ts'
import type { CommittedOffsets } from './offsets.ts'
import type { QueueChanger } from './queue-changer.ts'
import type { BrokerState, Topic } from './state.ts'
import type { StateWriter } from './state-writer.ts'
import type { Topics } from './topics.ts'

export interface BrokerContext {
  config: BrokerConfig
  /** The address peers are told; its host is an IPv4 address in numbers. */
  advertised: HostPort
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  store: MessageStore
  state: BrokerState
  writer: StateWriter
  topics: Topics
  changer: QueueChanger
  offsets: CommittedOffsets
  /** Resolves when the nameservers know the topics as they are, or cannot be told in time. */
  announce: () => Promise<void>
}

/** What serves consumers, wired into the broker: made by consumer-side.ts. */
export interface ConsumerSide {
  handlers: [number, RequestHandler][]
  /** A queue got new committed messages. */
  onArrival(queue: QueueKey): void
  /** A topic was made or altered. */
  onTopicChanged(name: string): void
  /** Nobody is left to be served from its queues. */
  onTopicDeleted(topic: Topic): void
  onConnectionClosed(connection: Connection): void
  /** Begins its timers. */
  start(): void
  /** Answers every parked pull and ends its timers. */
  stop(): void
}
