// A producer of a virtual cluster that sends numbered messages at a steady pace until told to stop, and
// remembers what became of them: which were acknowledged, when and where, and which failed.

import type { Client } from '../../src/client/client.ts'
import { Producer } from '../../src/client/producer.ts'
import type { ProducerOptions } from '../../src/client/producer-options.ts'
import type { VirtualCluster } from '../../src/lab/virtual-cluster.ts'

export interface SteadyProducerOptions extends ProducerOptions {
  name: string
  intervalMs: number
  client?: Client
  /** The key of the nth message; none if absent. */
  keyOf?: (count: number) => string
}

export class SteadyProducer {
  /** Bodies of the messages acknowledged. */
  readonly sent: string[] = []
  readonly places: { timeMs: number; brokerName: string }[] = []
  readonly failures: { timeMs: number; message: string }[] = []
  readonly producer: Producer
  readonly #cluster: VirtualCluster
  readonly #keyOf: (count: number) => string | undefined
  readonly #timer
  #count = 0

  constructor(cluster: VirtualCluster, options: SteadyProducerOptions) {
    const { intervalMs, name, client, keyOf, ...rest } = options
    this.#cluster = cluster
    this.#keyOf = keyOf ?? (() => undefined)
    this.producer = new Producer(client ?? cluster.client(), rest)
    this.#timer = cluster.clock.every(intervalMs, () => void this.#send(`${name}-${this.#count}`))
  }

  async stop(): Promise<void> {
    this.#timer.cancel()
    await this.#cluster.clock.advance(10_000)
    await this.#cluster.clock.runFor(this.producer.close(), 10_000)
  }

  /** Acknowledged by each broker in [fromMs, toMs). */
  countsBetween(fromMs: number, toMs: number): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { timeMs, brokerName } of this.places) {
      if (timeMs >= fromMs && timeMs < toMs) counts[brokerName] = (counts[brokerName] ?? 0) + 1
    }
    return counts
  }

  async #send(body: string): Promise<void> {
    const { clock } = this.#cluster
    const key = this.#keyOf(this.#count++)
    try {
      const message = { topic: 'orders', body: Buffer.from(body) }
      const receipt = await this.producer.send(key === undefined ? message : { ...message, key })
      this.sent.push(body)
      this.places.push({ timeMs: clock.monoMs(), brokerName: receipt.brokerName })
    } catch (error) {
      this.failures.push({ timeMs: clock.monoMs(), message: String(error) })
    }
  }
}
