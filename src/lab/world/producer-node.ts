// A producer of a world: sends numbered messages in bursts, as long as the world is at work, and once
// more at the end to show that it still can.

import { Client } from '../../client/client.ts'
import { Producer } from '../../client/producer.ts'
import { describeError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { messageBody } from './message-body.ts'
import { NAMESERVER_PORT } from './nameserver-node.ts'
import { type ProducerPlan, randomFor, type WorldPlan } from './plan.ts'
import { type Run, WorldNode, type WorldParts } from './world-node.ts'

export class ProducerNode extends WorldNode {
  readonly #plan: ProducerPlan
  /** Of the workload; what the product draws is its own. */
  readonly #random: Random
  #client: Client | null = null
  #producer: Producer | null = null
  #sentCount = 0
  #inFlightCount = 0
  #isSending = false

  constructor(parts: WorldParts, plan: ProducerPlan) {
    super(parts, { host: plan.host, role: 'producer' })
    this.#plan = plan
    this.#random = randomFor(parts.plan.seed, `work ${plan.host}`)
  }

  get client(): Client | null {
    return this.isUp ? this.#client : null
  }

  get topic(): string {
    return this.#plan.topic
  }

  protected async boot(run: Run): Promise<void> {
    const { plan, seams } = this.parts
    this.#client = new Client(seams.clientOptions({ ...run, ...clientOptions(plan, this.host) }))
    const { keyCount, retries, timeoutMs, avoidsFaults, batchMessagesMax, lingerMs } = this.#plan
    const { inFlightMessagesMax } = this.#plan
    this.#producer = new Producer(
      this.#client,
      seams.producerOptions({
        group: 'world-producers',
        policy: { kind: keyCount > 0 ? 'key-hash' : 'round-robin' },
        retries,
        timeoutMs,
        avoidsFaults,
        batchMessagesMax,
        lingerMs,
        inFlightMessagesMax,
      }),
    )
    this.#inFlightCount = 0
    this.#isSending = false
    run.clock.every(this.#plan.intervalMs, () => this.#tick())
  }

  protected async shutDown(): Promise<void> {
    await this.#producer?.close()
    await this.#client?.close()
  }

  protected ended(): void {
    this.#client = null
    this.#producer = null
  }

  /** One message; resolves with what went wrong, or null. */
  async probe(): Promise<string | null> {
    const producer = this.#producer
    if (producer === null) return `${this.host} is not up`
    return this.#send(producer)
  }

  #tick(): void {
    const { history, workEndsMs, clock } = this.parts
    if (clock.monoMs() >= workEndsMs || !this.isUp) return
    // Below the gate's bound by itself, since it waits for room before each send.
    const limit = this.#plan.inFlightMessagesMax
    history.noteBuffer(`in flight of ${this.host}`, this.#inFlightCount, limit)
    if (!this.#isSending) void this.#burst(this.runName)
  }

  async #burst(run: string): Promise<void> {
    this.#isSending = true
    const count = 1 + this.#random.below(this.#plan.burstMax)
    for (let i = 0; i < count; i++) {
      await this.#producer?.ready()
      if (run !== this.runName || this.#producer === null) return
      void this.#send(this.#producer)
    }
    this.#isSending = false
  }

  async #send(producer: Producer): Promise<string | null> {
    const { history } = this.parts
    const { topic, keyCount, bodyBytesMax } = this.#plan
    const run = this.runName
    const sequence = this.#sentCount++
    const id = `${run}-${sequence}`
    const key = keyCount > 0 ? `key-${this.#random.below(keyCount)}` : null
    const body = messageBody(id, this.#random.below(bodyBytesMax))
    history.note({ kind: 'sent', id })
    this.#inFlightCount++
    try {
      const receipt = await producer.send({ topic, body, ...(key === null ? {} : { key }) })
      const { brokerName, queueId, queueOffset: offset, attempts } = receipt
      const queue = `${topic}@${brokerName}:${queueId}`
      const acknowledged = { id, topic, producer: run, sequence, key, queue, offset, attempts }
      history.note({ kind: 'acknowledged', ...acknowledged })
      return null
    } catch (error) {
      history.note({ kind: 'send-failed', id, error: describeError(error) })
      return `${this.host}: ${describeError(error)}`
    } finally {
      if (run === this.runName) this.#inFlightCount--
    }
  }
}

export function clientOptions(
  plan: WorldPlan,
  host: string,
): {
  nameservers: string[]
  host: string
  routePullIntervalMs: number
  heartbeatIntervalMs: number
} {
  return {
    nameservers: plan.nameservers.map((nameserver) => `${nameserver.host}:${NAMESERVER_PORT}`),
    host,
    routePullIntervalMs: plan.intervals.routePullMs,
    heartbeatIntervalMs: plan.intervals.clientHeartbeatMs,
  }
}
