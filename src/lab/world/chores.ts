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
    const order = choice % 2 === 0 ? 'drain' : 'none'
    const resize: Resize = { topic: topic.name, queueCount: this.#queueCount(choice), order }
    this.#begin(resize)
    // Now and then somebody else wants another number at the same moment.
    if (choice % 3 !== 0) return
    const other: Resize = { ...resize, queueCount: this.#queueCount(choice + 1 + (choice % 4)) }
    this.#parts.clock.after(choice % 50, () => this.#begin(other))
  }

  #queueCount(choice: number): number {
    return this.#brokers.length * (1 + (choice % 5))
  }

  #begin(resize: Resize): void {
    this.#resizes.push(resize)
    this.#try(`resize ${resize.topic} to ${resize.queueCount}`, () => this.#resize(resize))
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
    for (const { name } of this.#parts.plan.topics) {
      const own = this.#resizes.filter(({ topic }) => topic === name)
      if (own.length > 0) stuck.push(...(await this.#finishResizes(own)))
    }
    return stuck
  }

  /** Which of them got through nobody knows; one may be half done, and that one must come first. */
  #finishResizes(resizes: readonly Resize[]): Promise<string[]> {
    const last = resizes.at(-1) as Resize
    const lostBrokers = this.#brokers.filter(({ isGone }) => isGone).map(({ name }) => name)
    return this.#insist(`resize ${last.topic} to ${last.queueCount}`, async () => {
      const isDone = await this.#resize(last, lostBrokers).then(
        () => true,
        () => false,
      )
      if (isDone) return
      for (const resize of resizes) await this.#resize(resize, lostBrokers).catch(() => {})
      await this.#resize(last, lostBrokers)
    })
  }

  async #resize(resize: Resize, lostBrokers: string[] = []): Promise<void> {
    const { routePullMs } = this.#parts.plan.intervals
    const settleMs = 1.2 * routePullMs
    const limitMs = 10_000
    await changeTopic(this.#client, { ...resize, limitMs, settleMs, lostBrokers })
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
