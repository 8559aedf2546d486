// A producer under steady load, and what became of each of its messages. Sends do not wait for one
// another: one that hangs must not hide what happens to the next.

import type { Client } from '../client/client.ts'
import { Producer } from '../client/producer.ts'
import type { ProducerOptions, SendAttempt } from '../client/producer-options.ts'
import type { Clock, Timer } from '../core/clock.ts'

/** A broker that hangs must not look like one that is slow. As the clients of RocketMQ. */
const SEND_TIMEOUT_MS = 3_000
export const ID_PROPERTY = 'probe'

export interface LoadPlan extends Omit<ProducerOptions, 'onAttempt'> {
  topic: string
  perSecond: number
  /** Messages carry one of this many keys, in turn; 0: none. */
  keyCount?: number
}

export interface Acknowledged {
  brokerName: string
  queueId: number
  queueOffset: number
  atMs: number
}

export interface FailedAttempt {
  brokerName: string
  startMs: number
  endMs: number
}

export class LoadProducer {
  readonly name: string
  readonly topic: string
  readonly client: Client
  readonly acknowledged = new Map<string, Acknowledged>()
  readonly failedAttempts: FailedAttempt[] = []
  /** When sends were given up, and why, as the caller heard it. */
  readonly failures: { atMs: number; message: string }[] = []
  readonly #plan: LoadPlan
  readonly #producer: Producer
  readonly #clock: Clock
  readonly #sending = new Set<Promise<void>>()
  #timer: Timer | null = null
  #count = 0

  constructor(name: string, client: Client, plan: LoadPlan) {
    const { topic, perSecond: _, keyCount: __, ...options } = plan
    this.name = name
    this.topic = topic
    this.client = client
    this.#plan = plan
    this.#clock = client.options.clock
    this.#producer = new Producer(client, {
      group: `mq-lab-${name}`,
      timeoutMs: SEND_TIMEOUT_MS,
      batchMessagesMax: 1,
      ...options,
      onAttempt: (attempt) => this.#note(attempt),
    })
  }

  get sent(): number {
    return this.#count
  }

  get retried(): number {
    return this.#producer.stats().retried
  }

  /** Requests to a broker, whatever became of them. */
  attemptsAt(brokerName: string): number {
    return this.#producer.stats().byBroker.get(brokerName)?.attempts ?? 0
  }

  acknowledgedBy(brokerName: string, sinceMs = 0): number {
    let count = 0
    for (const each of this.acknowledged.values()) {
      if (each.brokerName === brokerName && each.atMs >= sinceMs) count++
    }
    return count
  }

  start(): void {
    this.#timer ??= this.#clock.every(1_000 / this.#plan.perSecond, () => this.send())
  }

  /** One message now. */
  send(): void {
    const sent = this.#send(this.#count++)
    this.#sending.add(sent)
    void sent.then(() => this.#sending.delete(sent))
  }

  /** Ends the load; resolves when every send has an outcome. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    await Promise.all(this.#sending)
  }

  async #send(sequence: number): Promise<void> {
    const { topic, keyCount = 0 } = this.#plan
    const id = `${this.name}-${sequence}`
    const key = keyCount === 0 ? {} : { key: `${this.name}-key-${sequence % keyCount}` }
    try {
      const { brokerName, queueId, queueOffset } = await this.#producer.send({
        topic,
        body: Buffer.from(id),
        properties: { [ID_PROPERTY]: id },
        ...key,
      })
      const atMs = this.#clock.monoMs()
      this.acknowledged.set(id, { brokerName, queueId, queueOffset: Number(queueOffset), atMs })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.failures.push({ atMs: this.#clock.monoMs(), message })
    }
  }

  #note({ error, brokerName, elapsedMs }: SendAttempt): void {
    if (error === null) return
    const endMs = this.#clock.monoMs()
    this.failedAttempts.push({ brokerName, startMs: endMs - elapsedMs, endMs })
  }
}
