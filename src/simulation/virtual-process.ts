// One process on a simulated machine: the clock and the network to give to a node, and the signals
// to send to it. A host runs one process at a time; after a kill, make a new one on the same host.

import type { Clock } from '../core/clock.ts'
import type { Network } from '../remoting/network.ts'
import { NodeClock } from './node-clock.ts'
import type { VirtualHost } from './virtual-host.ts'
import type { VirtualNetwork } from './virtual-network.ts'

export class VirtualProcess {
  readonly hostName: string
  readonly network: Network
  readonly #clock: NodeClock
  readonly #virtualNetwork: VirtualNetwork
  #isDead = false

  constructor(options: { network: VirtualNetwork; clock: Clock; hostName: string }) {
    const host: VirtualHost = options.network.host(options.hostName)
    this.hostName = options.hostName
    this.#virtualNetwork = options.network
    this.#clock = new NodeClock(options.clock)
    if (host.isDead) options.network.reboot(options.hostName)
    // A promise that was under way when the process died must not open sockets for its successor.
    const never = <T>(): Promise<T> => new Promise(() => {})
    this.network = {
      listen: (address, accept) => (this.#isDead ? never() : host.listen(address, accept)),
      connect: (address, limits, open) =>
        this.#isDead ? never() : host.connect(address, limits, open),
    }
  }

  get clock(): Clock {
    return this.#clock
  }

  /** kill -STOP: sockets stay open, nothing runs. */
  freeze(): void {
    this.#clock.freeze()
    this.#virtualNetwork.freeze(this.hostName)
  }

  /** kill -CONT. */
  thaw(): void {
    this.#clock.thaw()
    this.#virtualNetwork.thaw(this.hostName)
  }

  /** kill -9: its peers see their connections close. */
  kill(): void {
    this.#isDead = true
    this.#clock.kill()
    this.#virtualNetwork.crash(this.hostName)
  }

  /** Power off: its peers see nothing. */
  vanish(): void {
    this.#isDead = true
    this.#clock.kill()
    this.#virtualNetwork.vanish(this.hostName)
  }
}
