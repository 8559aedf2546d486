// Goal: differences between nameservers are found, whatever kind they are, and nothing else is.
// Method: views of two nameservers that differ in one thing each.

import { expect, test } from 'bun:test'
import { registrationRows, routeDifferences, routeRows } from '../../src/cli/route-rows.ts'
import type { RegistrationsView, RouteView } from '../../src/client/admin-results.ts'
import type { TopicRoute } from '../../src/remoting/route.ts'

const NAMESERVERS = ['ns1:9876', 'ns2:9876']

interface Broker {
  name: string
  address?: string
  queues?: number
  permission?: number
}

function routeOf(brokers: readonly Broker[]): TopicRoute {
  return {
    brokers: brokers.map(({ name, address }) => ({
      cluster: 'c',
      brokerName: name,
      addresses: new Map([[0, address ?? `${name}:1`]]),
    })),
    queues: brokers.map(({ name, queues, permission }) => ({
      brokerName: name,
      readQueueCount: queues ?? 4,
      writeQueueCount: queues ?? 4,
      permission: permission ?? 6,
      systemFlag: 0,
    })),
    orderConfig: null,
  }
}

function views(...routes: (readonly Broker[] | null)[]): RouteView[] {
  return routes.map((brokers, i) => ({
    nameserver: NAMESERVERS[i] as string,
    value: brokers === null ? null : routeOf(brokers),
    error: null,
  }))
}

const registrations: RegistrationsView[] = [
  {
    nameserver: 'ns1:9876',
    value: {
      scanCount: 1,
      version: null,
      clock: null,
      brokers: [
        {
          brokerName: 'a',
          cluster: 'c',
          brokerId: 0,
          address: 'a:1',
          lastHeartbeatAgeMs: 5,
          expiryMs: 120_000,
          topicCount: 2,
          isDraining: true,
        },
      ],
    },
    error: null,
  },
  {
    nameserver: 'ns2:9876',
    value: { scanCount: null, brokers: null, version: null, clock: null },
    error: null,
  },
]

function differences(...routes: (readonly Broker[] | null)[]) {
  return routeDifferences(NAMESERVERS, routeRows('t', views(...routes), registrations))
}

test('one row per nameserver and broker, with the age where it is told', () => {
  const rows = routeRows('t', views([{ name: 'b' }, { name: 'a' }], [{ name: 'a' }]), registrations)
  expect(rows.map((row) => [row.nameserver, row.brokerName, row.lastHeartbeatAgeMs])).toEqual([
    ['ns1:9876', 'a', 5],
    ['ns1:9876', 'b', null],
    ['ns2:9876', 'a', null],
  ])
  expect(rows[0]).toMatchObject({ permission: 'rw', readQueueCount: 4, address: 'a:1' })
  expect(rows.map((row) => row.isDraining)).toEqual([true, null, null])
})

test('equal views differ in nothing', () => {
  expect(differences([{ name: 'a' }, { name: 'b' }], [{ name: 'b' }, { name: 'a' }])).toEqual([])
})

test('R12: a broker that one nameserver does not list', () => {
  expect(differences([{ name: 'a' }, { name: 'b' }], [{ name: 'b' }])).toEqual([
    {
      brokerName: 'a',
      nameserver: 'ns1:9876',
      seen: 'a:1 (c id 0: 4 read, 4 write, rw)',
      lastHeartbeatAgeMs: 5,
    },
    { brokerName: 'a', nameserver: 'ns2:9876', seen: null, lastHeartbeatAgeMs: null },
  ])
})

test('R12: addresses, queues and permissions count too, and a topic one does not know', () => {
  expect(differences([{ name: 'a' }], [{ name: 'a', address: 'a:2' }])).toHaveLength(2)
  expect(differences([{ name: 'a' }], [{ name: 'a', queues: 8 }])).toHaveLength(2)
  expect(differences([{ name: 'a' }], [{ name: 'a', permission: 4 }])).toHaveLength(2)
  expect(differences([{ name: 'a' }], null)).toHaveLength(2)
})

test('registrations are listed per nameserver; one that tells nothing adds nothing', () => {
  expect(registrationRows(registrations)).toEqual([
    {
      nameserver: 'ns1:9876',
      cluster: 'c',
      brokerName: 'a',
      brokerId: 0,
      address: 'a:1',
      topicCount: 2,
      lastHeartbeatAgeMs: 5,
      expiryMs: 120_000,
      isDraining: true,
    },
  ])
})
