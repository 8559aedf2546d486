// One client of a cluster: its connections, its routes, its heartbeats. Producers, consumers, readers
// and administrators of one process share it. It owns their timers and stops them.

import type { Clock, Timer } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { Channels } from '../remoting/channels.ts'
import { MASTER_ID, REQUEST, RESPONSE } from '../remoting/codes.ts'
import {
  type ConsumerRunningInfo,
  encodeConsumerRunningInfo,
} from '../remoting/consumer-running-info.ts'
import { type Handlers, SUCCESS } from '../remoting/dispatch.ts'
import { type ConsumerData, encodeHeartbeat } from '../remoting/heartbeat.ts'
import type { Network } from '../remoting/network.ts'
import type { Caller } from './nameserver-calls.ts'
import { RouteCache } from './route-cache.ts'

const REQUEST_TIMEOUT_MS = 3_000
/** As every RocketMQ client. */
export const ROUTE_PULL_INTERVAL_MS = 30_000
const HEARTBEAT_INTERVAL_MS = 30_000
/** A broker that comes back has forgotten us; it hears from us this soon after the connection went. */
const REJOIN_DELAY_MS = 1_000
/** Saying goodbye is a courtesy: brokers notice the closed connection anyway. */
const GOODBYE_TIMEOUT_MS = 1_000

export interface ClientOptions {
  /** "host:port" each; one is used until it fails, then the next. */
  nameservers: readonly string[]
  network: Network
  clock: Clock
  random: Random
  logger: Logger
  /** The address part of the client id; peers show it to people. */
  host?: string
  requestTimeoutMs?: number
  routePullIntervalMs?: number
  heartbeatIntervalMs?: number
  /** Has route changes pushed by nameservers that offer it (default true); pulls go on either way. */
  watchesRoutes?: boolean
}

/** A producer or consumer of this client, as heartbeats and brokers see it. */
export interface Participant {
  producerGroup: string | null
  consumer: ConsumerData | null
  /** Brokers of these topics get heartbeats. */
  topics(): Iterable<string>
  /** A broker said that the members of the consumer's group changed. */
  onMembersChanged(): void
  /** What a consumer says of itself to administrators. */
  runningInfo?(): ConsumerRunningInfo
  close(): Promise<void>
}

export class Client {
  readonly id: string
  readonly options: ClientOptions
  readonly channels: Channels
  readonly routes: RouteCache
  readonly caller: Caller
  readonly #participants = new Set<Participant>()
  /** Brokers that have had a heartbeat since their connection was opened. */
  readonly #greeted = new Set<string>()
  readonly #rejoins = new Map<string, Timer>()
  #timer: Timer | null = null
  #closing: Promise<void> | null = null

