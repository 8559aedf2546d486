// Nameservers in a simulated network with peers that register brokers and ask for routes.

import { Logger } from '../../src/core/logger.ts'
import { defaultNameserverConfig, type NameserverConfig } from '../../src/nameserver/config.ts'
import { Nameserver } from '../../src/nameserver/nameserver.ts'
import type { Registration } from '../../src/nameserver/registration-rules.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { encodeRegistration } from '../../src/remoting/registration.ts'
import { decodeRegistrationsView } from '../../src/remoting/registrations-view.ts'
import { decodeRoute } from '../../src/remoting/route.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../src/simulation/virtual-network.ts'
import { WirePeer } from './wire-peer.ts'

export class NameserverWorld {
  readonly clock: VirtualClock
  readonly network: VirtualNetwork
  readonly lines: string[] = []

  /** A world of its own, or one that others live in already. */
  constructor(shared?: { clock: VirtualClock; network: VirtualNetwork }) {
    this.clock = shared?.clock ?? new VirtualClock()
    this.network = shared?.network ?? new VirtualNetwork({ clock: this.clock, seed: 1 })
  }

  async start(host: string, config: Partial<NameserverConfig> = {}): Promise<Nameserver> {
    const logger = new Logger({
      clock: this.clock,
      sink: (line) => this.lines.push(line),
      level: 'info',
      scope: host,
    })
    const nameserver = new Nameserver({
      config: { ...defaultNameserverConfig(), listen: { host, port: 9876 }, ...config },
      network: this.network.host(host),
      clock: this.clock,
      logger,
    })
    await this.clock.runFor(nameserver.start(), 1_000)
    return nameserver
  }

  /** A peer on a machine of its own that talks to one nameserver. */
  peer(host: string, nameserver: string): WirePeer {
    const { clock } = this
    return new WirePeer({
      clock,
      network: this.network.host(host),
      server: `${nameserver}:9876`,
    })
  }
}

export function brokerFields(registration: Registration): Record<string, string | number> {
  return {
    brokerName: registration.brokerName,
    brokerAddr: registration.address,
    clusterName: registration.cluster,
    brokerId: registration.brokerId,
  }
}

export function register(peer: WirePeer, registration: Registration): Promise<Command> {
  const fields = { ...brokerFields(registration), haServerAddr: registration.haServerAddress }
  return peer.ask(REQUEST.registerBroker, fields, encodeRegistration(registration))
}

/** The brokers of a topic's route; empty if the nameserver has none. */
export async function routedBrokers(peer: WirePeer, topic: string): Promise<string[]> {
  const answer = await peer.ask(REQUEST.getRoute, { topic })
  if (answer.code !== 0) return []
  return decodeRoute(answer.body).brokers.map((broker) => broker.brokerName)
}

export async function registrationAges(peer: WirePeer): Promise<Record<string, number>> {
  const { body } = await peer.ask(REQUEST.describeRegistrations)
  const { brokers } = decodeRegistrationsView(body)
  return Object.fromEntries(brokers.map((broker) => [broker.brokerName, broker.lastHeartbeatAgeMs]))
}
