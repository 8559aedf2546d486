// One broker shutdown under load, from the first message to the account of them all.

import { Admin } from '../client/admin.ts'
import { Client } from '../client/client.ts'
import { sleep, systemClock } from '../core/clock.ts'
import type { Invocation } from './command.ts'
import { watchRoute } from './route-watch.ts'
import { ProbeConsumers, type ProbeOptions, ProbeProducer, timeUntil } from './shutdown-probe.ts'
import type { ShutdownMode, ShutdownTarget } from './shutdown-target.ts'
import type { Timeline } from './timeline.ts'
import { formatDuration } from './units.ts'

const QUEUE_COUNT = 8
const CONSUMER_COUNT = 2
const WARM_UP_MS = 2_000
/** R6. */
const EVICTION_LIMIT_MS = 1_000
/** What a route pull itself may take on top of its interval. */
const PULL_SLACK_MS = 1_000
const JOIN_LIMIT_MS = 30_000
/** A rebalance needs a route pull, and a second one if it comes at a bad moment. */
const RECOVERY_SLACK_MS = 25_000

export interface SimulationOptions {
  invocation: Invocation
  target: ShutdownTarget
  timeline: Timeline
  probe: ProbeOptions
  mode: ShutdownMode
}

export class ShutdownSimulation {
  readonly #options: SimulationOptions
  readonly #client: Client
  readonly #plain: ProbeProducer
  readonly #retrying: ProbeProducer
  readonly #consumers: ProbeConsumers

