// Reads a topic without a group: nothing is committed, nobody shares.

import type { Client } from './client.ts'
import type { ReceivedMessage } from './message.ts'
import type { StartPosition } from './start-position.ts'

export interface ReaderOptions {
  topic: string
  from: StartPosition
  /** True: go on for ever. False: stop at what was the end of each queue when reading began. */
  follows: boolean
  /** "*" (default) or tags: "a || b". */
  tags?: string
  bufferedMessagesMax?: number
  bufferedBytesMax?: number
}

/** `for await (const message of reader)`; in order within each queue. */
export class Reader implements AsyncIterable<ReceivedMessage> {
  constructor(client: Client, options: ReaderOptions) {
    throw new Error(`${client.id} ${options.topic}`)
  }

  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage> {
    throw new Error()
  }

  /** Ends the iteration. Safe to call twice. */
  async close(): Promise<void> {}
}
