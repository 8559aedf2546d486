// One broker: its log, its state, and the requests it serves. Decisions are in the files it wires
// together; this one knows in which order they begin and end.
//
// Promises: whatever was acknowledged before a stop is in the log; while the disk is full pulls go on
// and sends are refused; when the log fails for good nothing is acknowledged any more and `onFailed`
// is called, after which the owner ends the process.

import type { Clock } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { formatAddress, ipv4Number } from '../remoting/address.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import { CountedHandlers } from '../remoting/counted-handlers.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { type NameResolver, noResolver } from '../remoting/name-resolver.ts'
import type { HostPort, Network } from '../remoting/network.ts'
import { type ReloadReport, reloadHandler } from '../remoting/reload-config.ts'
import { SeedList } from '../remoting/seed-list.ts'
import { RemotingServer } from '../remoting/server.ts'
import { type AppendLog, queueKey } from '../store/append-log.ts'
import { MessageStore } from '../store/message-store.ts'
import { advertisedHost } from './advertised-address.ts'
import { type BrokerConfig, checkBrokerConfig, type LiveBrokerConfig } from './config.ts'
import { consumerSide } from './consumer-side.ts'
import type { BrokerContext, ConsumerSide } from './context.ts'
import { COUNTER } from './counters.ts'
import { Draining } from './draining.ts'
import { CommittedOffsets } from './offsets.ts'
import { QueueChanger } from './queue-changer.ts'
import { Registration } from './registration.ts'
import { Retention } from './retention.ts'
import { Sends } from './send.ts'
import { SendTargets } from './send-targets.ts'
import { BrokerState } from './state.ts'
import { StateWriter } from './state-writer.ts'
import { topicHandlers } from './topic-handlers.ts'
import { TopicNews } from './topic-news.ts'
import { Topics } from './topics.ts'

export interface BrokerOptions {
  config: BrokerConfig
  /** Not opened yet; the broker opens and closes it. */
  log: AppendLog
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  /** The log failed for good: end the process, nothing is acknowledged any more. */
  onFailed: (error: MqError) => void
  /** Finds the nameservers behind "dns:" seeds. */
  resolver?: NameResolver
  /** Reads the configuration file again; whoever made the broker knows which. */
  reload?: () => Promise<ReloadReport>
}

/** What exists while the broker runs. */
interface Running {
  context: BrokerContext
  seeds: SeedList
  registration: Registration
  sends: Sends
  consumers: ConsumerSide
  retention: Retention
  draining: Draining
  server: RemotingServer
}

export class Broker {
  readonly metrics = new Metrics()
  readonly state = new BrokerState()
  readonly #options: BrokerOptions
  #running: Running | null = null
  #starting: Promise<HostPort> | null = null
  #stopping: Promise<void> | null = null

  constructor(options: BrokerOptions) {
    checkBrokerConfig(options.config)
    // Its own copy: `reconfigure` changes it, and everything that reads a live setting sees that.
    this.#options = { ...options, config: { ...options.config } }
  }

  /** Random, made with the data folder: a broker on a wiped folder is another one. */
  get identity(): string | null {
    return this.#running?.context.store.identity ?? null
  }

  /** What the handlers share; null while the broker is not running. */
  get context(): BrokerContext | null {
    return this.#running?.context ?? null
  }

  /** Resolves with the address peers are told, once it serves and reachable nameservers know it. */
  start(): Promise<HostPort> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<HostPort> {
    const { log, clock, logger, onFailed } = this.#options
    const store = await MessageStore.open({ log, state: this.state, clock, logger, onFailed })
    try {
      const writer = new StateWriter({ store, clock })
      return await this.#serve(store, writer)
    } catch (error) {
      await this.#release()
      await store.close()
      throw error
    }
  }

