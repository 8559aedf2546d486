// The broker's locks of a member that consumes in order: taken before a queue is read, renewed while it
// is, trusted for as long as the broker certainly keeps them, given back when the queue is let go.
//
// Two members may believe that a queue is theirs (their nameservers differ, or one has not heard of a
// change); the broker gives the lock to one of them, the other waits. A member that slept, or cannot
// reach the broker, stops by itself before the broker gives the lock to somebody else.

import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { REQUEST } from '../remoting/codes.ts'
import { decodeLockAnswer, encodeLockRequest } from '../remoting/queue-locks.ts'
import { type MessageQueue, queueName } from './message.ts'
import type { Caller } from './nameserver-calls.ts'

/** As every RocketMQ client. */
export const LEASE_RENEW_INTERVAL_MS = 20_000
/** Half of what the broker keeps a lock for (60 s), so clocks need not agree. */
const LEASE_TRUST_MS = 30_000

export interface QueueLeasesOptions {
  caller: Caller
  clock: Clock
  logger: Logger
  group: string
  clientId: string
  /** The master of a queue's broker; throws if it is not known. */
  addressOf: (queue: MessageQueue) => string
}

export class QueueLeases {
  readonly #options: QueueLeasesOptions
  /** Queue name → when the request was sent that the broker said yes to. */
  readonly #lockedMs = new Map<string, number>()

  constructor(options: QueueLeasesOptions) {
    this.#options = options
  }

  /** Whether the queue may be worked on now. */
  isHeld(queue: MessageQueue): boolean {
    const lockedMs = this.#lockedMs.get(queueName(queue))
    return lockedMs !== undefined && this.#options.clock.monoMs() - lockedMs < LEASE_TRUST_MS
  }

  /** True if the queue is ours from now on. Rejects if its broker does not answer. */
  async take(queue: MessageQueue): Promise<boolean> {
    const sentMs = this.#options.clock.monoMs()
    const taken = await this.#lock(this.#options.addressOf(queue), [queue])
    if (taken.length > 0) this.#lockedMs.set(queueName(queue), sentMs)
    return taken.length > 0
  }

  /**
   * Renews the locks of these queues; resolves with those whose lock is lost, or ran out: the broker may
   * say yes to those again, but somebody else may have had them in between.
   */
  async renew(queues: readonly MessageQueue[]): Promise<MessageQueue[]> {
    const held = queues.filter((queue) => this.isHeld(queue))
    await Promise.all(
      [...this.#byAddress(held)].map(async ([address, asked]) => {
        try {
          await this.#renewAt(address, asked)
        } catch (error) {
          // Perhaps the next renewal gets through; until then the trust runs out by itself.
          this.#options.logger.warn(`cannot renew locks at ${address}: ${describeError(error)}`)
        }
      }),
    )
    return queues.filter((queue) => !this.isHeld(queue))
  }

  /** Gives the queue back. Never rejects: a lock that cannot be given back expires. */
  async release(queue: MessageQueue): Promise<void> {
    if (!this.#lockedMs.delete(queueName(queue))) return
    try {
      await this.#call(REQUEST.unlockQueues, this.#options.addressOf(queue), [queue])
    } catch (error) {
      this.#options.logger.debug(`unlocking ${queueName(queue)}: ${describeError(error)}`)
    }
  }

  async #renewAt(address: string, queues: readonly MessageQueue[]): Promise<void> {
    const sentMs = this.#options.clock.monoMs()
    const ours = new Set((await this.#lock(address, queues)).map(queueName))
    for (const queue of queues) {
      const isStillHeld = ours.has(queueName(queue)) && this.isHeld(queue)
      if (isStillHeld) this.#lockedMs.set(queueName(queue), sentMs)
      else this.#lockedMs.delete(queueName(queue))
    }
  }

  async #lock(address: string, queues: readonly MessageQueue[]): Promise<MessageQueue[]> {
    const answer = await this.#call(REQUEST.lockQueues, address, queues)
    const taken = new Set(decodeLockAnswer(answer.body).map(queueName))
    return queues.filter((queue) => taken.has(queueName(queue)))
  }

  #call(code: number, address: string, queues: readonly MessageQueue[]) {
    const { caller, group, clientId } = this.#options
    const body = encodeLockRequest({ group, clientId, queues: [...queues] })
    return caller.channels.call(address, code, { body, timeoutMs: caller.timeoutMs })
  }

  #byAddress(queues: readonly MessageQueue[]): Map<string, MessageQueue[]> {
    const byAddress = new Map<string, MessageQueue[]>()
    for (const queue of queues) {
      try {
        const address = this.#options.addressOf(queue)
        byAddress.set(address, [...(byAddress.get(address) ?? []), queue])
      } catch {
        // Its broker left the route: the next rebalance gives the queue up.
      }
    }
    return byAddress
  }
}
