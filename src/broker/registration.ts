// Keeps a broker registered with every nameserver, each on its own and all at once: a slow or dead
// one holds up nobody. Registrations are always whole, so that any nameserver can start from nothing,
// and go over one connection per nameserver that stays open: closing it means "this broker is gone".

import type { Clock, Timer } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { TOPIC_PLAN_MS_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { formatAddress } from '../remoting/address.ts'
import { Channels } from '../remoting/channels.ts'
import { MASTER_ID, REQUEST } from '../remoting/codes.ts'
import type { RequestOptions } from '../remoting/command.ts'
import type { HostPort, Network } from '../remoting/network.ts'
import { encodeRegistration } from '../remoting/registration.ts'
import { RemoteWarnings } from '../remoting/remote-warnings.ts'
import { bodyCrc } from '../remoting/stored-message.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import { decodeRegistrationNews, type RegistrationNews } from '../remoting/topic-life.ts'
import type { BrokerConfig } from './config.ts'
import { COUNTER } from './counters.ts'
import { registeredTopics } from './draining.ts'
import { RegistrationSchedule } from './registration-schedule.ts'
import type { BrokerState } from './state.ts'

export interface RegistrationOptions {
  config: BrokerConfig
  /** "host:port" of each: those of the configuration, with names of several addresses resolved. */
  nameservers: readonly string[]
  advertised: HostPort
  state: BrokerState
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  /** Told what a nameserver knows of topics and this broker does not. */
  onNews: (news: RegistrationNews) => void
}

interface EncodedTopics {
  counter: number
  timestampMs: number
  untilMs: number
  bytes: Buffer
}

/** What is registered of plans and deletions ends by time, without a change of the topics. */
const BODY_MS_MAX = 600_000

export class Registration {
  readonly #options: RegistrationOptions
  readonly #channels: Channels
  readonly #schedule: RegistrationSchedule
  readonly #warnings: RemoteWarnings
  readonly #address: string
  #nameservers: readonly string[]
  #timer: Timer | null = null
  #isStopped = false
  #body: EncodedTopics | null = null
  /** Those who wait until a change of the topics is known. */
  #announcements: { change: number; resolve: () => void }[] = []

  constructor(options: RegistrationOptions) {
    const { config, clock } = options
    this.#options = options
    this.#nameservers = options.nameservers
    this.#address = formatAddress(options.advertised)
    this.#warnings = new RemoteWarnings(clock, options.logger)
    this.#channels = new Channels({
      ...options,
      onClosed: (address) => this.#connectionLost(address),
    })
    this.#schedule = new RegistrationSchedule(
      {
        nameservers: options.nameservers,
        heartbeatIntervalMs: config.heartbeatIntervalMs,
        retryMsMin: config.registerRetryMsMin,
        retryMsMax: config.registerRetryMsMax,
      },
      clock.monoMs(),
    )
  }

  /** Resolves when each nameserver has answered or failed once, or after `announceTimeoutMs`. */
  start(): Promise<void> {
    this.#look()
    return this.announce()
  }

  /** Registers with those that are new at once, and then says goodbye to those that are gone. */
  setNameservers(nameservers: readonly string[]): void {
    if (this.#isStopped) return
    this.#nameservers = nameservers
    const removed = this.#schedule.setNameservers(nameservers, this.#options.clock.monoMs())
    // Whoever waited for one that is gone waits no longer.
    this.#settleAnnouncements()
    this.#look()
    if (removed.length > 0) void this.#leaveAll(removed)
  }

  setHeartbeatInterval(intervalMs: number): void {
    this.#schedule.setHeartbeatInterval(intervalMs, this.#options.clock.monoMs())
    this.#plan()
  }

  /** Told at once, together with whatever else this turn changes. */
  topicsChanged(): void {
    this.#schedule.topicsChanged(this.#options.clock.monoMs())
    this.#plan()
  }

  /** Resolves when the nameservers know the topics as they are now, or cannot be told in time. */
  async announce(): Promise<void> {
    const { change } = this.#schedule
    if (this.#isStopped || this.#schedule.isSettled(change)) return
    const settled = new Promise<void>((resolve) => this.#announcements.push({ change, resolve }))
    await this.#within(this.#options.config.announceTimeoutMs, settled)
  }

  /** Takes the broker out of every nameserver that knows it, then closes the connections. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    const { unregisterTimeoutMs } = this.#options.config
    // Where no connection is open the nameserver has dropped the broker already, or never had it.
    const farewells = this.#nameservers
      .filter((nameserver) => this.#channels.isOpen(nameserver))
      .map((nameserver) => this.#unregister(nameserver))
    await this.#within(unregisterTimeoutMs, Promise.all(farewells))
    await this.#channels.stop()
    for (const { resolve } of this.#announcements) resolve()
  }

  async #within(limitMs: number, work: Promise<unknown>): Promise<void> {
    const limit = Promise.withResolvers<void>()
    const timer = this.#options.clock.after(limitMs, limit.resolve)
    await Promise.race([work, limit.promise])
    timer.cancel()
  }

  /** Clients that ask meanwhile find the broker on the old ones until the new ones know it. */
  async #leaveAll(removed: readonly string[]): Promise<void> {
    await this.announce()
    if (this.#isStopped) return
    for (const nameserver of removed) {
      if (this.#schedule.has(nameserver)) continue
      this.#options.logger.info(`leaving nameserver ${nameserver}: it is no longer configured`)
      void this.#leave(nameserver)
    }
  }

  /** Never rejects. The connection goes last: nothing else is said over it any more. */
  async #leave(nameserver: string): Promise<void> {
    if (this.#channels.isOpen(nameserver)) await this.#unregister(nameserver)
    // If it came back meanwhile, it was registered with anew over the same connection.
    if (!this.#schedule.has(nameserver)) this.#channels.drop(nameserver)
  }

  #look(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isStopped) return
    const due = this.#schedule.takeDue(this.#options.clock.monoMs())
    for (const nameserver of due) void this.#register(nameserver)
    this.#plan()
  }

  #plan(): void {
    this.#timer?.cancel()
    this.#timer = null
    const dueMs = this.#schedule.nextDueMs()
    if (this.#isStopped || dueMs === null) return
    const waitMs = Math.max(0, dueMs - this.#options.clock.monoMs())
    this.#timer = this.#options.clock.after(waitMs, () => this.#look())
  }

  /** Never rejects. */
  async #register(nameserver: string): Promise<void> {
    const { metrics, config } = this.#options
    let failure: unknown = null
    try {
      metrics.counter(COUNTER.registrations).add()
      const { body } = await this.#channels.call(nameserver, REQUEST.registerBroker, {
        ...this.#registration(),
        timeoutMs: config.registerTimeoutMs,
      })
      this.#takeNews(nameserver, body)
    } catch (error) {
      metrics.counter(COUNTER.registrationsFailed).add()
      failure = error
    }
    this.#ended(nameserver, failure)
  }

  /** An answer that cannot be read is no news; the broker is registered all the same. */
  #takeNews(nameserver: string, body: Buffer): void {
    if (this.#isStopped) return
    try {
      this.#options.onNews(decodeRegistrationNews(body))
    } catch (error) {
      this.#warnings.warn(`what ${nameserver} tells of topics: ${describeError(error)}`)
    }
  }

  #ended(nameserver: string, failure: unknown): void {
    const { clock, logger } = this.#options
    const transition = this.#schedule.ended(nameserver, failure === null, clock.monoMs())
    if (this.#isStopped) return
    // It was removed while this was on its way, and the goodbye may have come first.
    if (!this.#schedule.has(nameserver)) void this.#leave(nameserver)
    if (transition === 'registered') logger.info(`registered with nameserver ${nameserver}`)
    else if (transition === 'lost') {
      logger.warn(`cannot register with nameserver ${nameserver}: ${describeError(failure)}`)
    }
    this.#settleAnnouncements()
    this.#plan()
  }

  #settleAnnouncements(): void {
    this.#announcements = this.#announcements.filter(({ change, resolve }) => {
      const isSettled = this.#schedule.isSettled(change)
      if (isSettled) resolve()
      return !isSettled
    })
  }

  #connectionLost(nameserver: string): void {
    if (this.#isStopped) return
    this.#schedule.connectionLost(nameserver, this.#options.clock.monoMs())
    this.#plan()
  }

  async #unregister(nameserver: string): Promise<void> {
    const { config, logger } = this.#options
    try {
      await this.#channels.call(nameserver, REQUEST.unregisterBroker, {
        fields: this.#identityFields(),
        timeoutMs: config.unregisterTimeoutMs,
      })
    } catch (error) {
      logger.warn(`cannot unregister from nameserver ${nameserver}: ${describeError(error)}`)
    }
  }

  #identityFields(): NonNullable<RequestOptions['fields']> {
    const { name, cluster } = this.#options.config
    return {
      brokerName: name,
      brokerAddr: this.#address,
      clusterName: cluster,
      brokerId: MASTER_ID,
    }
  }

  #registration(): RequestOptions {
    const { advertised } = this.#options
    const body = this.#encodedTopics()
    return {
      fields: {
        ...this.#identityFields(),
        // Apache's nameservers insist on one, though nothing listens there without replicas.
        haServerAddr: formatAddress({ host: advertised.host, port: advertised.port + 1 }),
        compressed: false,
        // Only for people: RocketMQ's nameservers pass over fields they do not know.
        draining: this.#options.state.isDraining || undefined,
        bodyCrc32: bodyCrc(body),
      },
      body,
    }
  }

  /** The same bytes go to every nameserver at every beat until a topic changes, or for a while. */
  #encodedTopics(): Buffer {
    const { state, clock } = this.#options
    const { counter, timestampMs } = state.dataVersion
    const nowMs = clock.wallMs()
    const known = this.#body
    const isSame = known?.counter === counter && known.timestampMs === timestampMs
    if (isSame && nowMs < known.untilMs) return known.bytes
    const bytes = encodeRegistration({
      dataVersion: state.dataVersion,
      topics: registeredTopics(state).map((topic) => this.#withoutOldPlan(topic, nowMs)),
      buried: state.tombstones.buried(nowMs),
    })
    this.#body = { counter, timestampMs, untilMs: nowMs + BODY_MS_MAX, bytes }
    return bytes
  }

  /** Where a topic's queues were to be matters to brokers that missed its creation, for a while. */
  #withoutOldPlan(topic: TopicConfig, nowMs: number): TopicConfig {
    const createdMs = this.#options.state.topics.get(topic.name)?.createdMs ?? 0
    if (topic.plan === undefined || nowMs - createdMs <= TOPIC_PLAN_MS_MAX) return topic
    const { plan: _, ...rest } = topic
    return rest
  }
}
