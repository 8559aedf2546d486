// Sends messages.

import type { Client } from './client.ts'
import type { OutgoingMessage, SendReceipt } from './message.ts'
import type { ProducerOptions, ProducerStats } from './producer-options.ts'

export class Producer {
  constructor(client: Client, options: ProducerOptions = {}) {
    throw new Error(`${client.id} ${options.group}`)
  }

  /**
   * Resolves when a broker has acknowledged. Waits its turn while too much is under way; a caller
   * that pipelines should `await ready()` first, so that nothing piles up.
   */
  send(message: OutgoingMessage): Promise<SendReceipt> {
    throw new Error(message.topic)
  }

  /** All or none, next to each other in one queue. One topic, and together at most one batch. */
  sendBatch(messages: readonly OutgoingMessage[]): Promise<SendReceipt[]> {
    throw new Error(String(messages.length))
  }

  /** Resolves when the message is on its way. It may be lost without anyone hearing of it. */
  sendOneway(message: OutgoingMessage): Promise<void> {
    throw new Error(message.topic)
  }

  /** Resolves when there is room for more. */
  ready(): Promise<void> {
    throw new Error()
  }

  /** Resolves when everything sent so far is acknowledged or given up. */
  flush(): Promise<void> {
    throw new Error()
  }

  stats(): ProducerStats {
    throw new Error()
  }

  /** Settles what is under way, then leaves. Safe to call twice. */
  async close(): Promise<void> {}
}
