// A cluster to practise failures on, as a scenario sees it: what it can be asked and what can be done
// to it. A scenario is written once; the cluster is one of real processes, or one in virtual time.

import type { Client } from '../client/client.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'

/** The numbers of the protocol, in milliseconds. */
export interface LabIntervals {
  /** Clients ask for routes. */
  routePullMs: number
  /** Brokers register with every nameserver. */
  heartbeatMs: number
  /** Nameservers look for silent brokers. */
  scanMs: number
  /** A broker silent for longer is evicted. */
  expiryMs: number
  /** Members of a group look at their share. */
  rebalanceMs: number
}

export const PROTOCOL_INTERVALS: Readonly<LabIntervals> = {
  routePullMs: 30_000,
  heartbeatMs: 30_000,
  scanMs: 10_000,
  expiryMs: 120_000,
  rebalanceMs: 20_000,
}

/** What a client of the lab has of its own. Without `nameservers` (by name) it knows all of them. */
export interface LabClientPlan {
  /** Also the first part of its id, by which members of a group are ordered. */
  name: string
  nameservers?: readonly string[]
  /** Whether nameservers tell it of changes. Off here: most scenarios are about clients that only ask. */
  watchesRoutes?: boolean
}

export interface LabCluster {
  readonly isVirtual: boolean
  /** False where brokers of somebody else can be stopped, but not started. */
  readonly canStartBrokers: boolean
  readonly clock: Clock
  readonly random: Random
  readonly intervals: LabIntervals
  /** "nameserver-1", "nameserver-2"; those that are down as well. */
  readonly nameservers: readonly string[]
  readonly brokers: readonly string[]
  nameserverAddress(name: string): string
  /** On a machine of its own where that means anything. The stage closes it. */
  newClient(plan: LabClientPlan): Client

  /** A new one, or the one that was killed or stopped, with what it stored. */
  startBroker(name: string): Promise<void>
  /** As an administrator does: it says goodbye. */
  stopBroker(name: string): Promise<void>
  /** kill -9. */
  killBroker(name: string): Promise<void>
  /** kill -STOP: its sockets stay open, and nothing answers. */
  freezeBroker(name: string): Promise<void>
  thawBroker(name: string): Promise<void>
  /** Pulls its cable: nothing gets to it or from it, and nobody is told. */
  disconnectBroker(name: string): Promise<void>
  reconnectBroker(name: string): Promise<void>
  killNameserver(name: string): Promise<void>
  startNameserver(name: string): Promise<void>
  /** From now on nothing the broker says reaches that nameserver, and nobody is told. */
  cut(path: { broker: string; nameserver: string }): void
  heal(path: { broker: string; nameserver: string }): void

  /**
   * Lets a moment of the seed's choice pass where that costs nothing, so that nodes and clients do not
   * all beat at once. Real ones never do; there it does nothing.
   */
  scatter(): Promise<void>
  /** Rejects when a person wants it to end. */
  wait(delayMs: number): Promise<void>
  /** Resolves with how long `isTrue` took to become so, or null after the limit. */
  until(isTrue: () => boolean, limitMs: number): Promise<number | null>
}
