// Brokers and nameservers, and what each nameserver says.

import type { MqError } from '../core/errors.ts'
import { LANGUAGES, REQUEST, RESPONSE } from '../remoting/codes.ts'
import { decodeKvTable } from '../remoting/kv-table.ts'
import { decodeRegistrationsView } from '../remoting/registrations-view.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import { askAll, asMqError, findBrokers } from './admin-peers.ts'
import type {
  BrokerSummary,
  ClusterView,
  Gathered,
  NameserverView,
  ProbeResult,
  Registrations,
  RegistrationsView,
  RouteView,
} from './admin-results.ts'
import type { Client } from './client.ts'
import { fetchClusterInfo, fetchRoute } from './nameserver-calls.ts'

export class ClusterAdmin {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Each nameserver's own list of clusters and brokers. */
  views(): Promise<ClusterView[]> {
    return this.#views('its brokers', (nameserver) =>
      fetchClusterInfo(this.#client.caller, nameserver),
    )
  }

  /** Every broker any nameserver lists. Rejects if no nameserver answers. */
  brokers(): Promise<Gathered<BrokerSummary[]>> {
    return findBrokers(this.#client)
  }

  /** The topic's route as each nameserver sees it. */
  routes(topic: string): Promise<RouteView[]> {
    return this.#views(`the route of ${topic}`, (nameserver) =>
      fetchRoute(this.#client.caller, nameserver, topic),
    )
  }

  /** When each nameserver last heard of each broker. */
  registrations(): Promise<RegistrationsView[]> {
    return this.#views('its registrations', (nameserver) => this.#registrationsOf(nameserver))
  }

  /** Whether a node answers at all, and how fast. Never rejects. */
  async probe(address: string): Promise<ProbeResult> {
    const { caller, options } = this.#client
    const startedMs = options.clock.monoMs()
    let error: MqError | null = null
    try {
      // Nodes of both roles answer this, brokers that they do not know the request. There are requests
      // that Apache's older nameservers pass over in silence.
      await caller.channels.invoke(address, REQUEST.getClusterInfo, {
        timeoutMs: caller.timeoutMs,
      })
    } catch (caught) {
      error = asMqError(caught)
    }
    const elapsedMs = options.clock.monoMs() - startedMs
    return { address, isReachable: error === null, elapsedMs, error }
  }

  /** What a broker tells of itself: version, rates, totals (all text). */
  async runtime(address: string): Promise<Map<string, string>> {
    const { caller } = this.#client
    const answer = await caller.channels.call(address, REQUEST.getBrokerRuntimeInfo, {
      timeoutMs: caller.timeoutMs,
    })
    return decodeKvTable(answer.body)
  }

  async #registrationsOf(nameserver: string): Promise<Registrations> {
    const { channels, timeoutMs } = this.#client.caller
    const unknown = { brokers: null, scanCount: null, version: null, clock: null }
    // Apache's nameservers tell ages to nobody. They answer as JAVA; before 5.x they would not answer
    // a request they do not know at all, and cost us the time limit.
    const greeting = await channels.invoke(nameserver, REQUEST.getClusterInfo, { timeoutMs })
    if (LANGUAGES[greeting.language] === 'JAVA') return unknown
    const { clock } = this.#client.options
    const startedMs = clock.monoMs()
    const answer = await channels.invoke(nameserver, REQUEST.describeRegistrations, { timeoutMs })
    const roundTripMs = clock.monoMs() - startedMs
    if (answer.code === RESPONSE.notSupported) return unknown
    if (answer.code !== RESPONSE.success) throw errorFromResponse(answer, nameserver)
    const { brokers, scans, version, timeMs } = decodeRegistrationsView(answer.body)
    return {
      brokers,
      scanCount: scans,
      version,
      clock: timeMs === null ? null : { theirMs: timeMs, ourMs: clock.wallMs(), roundTripMs },
    }
  }

  async #views<T>(
    purpose: string,
    ask: (nameserver: string) => Promise<T | null>,
  ): Promise<NameserverView<T>[]> {
    const { nameservers } = this.#client
    const { value, failures } = await askAll(nameservers, purpose, ask)
    return nameservers.map((nameserver) => ({
      nameserver,
      value: value.find(({ peer }) => peer === nameserver)?.value ?? null,
      error: failures.find(({ peer }) => peer === nameserver)?.error ?? null,
    }))
  }
}