  constructor(options: ClientOptions) {
    const { network, clock, random, logger, nameservers } = options
    this.options = options
    // Other clients' tools cut it at @ and #; the rest only has to be unique.
    this.id = `${options.host ?? '127.0.0.1'}@${1 + random.below(99_999)}#${BigInt(`0x${random.hex(8)}`)}`
    this.channels = new Channels({
      network,
      clock,
      random,
      logger,
      handlers: this.#handlers(),
      onClosed: (address) => this.#noteClosed(address),
    })
    this.caller = {
      channels: this.channels,
      timeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    }
    this.routes = new RouteCache({
      caller: this.caller,
      nameservers,
      clock,
      random,
      logger,
      pullIntervalMs: options.routePullIntervalMs ?? ROUTE_PULL_INTERVAL_MS,
      watches: options.watchesRoutes ?? true,
    })
    this.routes.onChange(() => void this.#greetNewBrokers())
  }

  /** Those in use now: the list may change while the client runs. */
  get nameservers(): readonly string[] {
    return this.routes.nameservers
  }

  get isClosed(): boolean {
    return this.#closing !== null
  }

  /** From now on `participant` is part of the heartbeats. */
  join(participant: Participant): void {
    if (this.isClosed) throw new MqError('CONNECTION_CLOSED', 'this client was closed')
    const group = participant.consumer?.group
    for (const other of this.#participants) {
      if (group !== undefined && other.consumer?.group === group) {
        throw new MqError('USAGE', `this client already consumes for the group "${group}"`, {
          hint: 'subscribe one consumer to all topics, or make a second client',
        })
      }
    }
    this.#participants.add(participant)
    const intervalMs = this.options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS
    this.#timer ??= this.options.clock.every(intervalMs, () => void this.heartbeat())
  }

  /** Takes it out of the heartbeats and says goodbye to its brokers. Never rejects. */
  async leave(participant: Participant): Promise<void> {
    if (!this.#participants.delete(participant)) return
    const fields: Record<string, string> = { clientID: this.id }
    const { producerGroup, consumer } = participant
    // The goodbye is for a whole group, which another producer of this client may share.
    const isShared = [...this.#participants].some((other) => other.producerGroup === producerGroup)
    if (producerGroup !== null && !isShared) fields['producerGroup'] = producerGroup
    if (consumer !== null) fields['consumerGroup'] = consumer.group
    if (Object.keys(fields).length === 1) return
    await Promise.allSettled(
      [...this.#addressesOf(participant)]
        .filter((address) => this.#greeted.has(address) && this.channels.isOpen(address))
        .map((address) =>
          this.channels.invoke(address, REQUEST.unregisterClient, {
            fields,
            timeoutMs: Math.min(GOODBYE_TIMEOUT_MS, this.caller.timeoutMs),
          }),
        ),
    )
  }

  /** Greets every broker of every topic in use. Never rejects: a broker may be down. */
  async heartbeat(): Promise<void> {
    await this.#greet(this.#allAddresses())
  }

  /** Greets one broker, e.g. after it said that it does not know us. */
  async greet(address: string): Promise<void> {
    await this.#greet([address])
  }

  /** Greets a broker that has not heard from us since its connection was opened. */
  async ensureGreeted(address: string): Promise<void> {
    if (!this.#greeted.has(address)) await this.#greet([address])
  }

  /** Closes producers and consumers first, then says goodbye. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#participants].map((participant) => participant.close()))
    this.#timer?.cancel()
    for (const timer of this.#rejoins.values()) timer.cancel()
    this.routes.stop()
    await this.channels.stop()
  }

  async #greet(addresses: Iterable<string>): Promise<void> {
    const participants = [...this.#participants]
    if (participants.length === 0) return
    const body = encodeHeartbeat({
      clientId: this.id,
      producerGroups: [
        ...new Set(participants.flatMap(({ producerGroup }) => producerGroup ?? [])),
      ],
      consumers: participants.flatMap(({ consumer }) => consumer ?? []),
    })
    const { timeoutMs } = this.caller
    await Promise.all(
      [...addresses].map(async (address) => {
        try {
          this.#greeted.add(address)
          await this.channels.call(address, REQUEST.heartbeat, { body, timeoutMs })
        } catch (error) {
          this.#greeted.delete(address)
          this.options.logger.debug(`heartbeat to ${address}: ${describeError(error)}`)
          // Half open, perhaps: the next request shall find out by connecting anew.
          if (error instanceof MqError && error.code === 'TIMED_OUT') this.channels.drop(address)
        }
      }),
    )
  }

  async #greetNewBrokers(): Promise<void> {
    await this.#greet([...this.#allAddresses()].filter((address) => !this.#greeted.has(address)))
  }

  #allAddresses(): Set<string> {
    const addresses = new Set<string>()
    for (const participant of this.#participants) {
      for (const address of this.#addressesOf(participant)) addresses.add(address)
    }
    return addresses
  }

  /** Producers have business with masters only; consumers may read from replicas. */
  #addressesOf(participant: Participant): Set<string> {
    const addresses = new Set<string>()
    for (const topic of participant.topics()) {
      for (const broker of this.routes.peek(topic)?.route.brokers ?? []) {
        for (const [id, address] of broker.addresses) {
          if (participant.consumer !== null || id === MASTER_ID) addresses.add(address)
        }
      }
    }
    return addresses
  }

  #noteClosed(address: string): void {
    this.routes.noteClosed(address)
    const wasGreeted = this.#greeted.delete(address)
    const hasConsumer = [...this.#participants].some(({ consumer }) => consumer !== null)
    if (!wasGreeted || !hasConsumer || this.isClosed || this.#rejoins.has(address)) return
    const timer = this.options.clock.after(REJOIN_DELAY_MS, () => {
      this.#rejoins.delete(address)
      if (this.#allAddresses().has(address)) void this.#greet([address])
    })
    this.#rejoins.set(address, timer)
  }

  #handlers(): Handlers {
    return new Map([
      [
        REQUEST.routeChanged,
        (request) => {
          this.routes.receivePush(request)
          return SUCCESS
        },
      ],
      [
        REQUEST.notifyConsumersChanged,
        (request) => {
          const group = request.fields['consumerGroup']
          for (const participant of this.#participants) {
            if (participant.consumer?.group === group) participant.onMembersChanged()
          }
          return SUCCESS
        },
      ],
      [
        REQUEST.getConsumerRunningInfo,
        ({ fields }) => {
          const group = fields['consumerGroup']
          for (const { consumer, runningInfo } of this.#participants) {
            if (consumer?.group !== group || runningInfo === undefined) continue
            return { code: RESPONSE.success, body: encodeConsumerRunningInfo(runningInfo()) }
          }
          return { code: RESPONSE.systemError, remark: `no consumer of group ${group} here` }
        },
      ],
    ])
  }
}
