// A member of a consumer group: notes what it is handed and what it has finished, takes its time about
// it, and now and then fails, as handlers do.

import { Client } from '../../client/client.ts'
import { Consumer } from '../../client/consumer.ts'
import { type MessageQueue, queueName, type ReceivedMessage } from '../../client/message.ts'
import { type Clock, sleep } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import { messageId } from './message-body.ts'
import { type GroupPlan, randomFor } from './plan.ts'
import { clientOptions } from './producer-node.ts'
import { type Run, WorldNode, type WorldParts } from './world-node.ts'

export class MemberNode extends WorldNode {
  readonly group: GroupPlan
  readonly #index: number
  readonly #random: Random
  #client: Client | null = null
  #consumer: Consumer | null = null

  /** `index` counts the members of all groups. */
  constructor(parts: WorldParts, options: { group: GroupPlan; host: string; index: number }) {
    super(parts, { host: options.host, role: 'member' })
    this.group = options.group
    this.#index = options.index
    this.#random = randomFor(parts.plan.seed, `work ${options.host}`)
  }

  get client(): Client | null {
    return this.isUp ? this.#client : null
  }

  get consumer(): Consumer | null {
    return this.isUp ? this.#consumer : null
  }

  protected async boot(run: Run): Promise<void> {
    const { plan, seams } = this.parts
    const client = new Client(seams.clientOptions({ ...run, ...clientOptions(plan, this.host) }))
    this.#client = client
    const { name, topics, allocation, concurrency, batchMessagesMax } = this.group
    const { isOrdered, cachedMessagesMax, commitIntervalMs, rebalanceIntervalMs } = this.group
    const options = {
      group: name,
      topics: topics.map((topic) => ({ topic })),
      allocation,
      isOrdered,
      concurrency,
      batchMessagesMax,
      cachedMessagesMax,
      commitIntervalMs,
      rebalanceIntervalMs,
      from: { kind: 'start' as const },
      onMessages: (messages: readonly ReceivedMessage[], queue: MessageQueue) =>
        this.#handle(run.clock, messages, queue),
    }
    const consumer = new Consumer(client, seams.consumerOptions(options, this.#index))
    this.#consumer = consumer
    await consumer.start()
  }

  protected async shutDown(): Promise<void> {
    await this.#client?.close()
  }

  protected ended(): void {
    this.#client = null
    this.#consumer = null
  }

  async #handle(
    clock: Clock,
    messages: readonly ReceivedMessage[],
    at: MessageQueue,
  ): Promise<void> {
    const { history, workEndsMs } = this.parts
    const { name: group, handlerMsMax, handlerFailures } = this.group
    const queue = queueName(at)
    const member = this.runName
    for (const { queueOffset: offset, body } of messages) {
      history.note({ kind: 'delivered', group, member, queue, offset, id: messageId(body) })
    }
    // Afterwards it hurries, so that a long backlog is not taken for a stuck one.
    const isAtWork = this.parts.clock.monoMs() < workEndsMs
    if (isAtWork && handlerMsMax > 0) await sleep(clock, this.#random.below(handlerMsMax))
    if (isAtWork && this.#random.float() < handlerFailures) throw new Error('the handler failed')
    for (const { queueOffset: offset } of messages) {
      history.note({ kind: 'processed', group, queue, offset })
    }
  }
}
