// Routes as rows: what each nameserver says of each broker of a topic, and where they disagree. Pure.

import type { BrokerRegistration, RegistrationsView, RouteView } from '../client/admin-results.ts'
import { formatPermission } from './permission.ts'

export interface RouteRow {
  nameserver: string
  topic: string
  cluster: string
  brokerName: string
  brokerId: number
  address: string
  readQueueCount: number
  writeQueueCount: number
  /** "rw", "r", "w" or "-". */
  permission: string
  /** Null: this nameserver does not tell (it is Apache's). */
  lastHeartbeatAgeMs: number | null
  /** Null: this nameserver does not tell. */
  isDraining: boolean | null
}

export interface RouteDifference {
  brokerName: string
  nameserver: string
  /** Null: this nameserver does not list the broker. */
  seen: string | null
  lastHeartbeatAgeMs: number | null
}

export interface RegistrationRow {
  nameserver: string
  cluster: string
  brokerName: string
  brokerId: number
  address: string
  topicCount: number
  lastHeartbeatAgeMs: number
  expiryMs: number
  isDraining: boolean
}

export function routeRows(
  topic: string,
  routes: readonly RouteView[],
  registrations: readonly RegistrationsView[],
): RouteRow[] {
  const rows: RouteRow[] = []
  for (const { nameserver, value: route } of routes) {
    for (const broker of route?.brokers ?? []) {
      const queues = route?.queues.find(({ brokerName }) => brokerName === broker.brokerName)
      for (const [brokerId, address] of broker.addresses) {
        const known = registrationOf(registrations, { nameserver, address })
        rows.push({
          nameserver,
          topic,
          cluster: broker.cluster,
          brokerName: broker.brokerName,
          brokerId,
          address,
          readQueueCount: queues?.readQueueCount ?? 0,
          writeQueueCount: queues?.writeQueueCount ?? 0,
          permission: formatPermission(queues?.permission ?? 0),
          lastHeartbeatAgeMs: known?.lastHeartbeatAgeMs ?? null,
          isDraining: known?.isDraining ?? null,
        })
      }
    }
  }
  return rows.sort(
    (a, b) =>
      routes.findIndex(({ nameserver }) => nameserver === a.nameserver) -
        routes.findIndex(({ nameserver }) => nameserver === b.nameserver) ||
      compare(a.brokerName, b.brokerName) ||
      a.brokerId - b.brokerId,
  )
}

export function registrationRows(views: readonly RegistrationsView[]): RegistrationRow[] {
  return views.flatMap(({ nameserver, value }) =>
    (value?.brokers ?? [])
      .map(
        (broker): RegistrationRow => ({
          nameserver,
          cluster: broker.cluster,
          brokerName: broker.brokerName,
          brokerId: broker.brokerId,
          address: broker.address,
          topicCount: broker.topicCount,
          lastHeartbeatAgeMs: broker.lastHeartbeatAgeMs,
          expiryMs: broker.expiryMs,
          isDraining: broker.isDraining,
        }),
      )
      .sort((a, b) => compare(a.brokerName, b.brokerName) || a.brokerId - b.brokerId),
  )
}

/** One row per nameserver for every broker that the nameservers describe differently. */
export function routeDifferences(
  nameservers: readonly string[],
  rows: readonly RouteRow[],
): RouteDifference[] {
  const differences: RouteDifference[] = []
  const names = [...new Set(rows.map((row) => row.brokerName))].sort(compare)
  for (const brokerName of names) {
    const seen = nameservers.map((nameserver): RouteDifference => {
      const own = rows.filter(
        (row) => row.nameserver === nameserver && row.brokerName === brokerName,
      )
      return {
        brokerName,
        nameserver,
        seen: own.length === 0 ? null : own.map(describe).join(' '),
        lastHeartbeatAgeMs: own[0]?.lastHeartbeatAgeMs ?? null,
      }
    })
    if (new Set(seen.map((view) => view.seen)).size > 1) differences.push(...seen)
  }
  return differences
}

function describe(row: RouteRow): string {
  const queues = `${row.readQueueCount} read, ${row.writeQueueCount} write, ${row.permission}`
  return `${row.address} (${row.cluster} id ${row.brokerId}: ${queues})`
}

function registrationOf(
  registrations: readonly RegistrationsView[],
  wanted: { nameserver: string; address: string },
): BrokerRegistration | null {
  const view = registrations.find(({ nameserver }) => nameserver === wanted.nameserver)
  return view?.value?.brokers?.find(({ address }) => address === wanted.address) ?? null
}

/** By code units, never by locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
