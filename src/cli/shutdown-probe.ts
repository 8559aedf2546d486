// What clients see while a broker goes away: two producers, one that retries and one that does not,
// and a consumer group of two, each with connections of its own.

import { Client } from '../client/client.ts'
import { Consumer } from '../client/consumer.ts'
import type { MessageQueue } from '../client/message.ts'
import { Producer } from '../client/producer.ts'
import type { ProducerOptions } from '../client/producer-options.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import type { Network } from '../remoting/network.ts'
import { Pace } from './pace.ts'

const GROUP = 'mq-simulation'
const ID_PROPERTY = 'probe'
/** Each attempt may take this long: a broker that hangs must not look like one that is slow. */
const SEND_TIMEOUT_MS = 3_000

export interface ProbeOptions {
  topic: string
  nameservers: readonly string[]
  /** Messages a second of each producer. */
  perSecond: number
  routeIntervalMs: number
  network: Network
  clock: Clock
  random: Random
  logger: Logger
}

export interface FailedSend {
  atMs: number
  brokerName: string
}

/** One producer that sends at a steady pace, and what became of its sends. */
export class ProbeProducer {
  readonly name: string
  readonly #options: ProbeOptions
  readonly #client: Client
  readonly #producer: Producer
  readonly #sending = new Set<Promise<void>>()
  /** Acknowledged messages → the broker that has them. */
  readonly acknowledged = new Map<string, string>()
  readonly failedAttempts: FailedSend[] = []
  failed = 0
  #isOver = false

  constructor(name: string, options: ProbeOptions, producerOptions: ProducerOptions) {
    this.name = name
    this.#options = options
    this.#client = newClient(options)
    this.#producer = new Producer(this.#client, {
      group: `mq-simulation-${name}`,
      timeoutMs: SEND_TIMEOUT_MS,
      batchMessagesMax: 1,
      ...producerOptions,
      onAttempt: (attempt) => {
        if (attempt.error === null) return
        this.failedAttempts.push({ atMs: options.clock.monoMs(), brokerName: attempt.brokerName })
      },
    })
  }

  get retried(): number {
    return this.#producer.stats().retried
  }

  async run(): Promise<void> {
    const pace = new Pace(this.#options.clock, this.#options.perSecond)
    for (let count = 0; !this.#isOver; count++) {
      await pace.step()
      // Not awaited: a send that hangs must not stop the clock of the others.
      const sent = this.#sendOne(`${this.name}-${count}`)
      this.#sending.add(sent)
      void sent.then(() => this.#sending.delete(sent))
    }
    await Promise.all(this.#sending)
  }

  async #sendOne(id: string): Promise<void> {
    try {
      const receipt = await this.#producer.send({
        topic: this.#options.topic,
        body: Buffer.from(id),
        properties: { [ID_PROPERTY]: id },
      })
      this.acknowledged.set(id, receipt.brokerName)
    } catch {
      // Counted, and told apart by broker in `failedAttempts`.
      this.failed++
    }
  }

  stopSending(): void {
    this.#isOver = true
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

export class ProbeConsumers {
  /** Message → how often it was delivered. */
  readonly delivered = new Map<string, number>()
  readonly #clients: Client[]
  readonly #consumers: Consumer[]

  constructor(options: ProbeOptions, count: number) {
    this.#clients = Array.from({ length: count }, () => newClient(options))
    this.#consumers = this.#clients.map(
      (client) =>
        new Consumer(client, {
          group: GROUP,
          topics: [{ topic: options.topic }],
          from: { kind: 'start' },
          onMessages: (messages) => {
            for (const { properties } of messages) {
              const id = properties[ID_PROPERTY] ?? ''
              this.delivered.set(id, (this.delivered.get(id) ?? 0) + 1)
            }
          },
        }),
    )
  }

  async start(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.start()))
  }

  assigned(): MessageQueue[] {
    return this.#consumers.flatMap((consumer) => consumer.assignment())
  }

  get duplicated(): number {
    let duplicated = 0
    for (const count of this.delivered.values()) duplicated += count - 1
    return duplicated
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }
}

function newClient(options: ProbeOptions): Client {
  const { nameservers, network, clock, random, logger, routeIntervalMs } = options
  return new Client({
    nameservers,
    network,
    clock,
    random,
    logger,
    routePullIntervalMs: routeIntervalMs,
    // The window of stale routes is what is to be seen.
    watchesRoutes: false,
  })
}

/** Resolves with the time `isTrue` took to become so, or null after the limit. */
export async function timeUntil(
  clock: Clock,
  limitMs: number,
  isTrue: () => boolean,
): Promise<number | null> {
  const startMs = clock.monoMs()
  while (!isTrue()) {
    if (clock.monoMs() - startMs >= limitMs) return null
    await sleep(clock, 10)
  }
  return clock.monoMs() - startMs
}
