// Producers that number the messages of each key, and an ordered group that takes note when a message
// is handled before an earlier one of its key. Runs under any clock.

import type { Client } from '../../src/client/client.ts'
import { Consumer } from '../../src/client/consumer.ts'
import type { ConsumerOptions } from '../../src/client/consumer-options.ts'
import { type MessageQueue, queueName } from '../../src/client/message.ts'
import { Producer } from '../../src/client/producer.ts'
import type { PolicyChoice } from '../../src/client/producer-options.ts'
import { type Clock, sleep, type Timer } from '../../src/core/clock.ts'
import type { Random } from '../../src/core/random.ts'

export interface KeyedLoadOptions {
  clock: Clock
  random: Random
  topic: string
  client: () => Client
  producerCount: number
  keyCount: number
  /** Each producer sends one message this often. */
  intervalMs: number
  memberCount: number
  /** What the handler takes for one message: makes a backlog, without which order cannot break. */
  handleMs: number
  policy?: PolicyChoice
  consumer?: Partial<ConsumerOptions>
}

export class KeyedLoad {
  readonly producers: Producer[] = []
  readonly members: Consumer[] = []
  readonly clients: Client[] = []
  readonly sendFailures: string[] = []
  /** Messages handled before an earlier one of their key. */
  breakCount = 0
  sentCount = 0
  handledCount = 0
  readonly #options: KeyedLoadOptions
  readonly #timers: Timer[] = []
  readonly #nextNumbers = new Map<string, number>()
  readonly #handled = new Map<string, Set<number>>()

  constructor(options: KeyedLoadOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { clock, producerCount, memberCount, intervalMs } = this.#options
    for (let i = 0; i < memberCount; i++) await this.#addMember()
    for (let i = 0; i < producerCount; i++) {
      const producer = new Producer(this.#client(), {
        policy: this.#options.policy ?? { kind: 'key-hash' },
      })
      this.producers.push(producer)
      this.#timers.push(clock.every(intervalMs, () => void this.#send(producer, i)))
    }
  }

  stopSending(): void {
    for (const timer of this.#timers) timer.cancel()
  }

  get isAllHandled(): boolean {
    return this.handledCount === this.sentCount
  }

  /** Queues by who owns them; one that two own, or nobody, shows. */
  owned(): string[] {
    return this.members.flatMap((member) => member.assignment().map(queueName)).sort()
  }

  async close(): Promise<void> {
    this.stopSending()
    await Promise.all([...this.members, ...this.producers].map((each) => each.close()))
    await Promise.all(this.clients.map((client) => client.close()))
  }

  #client(): Client {
    const client = this.#options.client()
    this.clients.push(client)
    return client
  }

  async #addMember(): Promise<void> {
    const { clock, handleMs, topic, consumer } = this.#options
    const member = new Consumer(this.#client(), {
      group: 'keyed',
      topics: [{ topic }],
      isOrdered: true,
      batchMessagesMax: 1,
      ...consumer,
      onMessages: async (messages, _queue: MessageQueue) => {
        for (const message of messages) {
          if (handleMs > 0) await sleep(clock, handleMs)
          this.#handle(message.body.toString())
        }
      },
    })
    this.members.push(member)
    await member.start()
  }

  async #send(producer: Producer, producerIndex: number): Promise<void> {
    const { random, keyCount, topic } = this.#options
    const key = `p${producerIndex}-k${random.below(keyCount)}`
    const number = this.#nextNumbers.get(key) ?? 0
    this.#nextNumbers.set(key, number + 1)
    this.sentCount++
    try {
      await producer.send({ topic, key, body: Buffer.from(`${key} ${number}`) })
    } catch (error) {
      this.sendFailures.push(String(error))
    }
  }

  #handle(body: string): void {
    const [key = '', text = ''] = body.split(' ')
    const number = Number(text)
    const handled = this.#handled.get(key) ?? new Set()
    this.#handled.set(key, handled)
    // At least once: what comes again is no break.
    if (handled.has(number)) return
    if (number !== handled.size) this.breakCount++
    handled.add(number)
    this.handledCount++
  }
}
