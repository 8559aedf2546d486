// A throw-away cluster of real processes as a lab. Every broker is reached, and reaches the nameservers,
// through proxies of ours, so that cables can be pulled and views split without rights over the network.
//
//   clients ──► proxy of broker-a ──► broker-a ──► proxy broker-a/nameserver-1 ──► nameserver-1

import { join } from 'node:path'
import type { LabCluster } from '../lab/lab-cluster.ts'
import { formatAddress } from '../remoting/address.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { CuttableProxy } from '../remoting/cuttable-proxy.ts'
import { ChildNode } from './child-node.ts'
import { temporaryFolder } from './exit-duty.ts'
import { LiveClients, type LiveLabOptions } from './live-clients.ts'

const NAMESERVERS = ['nameserver-1', 'nameserver-2'] as const

interface Host {
  /** Null while it is down. */
  node: ChildNode | null
  /** Kept, so that it comes back where it was. */
  listen: string
}

interface BrokerHost extends Host {
  /** What clients connect to. */
  front: CuttableProxy
  /** Nameserver → what the broker connects to for it. */
  paths: Map<string, CuttableProxy>
}

export class ThrowawayLab extends LiveClients implements LabCluster {
  readonly canStartBrokers = true
  readonly nameservers: readonly string[] = NAMESERVERS
  readonly #folder = temporaryFolder('mq-lab-')
  readonly #nameservers = new Map<string, Host>()
  readonly #brokers = new Map<string, BrokerHost>()

  static async start(
    options: LiveLabOptions & { brokers: readonly string[] },
  ): Promise<ThrowawayLab> {
    const lab = new ThrowawayLab(options)
    try {
      for (const name of NAMESERVERS) await lab.startNameserver(name)
      await Promise.all(options.brokers.map((name) => lab.startBroker(name)))
      return lab
    } catch (error) {
      await lab.dispose()
      throw error
    }
  }

  get brokers(): readonly string[] {
    return [...this.#brokers.keys()]
  }

  nameserverAddress(name: string): string {
    return hostOf(this.#nameservers, name).listen
  }

  async startNameserver(name: string): Promise<void> {
    const host = this.#nameservers.get(name) ?? { node: null, listen: await freeAddress() }
    this.#nameservers.set(name, host)
    const { scanMs, expiryMs } = this.intervals
    await this.#start(name, host, [
      'nameserver',
      '--scan-interval',
      `${scanMs}ms`,
      '--broker-expiry',
      `${expiryMs}ms`,
    ])
  }

  async killNameserver(name: string): Promise<void> {
    await hostOf(this.#nameservers, name).node?.kill()
  }

  async startBroker(name: string): Promise<void> {
    const host = this.#brokers.get(name) ?? (await this.#newBroker(name))
    await this.#start(name, host, [
      'broker',
      '--name',
      name,
      '--advertise',
      host.front.address,
      '--nameservers',
      [...host.paths.values()].map(({ address }) => address).join(','),
      '--data',
      join(this.#folder.path, name),
      '--heartbeat-interval',
      `${this.intervals.heartbeatMs}ms`,
    ])
  }

  async stopBroker(name: string): Promise<void> {
    await this.#broker(name).node?.stop()
  }

  async killBroker(name: string): Promise<void> {
    await this.#broker(name).node?.kill()
  }

  async freezeBroker(name: string): Promise<void> {
    this.#broker(name).node?.signal('SIGSTOP')
  }

  async thawBroker(name: string): Promise<void> {
    this.#broker(name).node?.signal('SIGCONT')
  }

  async disconnectBroker(name: string): Promise<void> {
    for (const proxy of this.#proxiesOf(name)) {
      proxy.cut('to-target')
      proxy.cut('to-client')
    }
  }

  async reconnectBroker(name: string): Promise<void> {
    for (const proxy of this.#proxiesOf(name)) {
      proxy.heal('to-target')
      proxy.heal('to-client')
    }
  }

  cut(path: { broker: string; nameserver: string }): void {
    this.#broker(path.broker).paths.get(path.nameserver)?.cut('to-target')
  }

  heal(path: { broker: string; nameserver: string }): void {
    this.#broker(path.broker).paths.get(path.nameserver)?.heal('to-target')
  }

  /** Ends all processes, brokers first, and removes what they stored. */
  async dispose(): Promise<void> {
    for (const host of this.#brokers.values()) host.node?.signal('SIGCONT')
    for (const hosts of [this.#brokers, this.#nameservers]) {
      await Promise.all([...hosts.values()].map(({ node }) => node?.stop()))
    }
    for (const name of this.#brokers.keys()) {
      for (const proxy of this.#proxiesOf(name)) proxy.stop()
    }
    this.#folder.remove()
  }

  async #newBroker(name: string): Promise<BrokerHost> {
    const paths = new Map<string, CuttableProxy>()
    for (const nameserver of NAMESERVERS) {
      const path = await CuttableProxy.start(bunNetwork)
      path.target = this.nameserverAddress(nameserver)
      paths.set(nameserver, path)
    }
    const front = await CuttableProxy.start(bunNetwork)
    const listen = await freeAddress()
    front.target = listen
    const host: BrokerHost = { node: null, listen, front, paths }
    this.#brokers.set(name, host)
    return host
  }

  async #start(name: string, host: Host, args: readonly string[]): Promise<void> {
    // The address on its ready line would be the advertised one, which is our proxy.
    host.node = await ChildNode.start({
      name,
      args: [...args, '--listen', host.listen, '--log', 'warn'],
      folder: this.#folder.path,
      onLine: this.onLine,
    })
  }

  #broker(name: string): BrokerHost {
    return hostOf(this.#brokers, name)
  }

  #proxiesOf(name: string): CuttableProxy[] {
    const { front, paths } = this.#broker(name)
    return [front, ...paths.values()]
  }
}

/** A port nobody listens on now, from the range the system gives out. */
async function freeAddress(): Promise<string> {
  const listener = await bunNetwork.listen({ host: '127.0.0.1', port: 0 }, () => {
    throw new Error('nobody should connect here')
  })
  listener.close()
  return formatAddress(listener.address)
}

function hostOf<H extends Host>(hosts: ReadonlyMap<string, H>, name: string): H {
  const host = hosts.get(name)
  if (host === undefined) throw new Error(`the lab has no ${name}`)
  return host
}
