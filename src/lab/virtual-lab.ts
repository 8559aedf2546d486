// The lab's cluster in virtual time: the real nodes on a simulated network, two minutes in milliseconds.
// Nothing here is slow or random but by the seed: the same seed gives the same run on every machine.

import type { Client } from '../client/client.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { type Random, seededRandom } from '../core/random.ts'
import type { VirtualProcess } from '../simulation/virtual-process.ts'
import type { LabClientPlan, LabCluster } from './lab-cluster.ts'
import { PROTOCOL_INTERVALS } from './lab-cluster.ts'
import { VirtualCluster } from './virtual-cluster.ts'

const POLL_INTERVAL_MS = 20
const START_LIMIT_MS = 120_000
/** No scenario takes this long; one that does would never end. */
const RUN_LIMIT_MS = 4 * 3_600_000

export class VirtualLab implements LabCluster {
  readonly isVirtual = true
  readonly canStartBrokers = true
  readonly intervals = PROTOCOL_INTERVALS
  readonly cluster: VirtualCluster
  readonly random: Random

  private constructor(seed: number) {
    this.cluster = new VirtualCluster(seed)
    this.random = seededRandom(seed + 2)
  }

  /** Two nameservers, and brokers with these names. */
  static async start(seed: number, brokers: readonly string[]): Promise<VirtualLab> {
    const lab = new VirtualLab(seed)
    const { clock } = lab.cluster
    const start = async (): Promise<void> => {
      for (const host of ['10.0.1.1', '10.0.1.2']) {
        await lab.cluster.startNameserver(host)
        await lab.scatter()
      }
      for (const name of brokers) {
        await lab.startBroker(name)
        await lab.scatter()
      }
    }
    await clock.runFor(start(), START_LIMIT_MS)
    return lab
  }

  /** Moves the clock for as long as `work` needs it. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.cluster.clock.runFor(work, RUN_LIMIT_MS)
  }

  /** Changes with everything that happened on the network, and when. */
  get traceHash(): string {
    return this.cluster.network.traceHash
  }

  get clock(): Clock {
    return this.cluster.clock
  }

  get nameservers(): readonly string[] {
    return this.cluster.nameservers.map((_, i) => `nameserver-${i + 1}`)
  }

  get brokers(): readonly string[] {
    return [...this.cluster.brokers.keys()]
  }

  nameserverAddress(name: string): string {
    return this.#nameserver(name).address
  }

  newClient({ nameservers, name, ...options }: LabClientPlan): Client {
    return this.cluster.client({
      watchesRoutes: false,
      ...options,
      host: name,
      nameservers: (nameservers ?? this.nameservers).map((each) => this.nameserverAddress(each)),
    })
  }

  async startBroker(name: string): Promise<void> {
    await this.cluster.startBroker(name, hostOf(name))
  }

  async stopBroker(name: string): Promise<void> {
    await this.cluster.broker(name).broker.stop()
    this.#broker(name).kill()
  }

  async killBroker(name: string): Promise<void> {
    this.#broker(name).kill()
  }

  async freezeBroker(name: string): Promise<void> {
    this.#broker(name).freeze()
  }

  async thawBroker(name: string): Promise<void> {
    this.#broker(name).thaw()
  }

  async disconnectBroker(name: string): Promise<void> {
    this.cluster.network.isolate(hostOf(name))
  }

  async reconnectBroker(name: string): Promise<void> {
    this.cluster.network.rejoin(hostOf(name))
  }

  async killNameserver(name: string): Promise<void> {
    this.#nameserver(name).virtual.kill()
  }

  async startNameserver(name: string): Promise<void> {
    await this.cluster.startNameserver(this.#nameserver(name).virtual.hostName)
  }

  cut(path: { broker: string; nameserver: string }): void {
    this.cluster.network.cut(this.#direction(path))
  }

  heal(path: { broker: string; nameserver: string }): void {
    this.cluster.network.heal(this.#direction(path))
  }

  scatter(): Promise<void> {
    return this.wait(this.random.below(this.intervals.scanMs))
  }

  wait(delayMs: number): Promise<void> {
    return sleep(this.clock, delayMs)
  }

  async until(isTrue: () => boolean, limitMs: number): Promise<number | null> {
    const startMs = this.clock.monoMs()
    while (!isTrue()) {
      if (this.clock.monoMs() - startMs >= limitMs) return null
      await this.wait(POLL_INTERVAL_MS)
    }
    return this.clock.monoMs() - startMs
  }

  #broker(name: string): VirtualProcess {
    return this.cluster.broker(name).process
  }

  #nameserver(name: string): { address: string; virtual: VirtualProcess } {
    const node = this.cluster.nameservers[this.nameservers.indexOf(name)]
    if (node === undefined) throw new Error(`the lab has no ${name}`)
    return { address: node.address, virtual: node.process }
  }

  #direction(path: { broker: string; nameserver: string }): { from: string; to: string } {
    return { from: hostOf(path.broker), to: this.#nameserver(path.nameserver).virtual.hostName }
  }
}

/** broker-a → 10.0.2.1, broker-b → 10.0.2.2, … */
function hostOf(broker: string): string {
  return `10.0.2.${broker.charCodeAt(broker.length - 1) - 96}`
}
