// Topics: list, show, create, alter, delete.

import type {
  Gathered,
  TopicChange,
  TopicCreation,
  TopicDescription,
  TopicPlacement,
  TopicSummary,
} from './admin-results.ts'
import type { Client } from './client.ts'

export class TopicAdmin {
  constructor(client: Client) {
    throw new Error(client.id)
  }

  /** Every topic any nameserver knows, by name. */
  list(): Promise<Gathered<TopicSummary[]>> {
    throw new Error()
  }

  /** Rejects with TOPIC_NOT_FOUND. */
  show(topic: string): Promise<Gathered<TopicDescription>> {
    throw new Error(topic)
  }

  /** Rejects with TOPIC_EXISTS. Resolves when the nameservers show it, or names those that do not. */
  create(creation: TopicCreation): Promise<Gathered<TopicPlacement[]>> {
    throw new Error(creation.topic)
  }

  /** More or fewer queues, or another permission. */
  alter(change: TopicChange): Promise<Gathered<TopicPlacement[]>> {
    throw new Error(change.topic)
  }

  /** On every broker that has it, then in every nameserver. */
  delete(topic: string): Promise<Gathered<string[]>> {
    throw new Error(topic)
  }
}
