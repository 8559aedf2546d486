// One demonstration: a cluster of processes, a sender, consumer processes, and the ledger between them.

import { Admin } from '../client/admin.ts'
import { Client } from '../client/client.ts'
import { Producer } from '../client/producer.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { Logger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { DemoConsumer, type DemoConsumersOptions } from './demo-consumers.ts'
import { DemoLedger, type DemoRecord } from './demo-ledger.ts'
import { LocalCluster, planNodes } from './local-cluster.ts'
import { Pace } from './pace.ts'

export const TOPIC = 'flights'
const GROUP = 'mq-demo'
export const QUEUE_COUNT = 8
/** Shorter than the product's 30 s, so that a restarted broker gets its work back within the demo. */
const ROUTE_INTERVAL_MS = 1_000
/** A dead broker's keys wait for it: longer than any outage of the demo. */
const SEND_LIMIT_MS = 60_000
const SEND_RETRIES = 19
const IN_FLIGHT_MAX = 20_000

export interface DemoRunOptions {
  folder: string
  records: readonly DemoRecord[]
  /** Messages in all; the records are sent as often as that takes. */
  messageCount: number
  perSecond: number
  onLine: (name: string, line: string) => void
}

export class DemoRun {
  readonly ledger: DemoLedger
  readonly cluster: LocalCluster
  readonly client: Client
  readonly #options: DemoRunOptions
  readonly #consumers = new Map<string, DemoConsumer>()
  readonly #producer: Producer
  #startedCount = 0
  #isStopping = false

  private constructor(options: DemoRunOptions, cluster: LocalCluster) {
    this.#options = options
    this.cluster = cluster
    this.ledger = new DemoLedger(options.records)
    this.client = new Client({
      nameservers: cluster.nameservers,
      network: bunNetwork,
      clock: systemClock,
      random: systemRandom,
      logger: new Logger({
        clock: systemClock,
        sink: (line) => options.onLine('sender', line),
        level: 'error',
        scope: 'sender',
      }),
      routePullIntervalMs: ROUTE_INTERVAL_MS,
    })
    this.#producer = new Producer(this.client, {
      group: 'mq-demo-sender',
      policy: { kind: 'key-hash' },
      // A key stays on its queue through every outage: that is what keeps its order.
      queueSet: 'fixed',
      retries: SEND_RETRIES,
      timeoutMs: SEND_LIMIT_MS,
      inFlightMessagesMax: IN_FLIGHT_MAX,
    })
  }

  static async start(options: DemoRunOptions): Promise<DemoRun> {
    const cluster = await LocalCluster.start({
      folder: options.folder,
      nodes: [...planNodes('nameserver', [0, 0]), ...planNodes('broker', [0, 0])],
      logLevel: 'warn',
      onLine: options.onLine,
    })
    const run = new DemoRun(options, cluster)
    try {
      await new Admin(run.client).topics.create({ topic: TOPIC, queueCount: QUEUE_COUNT })
    } catch (error) {
      await run.stop()
      throw error
    }
    return run
  }

  /** Messages handed to the producer. */
  get startedCount(): number {
    return this.#startedCount
  }

  get progress(): number {
    return this.#startedCount / this.#options.messageCount
  }

  retriedCount(): number {
    return this.#producer.stats().retried
  }

  startConsumer(name: string): DemoConsumer {
    const options: DemoConsumersOptions = {
      topic: TOPIC,
      group: GROUP,
      nameservers: this.cluster.nameservers,
      folder: this.cluster.folder,
      routeIntervalMs: ROUTE_INTERVAL_MS,
      onDelivery: (delivery) => this.ledger.noteDelivery(delivery),
      onLine: this.#options.onLine,
    }
    const consumer = new DemoConsumer(name, options)
    this.#consumers.set(name, consumer)
    return consumer
  }

  consumer(name: string): DemoConsumer | undefined {
    return this.#consumers.get(name)
  }

  consumerNames(): string[] {
    return [...this.#consumers.keys()]
  }

  /** Resolves when every member has taken its share of the queues. */
  async consumersReady(limitMs: number): Promise<boolean> {
    const groups = new Admin(this.client).groups
    const isReady = async (): Promise<boolean> => {
      try {
        const { value } = await groups.show(GROUP)
        return value.members.length === this.#consumers.size
      } catch {
        // Nobody has joined yet.
        return false
      }
    }
    return this.waitFor(isReady, limitMs)
  }

  /** Sends everything at the given pace; resolves when the last message has an outcome. */
  async sendAll(): Promise<void> {
    const { messageCount, perSecond } = this.#options
    const pace = new Pace(systemClock, perSecond)
    const pending = new Set<Promise<void>>()
    for (let sequence = 0; sequence < messageCount && !this.#isStopping; sequence++) {
      await pace.step()
      await this.#producer.ready()
      const sent = this.#sendOne(sequence)
      pending.add(sent)
      void sent.then(() => pending.delete(sent))
      this.#startedCount++
    }
    await Promise.all(pending)
  }

  async #sendOne(sequence: number): Promise<void> {
    const { key, body } = this.ledger.record(sequence)
    this.ledger.noteSent(sequence)
    try {
      await this.#producer.send({
        topic: TOPIC,
        body: Buffer.from(body),
        key,
        properties: { seq: String(sequence) },
      })
      this.ledger.noteAcknowledged(sequence)
    } catch (error) {
      this.#options.onLine('sender', `message ${sequence} was not acknowledged: ${String(error)}`)
    }
  }

  async waitFor(isDone: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
    const endMs = systemClock.monoMs() + limitMs
    while (!(await isDone())) {
      if (systemClock.monoMs() >= endMs || this.#isStopping) return false
      await sleep(systemClock, 20)
    }
    return true
  }

  async stopConsumers(): Promise<void> {
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.stop()))
  }

  /** Ends everything that was started. Safe to call twice. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.stopConsumers()
    await this.client.close()
    await this.cluster.stop()
  }
}