  /**
   * Takes over settings while running. Rejects with CONFIG_INVALID, and then nothing has changed.
   * Resolves when the names among the nameservers have been looked up, by `resolver` from now on if
   * one is given.
   */
  async reconfigure(changes: Partial<LiveBrokerConfig>, resolver?: NameResolver): Promise<void> {
    const { config } = this.#options
    checkBrokerConfig({ ...config, ...changes })
    Object.assign(config, changes)
    if (this.#running === null) return
    const { seeds, registration } = this.#running
    registration.setHeartbeatInterval(config.heartbeatIntervalMs)
    registration.setNameservers(await seeds.set(config.nameservers, resolver))
  }

  /** Leaves the nameservers, answers what was asked before, and writes what only memory holds. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    try {
      await this.#starting
    } catch {
      // Whoever started it was told, and nothing was left open.
      return
    }
    const store = this.#running?.context.store
    await this.#release()
    await store?.close()
  }

  /** Ends everything but the store. */
  async #release(): Promise<void> {
    if (this.#running === null) return
    const { context, seeds, registration, sends, consumers, retention, draining, server } =
      this.#running
    seeds.stop()
    // First of all, so that clients that ask from now on are sent elsewhere.
    await registration.stop()
    sends.stop()
    consumers.stop()
    retention.stop()
    context.changer.stop()
    draining.stop()
    await server.stop()
    await context.offsets.flush()
    this.#running = null
  }

  async #serve(store: MessageStore, writer: StateWriter): Promise<HostPort> {
    const { config, network, clock, logger } = this.#options
    const host = await advertisedHost(config)
    const seeds = this.#makeSeeds()
    await seeds.set(config.nameservers)
    const handlers = new CountedHandlers({
      requests: this.metrics.counter(COUNTER.requests),
      unsupported: this.metrics.counter(COUNTER.unsupportedRequests),
    })
    const server = new RemotingServer({
      network,
      clock,
      logger,
      handlers,
      onConnectionClosed: (connection) => this.#connectionClosed(connection),
    })
    const listening = await server.start(config.listen)
    // The address is known only now, and no request can have been read yet.
    const advertised = { host, port: config.advertise?.port || listening.port }
    const running = this.#wire({ store, writer, server, advertised, seeds })
    this.#running = running
    const { reload } = this.#options
    for (const [code, handler] of requestHandlers(running, reload)) handlers.set(code, handler)
    running.consumers.start()
    running.context.changer.start()
    running.draining.follow()
    await this.#putSystemTopics(running.context)
    await running.registration.start()
    logger.info(`broker ${config.name} serves at ${formatAddress(advertised)}`)
    return advertised
  }

  #wire(made: {
    store: MessageStore
    writer: StateWriter
    server: RemotingServer
    advertised: HostPort
    seeds: SeedList
  }): Running {
    const { config, clock, random, logger } = this.#options
    const { metrics, state } = this
    const { store, writer, server, advertised, seeds } = made
    const registration = new Registration({
      ...this.#options,
      nameservers: seeds.addresses,
      advertised,
      state,
      metrics,
      onNews: (told) => news.heard(told),
    })
    const announce = (): Promise<void> => registration.announce()
    const topics = new Topics({ config, state, writer, clock, random, logger, announce })
    const news = new TopicNews({ state, topics, clock, logger })
    const changer = new QueueChanger({ config, state, writer, store, clock, logger, announce })
    const offsets = new CommittedOffsets({
      state,
      writer,
      clock,
      logger,
      intervalMs: config.offsetsIntervalMs,
    })
    const context: BrokerContext = {
      config,
      advertised,
      clock,
      random,
      logger,
      metrics,
      store,
      state,
      writer,
      topics,
      changer,
      offsets,
      announce,
    }
    const targets = new SendTargets(state)
    const storeAddress = { host: ipv4Number(advertised.host) ?? 0, port: advertised.port }
    const sends = new Sends({ ...context, targets, storeAddress })
    const consumers = consumerSide(context)
    const draining = new Draining(context)
    state.onTopicChanged = (name) => {
      targets.forget(name)
      registration.topicsChanged()
      consumers.onTopicChanged(name)
    }
    state.onDrainingSet = () => {
      draining.follow()
      registration.topicsChanged()
    }
    state.onTopicDeleted = (topic) => {
      for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) {
        store.dropQueue(queueKey(topic.id, queueId))
      }
      consumers.onTopicDeleted(topic)
    }
    store.onArrival = (queue) => consumers.onArrival(queue)
    const retention = new Retention({ config, store, clock, logger })
    return { context, seeds, registration, sends, consumers, retention, draining, server }
  }

  #makeSeeds(): SeedList {
    const { clock, logger, resolver = noResolver } = this.#options
    return new SeedList({
      resolver,
      clock,
      logger,
      onChange: (addresses) => this.#running?.registration.setNameservers(addresses),
    })
  }

  /** On a full disk the broker still starts, to be read from; its topics are there already. */
  async #putSystemTopics({ topics, state, logger }: BrokerContext): Promise<void> {
    try {
      await topics.putSystemTopics()
    } catch (error) {
      const isFull = error instanceof MqError && error.code === 'DISK_FULL'
      if (!isFull || state.topics.size === 0) throw error
      logger.warn(`starting read-only: ${describeError(error)}`)
    }
  }

  #connectionClosed(connection: Connection): void {
    this.#running?.sends.connectionClosed(connection)
    this.#running?.consumers.onConnectionClosed(connection)
  }
}

function requestHandlers(
  { context, sends, consumers, draining }: Running,
  reload: BrokerOptions['reload'],
): (readonly [number, RequestHandler])[] {
  const { config, state, topics } = context
  return [
    ...sends.handlers,
    ...topicHandlers({ brokerName: config.name, state, topics }),
    ...consumers.handlers,
    ...draining.handlers,
    ...(reload === undefined ? [] : [[REQUEST.reloadConfig, reloadHandler(reload)] as const]),
  ]
}
