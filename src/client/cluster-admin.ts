// Brokers and nameservers, and what each nameserver says.

import { MqError } from '../core/errors.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import { decodeKvTable } from '../remoting/kv-table.ts'
import { decodeRegistrationsView } from '../remoting/registrations-view.ts'
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
      // A node of either role answers this, if only that it does not know the request.
      await caller.channels.invoke(address, REQUEST.getBrokerRuntimeInfo, {
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
    const { caller } = this.#client
    try {
      const answer = await caller.channels.call(nameserver, REQUEST.describeRegistrations, {
        timeoutMs: caller.timeoutMs,
      })
      const { brokers, scans } = decodeRegistrationsView(answer.body)
      return { brokers, scanCount: scans }
    } catch (error) {
      // Apache's nameservers do not know the request, and tell ages to nobody.
      if (error instanceof MqError && error.wireCode === RESPONSE.notSupported) {
        return { brokers: null, scanCount: null }
      }
      throw error
    }
  }

  async #views<T>(
    purpose: string,
    ask: (nameserver: string) => Promise<T | null>,
  ): Promise<NameserverView<T>[]> {
    const { nameservers } = this.#client.options
    const { value, failures } = await askAll(nameservers, purpose, ask)
    return nameservers.map((nameserver) => ({
      nameserver,
      value: value.find(({ peer }) => peer === nameserver)?.value ?? null,
      error: failures.find(({ peer }) => peer === nameserver)?.error ?? null,
    }))
  }
}
