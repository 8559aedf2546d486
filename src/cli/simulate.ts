// `mq simulate broker-shutdown`: takes a broker away under load and holds what clients saw against
// what the design promises.

import { Admin } from '../client/admin.ts'
import { Client } from '../client/client.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { CLIENT_OPTIONS, JSON_OPTION } from './client-session.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { resolveSettings } from './context.ts'
import { watchRoute } from './route-watch.ts'
import { ProbeConsumers, type ProbeOptions, ProbeProducer, timeUntil } from './shutdown-probe.ts'
import { liveTarget, type ShutdownTarget, throwawayTarget } from './shutdown-target.ts'
import { Timeline } from './timeline.ts'
import { formatDuration } from './units.ts'

const MODES = ['kill', 'graceful'] as const
const PER_SECOND = 50
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

const brokerShutdown: Command = {
  usage: '',
  summary: 'Shuts a broker down under load and prints what clients saw beside what was expected.',
  examples: [
    { command: 'mq simulate broker-shutdown --mode kill', does: 'kill -9 in a throw-away cluster' },
    {
      command: 'mq simulate broker-shutdown --mode graceful --route-interval 5s',
      does: 'a planned stop, with a shorter wait',
    },
    {
      command: 'mq simulate broker-shutdown --mode kill --broker broker-b',
      does: 'a real broker of this machine',
    },
  ],
  options: [
    { flag: '--mode <mode>', help: 'kill (SIGKILL) or graceful (SIGTERM)' },
    { flag: '--broker <name>', help: 'the broker to take down, in the cluster of --nameservers' },
    { flag: '--throwaway', help: 'in a cluster started for this (the default without --broker)' },
    { flag: '--pid <n>', help: "the broker's process, if it cannot be found by its port" },
    { flag: '--rate <n>', help: `messages a second of each producer (default ${PER_SECOND})` },
    JSON_OPTION,
    ...CLIENT_OPTIONS,
  ],
  timeLimit:
    'Two route intervals (--route-interval, 30 s) and a minute at most; exit code 1 if an expectation was not met.',
  notes: [
    'One producer does not retry, asks for routes only every --route-interval and so shows how long a',
    'stale route hurts; the other retries on another broker. Two consumers share a group.',
  ],
  async run(invocation) {
    const { flags, progress, output } = invocation
    const mode = flags.choice('mode', MODES)
    if (mode === undefined) {
      throw new MqError('USAGE', '--mode is missing: kill or graceful', {
        hint: 'mq simulate broker-shutdown --mode kill',
      })
    }
    const settings = resolveSettings('client', flags)
    const onLine = (name: string, line: string): void => {
      if (flags.isSet('verbose')) invocation.note(`${name} | ${line}`)
    }
    const wanted = flags.text('broker')
    const target =
      wanted === undefined || flags.isSet('throwaway')
        ? await throwawayTarget(wanted ?? 'broker-b', onLine)
        : await liveTarget(invocation, wanted)
    const timeline = new Timeline({
      output,
      clock: systemClock,
      clearProgress: () => progress.clear(),
    })
    const probe: ProbeOptions = {
      topic: `mq-simulation-${systemRandom.hex(4)}`,
      nameservers: target.nameservers,
      perSecond: flags.integer('rate', { min: 1, max: 10_000 }) ?? PER_SECOND,
      routeIntervalMs: settings.number('route-interval'),
      network: bunNetwork,
      clock: systemClock,
      random: systemRandom,
      logger: new Logger({
        clock: systemClock,
        sink: (line) => onLine('client', line),
        level: 'warn',
        scope: 'client',
      }),
    }
    try {
      await new Simulation({ invocation, target, timeline, probe, mode }).run()
    } finally {
      progress.stop()
      await target.dispose()
    }
    const missed = timeline.facts.filter((fact) => !fact.isMet)
    if (output.isJson) for (const fact of timeline.facts) output.object(fact)
    if (missed.length === 0) return invocation.interruption.exitCode ?? EXIT.ok
    const titles = missed.map((fact) => fact.title).join(', ')
    throw new MqError(
      'INTERNAL',
      `${missed.length} of ${timeline.facts.length} expectations were not met: ${titles}`,
      {
        hint: 'run it again with --verbose to see what the clients said',
      },
    )
  },
}

interface SimulationOptions {
  invocation: Invocation
  target: ShutdownTarget
  timeline: Timeline
  probe: ProbeOptions
  mode: 'kill' | 'graceful'
}

class Simulation {
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

export const simulate: CommandGroup = { actions: { 'broker-shutdown': brokerShutdown } }
