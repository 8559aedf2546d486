// What people do to a cluster while it is in trouble: drain brokers, change the number of queues, delete
// and make topics. Any of it may fail half way; what was begun is finished when faults are over.

import { Admin } from '../../client/admin.ts'
import type { Client } from '../../client/client.ts'
import { drainBroker, undrainBroker } from '../../client/drain.ts'
import { changeTopic } from '../../client/topic-change.ts'
import { sleep } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { BrokerNode } from './broker-node.ts'
import type { WorldParts } from './world-node.ts'

/** Deleted and made again, without messages: its life is the point. */
export const MORTAL_TOPIC = 'mortal'

/** Longer than a nameserver believes in a broker that is gone. */
const FINISH_TRIES = 90
const FINISH_PAUSE_MS = 2_000

interface Resize {
  topic: string
  queueCount: number
  order: 'drain' | 'none'
}

export class Chores {
  readonly #parts: WorldParts
  readonly #client: Client
  readonly #brokers: readonly BrokerNode[]
  readonly #drained = new Set<BrokerNode>()
  readonly #resizes: Resize[] = []
  /** Topics somebody is changing at the moment. */
  readonly #resizing = new Set<string>()
  #isMortalTouched = false
  readonly #running = new Set<Promise<void>>()

  constructor(parts: WorldParts, client: Client, brokers: readonly BrokerNode[]) {
    this.#parts = parts
    this.#client = client
    this.#brokers = brokers
  }

  drain(broker: BrokerNode, durationMs: number): void {
    this.#drained.add(broker)
    const { name: brokerName } = broker
    const { routePullMs: routeIntervalMs } = this.#parts.plan.intervals
    const options = { brokerName, limitMs: durationMs, routeIntervalMs }
    this.#try(`drain ${brokerName}`, async () => {
      await drainBroker(this.#client, options)
      await undrainBroker(this.#client, { brokerName })
      this.#drained.delete(broker)
    })
  }

  resize(seedMs: number): void {
    const { topics } = this.#parts.plan
    const choice = Math.floor(seedMs * 1_000)
    const topic = topics[choice % topics.length]
    if (topic === undefined) return
    const queueCount = this.#brokers.length * (1 + (choice % 5))
    const resize = { topic: topic.name, queueCount, order: choice % 2 === 0 ? 'drain' : 'none' }
    // One after the other: two at once can block each other for good (docs/SIMULATION.md).
    if (this.#resizing.has(topic.name)) return
    this.#resizing.add(topic.name)
    this.#resizes.push(resize as Resize)
    this.#try(`resize ${topic.name} to ${queueCount}`, () =>
      this.#resize(resize as Resize).finally(() => this.#resizing.delete(topic.name)),
    )
  }

  rebirth(durationMs: number): void {
    this.#isMortalTouched = true
    const { topics } = new Admin(this.#client)
    this.#try(`delete and make ${MORTAL_TOPIC}`, async () => {
      await topics.delete(MORTAL_TOPIC)
      await sleep(this.#parts.clock, durationMs)
      await topics.create({ topic: MORTAL_TOPIC, queueCount: this.#brokers.length })
    })
  }

  /** Finishes what was begun; resolves with what cannot be although nothing is broken any more. */
  async finish(): Promise<string[]> {
    await Promise.all(this.#running)
    const living = this.#brokers.filter(({ isGone }) => !isGone)
    // A power cut with flush=async may have taken an order that was carried out: look at all of them.
    const jobs = living
      .filter((node) => this.#drained.has(node) || node.broker?.state.isDraining === true)
      .map(({ name: brokerName }) =>
        this.#insist(`undrain ${brokerName}`, async () => {
          await undrainBroker(this.#client, { brokerName })
        }),
      )
    if (this.#isMortalTouched) {
      jobs.push(this.#insist(`make ${MORTAL_TOPIC}`, () => this.#makeMortal(living.length)))
    }
    const stuck = (await Promise.all(jobs)).flat()
    // A change that needs a broker which is gone for good is left as it is; life goes on without it.
    if (living.length < this.#brokers.length) return stuck
    for (const { name } of this.#parts.plan.topics) {
      const own = this.#resizes.filter(({ topic }) => topic === name)
      if (own.length > 0) stuck.push(...(await this.#finishResizes(own)))
    }
    return stuck
  }

  /** Which of them got through nobody knows; one may be half done, and that one must come first. */
  #finishResizes(resizes: readonly Resize[]): Promise<string[]> {
    const last = resizes.at(-1) as Resize
    return this.#insist(`resize ${last.topic} to ${last.queueCount}`, async () => {
      for (const resize of resizes) await this.#resize(resize).catch(() => {})
      await this.#resize(last)
    })
  }

  async #resize(resize: Resize): Promise<void> {
    const { routePullMs } = this.#parts.plan.intervals
    const settleMs = 1.2 * routePullMs
    const limitMs = 10_000
    await changeTopic(this.#client, { ...resize, limitMs, settleMs })
  }

  async #makeMortal(brokerCount: number): Promise<void> {
    const { topics } = new Admin(this.#client)
    const known = (await topics.list()).value.some(({ topic }) => topic === MORTAL_TOPIC)
    if (known) await topics.delete(MORTAL_TOPIC)
    await topics.create({ topic: MORTAL_TOPIC, queueCount: brokerCount })
  }

  #try(what: string, work: () => Promise<void>): void {
    const { events } = this.#parts
    const running = work().then(
      () => events.add('people', `${what}: done`),
      (error) => events.add('people', `${what}: ${describeError(error)}`),
    )
    this.#running.add(running)
    running.then(() => this.#running.delete(running))
  }

  /** Again and again, as a person would. */
  async #insist(what: string, work: () => Promise<void>): Promise<string[]> {
    const { events, clock } = this.#parts
    let failure = ''
    for (let i = 0; i < FINISH_TRIES; i++) {
      try {
        await work()
        events.add('people', `${what}: done in the end`)
        return []
      } catch (error) {
        failure = `${what}: ${describeError(error)}`
        events.add('people', failure)
        await sleep(clock, FINISH_PAUSE_MS)
      }
    }
    return [failure]
  }
}
