// Consumes as a member of a group.

import type { Client } from './client.ts'
import type { ConsumerOptions, ConsumerStats } from './consumer-options.ts'
import type { MessageQueue } from './message.ts'

export class Consumer {
  constructor(client: Client, options: ConsumerOptions) {
    throw new Error(`${client.id} ${options.group}`)
  }

  /** Resolves once it has joined and taken its queues. Rejects if no topic has a route. */
  async start(): Promise<void> {}

  /** The queues this member owns now. */
  assignment(): MessageQueue[] {
    return []
  }

  stats(): ConsumerStats {
    throw new Error()
  }

  /**
   * Stops pulling, waits for running handlers, commits, leaves the group. Safe to call twice. A
   * handler may call it but must not wait for it.
   */
  async close(): Promise<void> {}
}
