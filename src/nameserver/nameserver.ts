// A nameserver: the wiring of the route table to the network and the clock. It keeps nothing on disk
// and knows of no other nameserver; brokers register with each, so a restarted one is full again after
// one heartbeat. The decisions are in route-table.ts, the requests in handlers/.

import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { Metrics } from '../core/metrics.ts'
import { formatAddress } from '../remoting/address.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import { CountedHandlers } from '../remoting/counted-handlers.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import type { HostPort, Network } from '../remoting/network.ts'
import { type ReloadReport, reloadHandler } from '../remoting/reload-config.ts'
import { RemotingServer } from '../remoting/server.ts'
import type { LiveNameserverConfig, NameserverConfig } from './config.ts'
import { COUNTER } from './counters.ts'
import { EncodedRoutes } from './encoded-routes.ts'
import type { NameserverParts } from './handlers/dependencies.ts'
import { registrationHandlers } from './handlers/registration-handlers.ts'
import { routeHandlers } from './handlers/route-handlers.ts'
import { settingHandlers } from './handlers/setting-handlers.ts'
import { watchHandlers } from './handlers/watch-handlers.ts'
import { KvConfig } from './kv-config.ts'
import type { LiveBroker } from './live-brokers.ts'
import { RoutePusher } from './route-pusher.ts'
import { RouteTable } from './route-table.ts'

export interface NameserverOptions {
  config: NameserverConfig
  network: Network
  clock: Clock
  logger: Logger
  /** Reads the configuration file again; whoever made the nameserver knows which. */
  reload?: () => Promise<ReloadReport>
}

export class Nameserver {
  readonly metrics = new Metrics()
  readonly #options: NameserverOptions
  readonly #table: RouteTable
  readonly #pusher: RoutePusher
  readonly #server: RemotingServer
  #address: HostPort
  #scanTimer: Timer | null = null
  #isStopped = false

  constructor(options: NameserverOptions) {
    const { network, clock, logger } = options
    // Its own copy: `reconfigure` changes it, and the handlers see that.
    const config = { ...options.config }
    this.#options = { ...options, config }
    this.#address = config.listen
    const noteChanged = (topic: string): void => this.#pusher.noteChanged(topic)
    this.#table = new RouteTable(noteChanged)
    const settings = new KvConfig(noteChanged)
    const routes = new EncodedRoutes(this.#table, settings)
    this.#pusher = new RoutePusher({ routes, clock, metrics: this.metrics })
    const parts: NameserverParts = {
      config,
      address: () => formatAddress(this.#address),
      table: this.#table,
      settings,
      routes,
      pusher: this.#pusher,
      metrics: this.metrics,
      logger,
      nowMs: () => clock.monoMs(),
      wallMs: () => clock.wallMs(),
    }
    this.#server = new RemotingServer({
      network,
      clock,
      logger,
      handlers: requestHandlers(parts, options.reload),
      onConnectionClosed: (connection) => {
        this.#pusher.forget(connection)
        this.#removeBrokersOf(connection)
      },
    })
  }

  /** Resolves with the real address. Rejects with PORT_IN_USE or ADDRESS_INVALID. */
  async start(): Promise<HostPort> {
    const { config, clock } = this.#options
    this.#address = await this.#server.start(config.listen)
    this.#scanTimer = clock.every(config.scanIntervalMs, () => this.#scan())
    return this.#address
  }

  /** Takes over settings while running; a broker's own expiry with its next registration. */
  reconfigure(changes: LiveNameserverConfig): void {
    const { config, clock } = this.#options
    Object.assign(config, changes)
    if (this.#isStopped || this.#scanTimer === null) return
    this.#scanTimer.cancel()
    this.#scanTimer = clock.every(config.scanIntervalMs, () => this.#scan())
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#scanTimer?.cancel()
    this.#pusher.stop()
    await this.#server.stop()
  }

  #scan(): void {
    const { clock } = this.#options
    this.metrics.counter(COUNTER.scans).add()
    const nowMs = clock.monoMs()
    for (const broker of this.#table.evictExpired(nowMs)) {
      this.metrics.counter(COUNTER.evictions).add()
      const silentMs = Math.round(nowMs - broker.lastHeartbeatMs)
      this.#logRemoval(broker, `silent for ${silentMs} ms`)
      // It finds out that it has to register anew when it comes back to life.
      broker.owner.destroy()
    }
  }

  #removeBrokersOf(connection: Connection): void {
    // It is us who close; nobody is left to be told.
    if (this.#isStopped) return
    for (const broker of this.#table.connectionClosed(connection)) {
      this.metrics.counter(COUNTER.disconnections).add()
      this.#logRemoval(broker, 'its connection closed')
    }
  }

  #logRemoval(broker: LiveBroker, reason: string): void {
    const { brokerName, brokerId, address } = broker
    this.#options.logger.warn(`removed ${brokerName} (id ${brokerId}) at ${address}: ${reason}`)
  }
}

function requestHandlers(
  parts: NameserverParts,
  reload: NameserverOptions['reload'],
): CountedHandlers {
  const handlers = new CountedHandlers({
    requests: parts.metrics.counter(COUNTER.requests),
    unsupported: parts.metrics.counter(COUNTER.unsupportedRequests),
  })
  for (const part of [registrationHandlers, routeHandlers, settingHandlers, watchHandlers]) {
    for (const [code, handler] of part(parts)) handlers.set(code, handler)
  }
  const own: [number, RequestHandler][] =
    reload === undefined ? [] : [[REQUEST.reloadConfig, reloadHandler(reload)]]
  for (const [code, handler] of own) handlers.set(code, handler)
  return handlers
}