  constructor(options: SimulationOptions) {
    const { probe } = options
    this.#options = options
    this.#client = new Client({ ...probe, routePullIntervalMs: probe.routeIntervalMs })
    this.#plain = new ProbeProducer('plain', probe, {
      retries: 0,
      avoidsFaults: false,
      refreshesRoutes: false,
    })
    this.#retrying = new ProbeProducer('retrying', probe, { retries: 2 })
    this.#consumers = new ProbeConsumers(probe, CONSUMER_COUNT)
  }

  async run(): Promise<void> {
    const { probe, target, timeline, invocation } = this.#options
    const topics = new Admin(this.#client).topics
    await topics.create({ topic: probe.topic, queueCount: QUEUE_COUNT })
    const { interruption } = invocation
    try {
      timeline.event(
        'cluster',
        `${target.nameservers.length} nameservers; to go: ${target.description}`,
      )
      timeline.event('topic', `${probe.topic}, ${QUEUE_COUNT} queues`)
      await this.#consumers.start()
      await this.#until(JOIN_LIMIT_MS, () => this.#ownedQueues() === QUEUE_COUNT)
      timeline.event(
        'clients',
        `2 producers at ${probe.perSecond}/s, ${CONSUMER_COUNT} consumers own all queues`,
      )
      const sending = [this.#plain.run(), this.#retrying.run()]
      await this.#wait(WARM_UP_MS)
      await this.#shutDown()
      if (interruption.received === null && target.restart !== null)
        await this.#restart(target.restart)
      this.#plain.stopSending()
      this.#retrying.stopSending()
      await Promise.all(sending)
      await this.#account()
    } finally {
      this.#plain.stopSending()
      this.#retrying.stopSending()
      await Promise.all([this.#plain.close(), this.#retrying.close(), this.#consumers.close()])
      if (target.restart === null) await this.#removeTopic()
      await this.#client.close()
    }
  }

  async #shutDown(): Promise<void> {
    const { target, timeline, mode, probe, invocation } = this.#options
    const { brokerName, nameservers } = target
    const signal = mode === 'kill' ? 'SIGKILL' : 'SIGTERM'
    timeline.event(
      mode,
      `${signal} to ${brokerName}; ${this.#acknowledged()} messages acknowledged so far`,
    )
    const startMs = systemClock.monoMs()
    const since = (): number => systemClock.monoMs() - startMs
    const watch = { channels: this.#client.channels, clock: systemClock, nameservers, brokerName }
    const evictions = watchRoute(watch, { isListed: false, limitMs: 10_000 })
    const windowMs = probe.routeIntervalMs + PULL_SLACK_MS
    invocation.progress.start(
      () =>
        `${formatDuration(since())} of ${formatDuration(windowMs)}: ${this.#plain.failed} sends failed without retries, ${this.#retrying.failed} with`,
    )
    const rebalanced = this.#until(windowMs, () => this.#ownedQueues(brokerName) === 0)
    await target.shutDown(mode)
    for (const { nameserver, afterMs } of await evictions) {
      timeline.fact({
        title: 'eviction',
        expected: `R6: within ${formatDuration(EVICTION_LIMIT_MS)}`,
        seen: `${nameserver} ${afterMs === null ? 'still lists it' : `no longer lists it after ${formatDuration(afterMs)}`}`,
        isMet: afterMs !== null && afterMs < EVICTION_LIMIT_MS,
      })
    }
    const rebalancedMs = await rebalanced
    timeline.fact({
      title: 'rebalance',
      expected: `the consumers share what is left within ${formatDuration(windowMs)}`,
      seen:
        rebalancedMs === null
          ? `they still own queues of ${brokerName}`
          : `nobody owns queues of ${brokerName} after ${formatDuration(rebalancedMs)}`,
      isMet: rebalancedMs !== null,
    })
    await this.#wait(windowMs - since())
    invocation.progress.stop()
    this.#judgeSends(startMs)
  }

  #judgeSends(startMs: number): void {
    const { target, timeline, probe } = this.#options
    const { failedAttempts, failed } = this.#plain
    const last = failedAttempts.at(-1)
    const lastMs = last === undefined ? 0 : last.atMs - startMs
    const elsewhere = failedAttempts.filter(({ brokerName }) => brokerName !== target.brokerName)
    timeline.fact({
      title: 'stale route',
      expected: `R8: without retries sends to ${target.brokerName} fail, for at most ${formatDuration(probe.routeIntervalMs)}`,
      seen: `${failed} failed, all to ${target.brokerName}, the last after ${formatDuration(lastMs)}`,
      isMet:
        failed > 0 && elsewhere.length === 0 && lastMs <= probe.routeIntervalMs + PULL_SLACK_MS,
    })
    timeline.fact({
      title: 'retries',
      expected: 'R9: with retries no send fails',
      seen: `${this.#retrying.failed} failed, ${this.#retrying.retried} requests repeated`,
      isMet: this.#retrying.failed === 0 && this.#retrying.retried > 0,
    })
  }

  async #restart(restart: () => Promise<unknown>): Promise<void> {
    const { target, timeline, probe } = this.#options
    const startMs = systemClock.monoMs()
    await restart()
    timeline.event(
      'restart',
      `${target.brokerName} serves again after ${formatDuration(systemClock.monoMs() - startMs)}`,
    )
    const limitMs = probe.routeIntervalMs + RECOVERY_SLACK_MS
    const ownedMs = await this.#until(limitMs, () => this.#ownedQueues() === QUEUE_COUNT)
    timeline.fact({
      title: 'recovery',
      expected: `every queue has an owner again within ${formatDuration(limitMs)}`,
      seen: ownedMs === null ? 'not every queue has one' : `after ${formatDuration(ownedMs)}`,
      isMet: ownedMs !== null,
    })
  }

  /** Everything acknowledged must arrive; what lies on a broker that did not come back waits there. */
  async #account(): Promise<void> {
    const { target, timeline } = this.#options
    const isBack = target.restart !== null
    const acknowledged = [...this.#plain.acknowledged, ...this.#retrying.acknowledged]
    const missing = (): number =>
      acknowledged.filter(
        ([id, broker]) =>
          !this.#consumers.delivered.has(id) && (isBack || broker !== target.brokerName),
      ).length
    await this.#until(RECOVERY_SLACK_MS, () => missing() === 0)
    const waiting = isBack
      ? 0
      : acknowledged.filter(
          ([id, b]) => b === target.brokerName && !this.#consumers.delivered.has(id),
        ).length
    timeline.fact({
      title: 'lost',
      expected: '0 of the acknowledged messages',
      seen:
        `${missing()} of ${acknowledged.length}; ${this.#consumers.duplicated} delivered more than once` +
        (waiting > 0 ? `; ${waiting} wait on ${target.brokerName}` : ''),
      isMet: missing() === 0,
    })
  }

  async #removeTopic(): Promise<void> {
    const { probe, invocation } = this.#options
    try {
      await new Admin(this.#client).topics.delete(probe.topic)
    } catch {
      invocation.note(`note: the topic ${probe.topic} is left over; mq topic delete ${probe.topic}`)
    }
  }

  #ownedQueues(brokerName?: string): number {
    const queues = this.#consumers
      .assigned()
      .filter((queue) => brokerName === undefined || queue.brokerName === brokerName)
    return new Set(queues.map((queue) => `${queue.brokerName}:${queue.queueId}`)).size
  }

  #acknowledged(): number {
    return this.#plain.acknowledged.size + this.#retrying.acknowledged.size
  }

  #until(limitMs: number, isTrue: () => boolean): Promise<number | null> {
    const { interruption } = this.#options.invocation
    return timeUntil(systemClock, limitMs, () => isTrue() || interruption.received !== null)
  }

  /** Waits, but not for somebody who has pressed Ctrl-C. */
  async #wait(delayMs: number): Promise<void> {
    const { interruption } = this.#options.invocation
    if (interruption.received !== null || delayMs <= 0) return
    let forget = (): void => {}
    const cut = new Promise<void>((resolve) => {
      forget = interruption.onReceived(resolve)
    })
    await Promise.race([sleep(systemClock, delayMs), cut])
    forget()
  }
}
