// A network inside one process, with the promises of bun-network.ts and faults on request. All that
// is random about it comes from one seed, so a run can be repeated exactly.

import { assert } from '../core/assert.ts'
import type { Clock } from '../core/clock.ts'
import { type Random, seededRandom } from '../core/random.ts'
import { formatAddress } from '../remoting/address.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from '../remoting/network.ts'
import { VirtualHost } from './virtual-host.ts'
import { type LinkOptions, type Segment, VirtualEnd } from './virtual-link.ts'

export interface VirtualNetworkOptions {
  clock: Clock
  seed: number
  /** One way, uniform between the two. */
  delayMsMin?: number
  delayMsMax?: number
  windowBytes?: number
  chunkBytesMax?: number
}

/** A direction between two hosts, by their names. */
export interface Direction {
  from: string
  to: string
}

/** Names by which every host means itself. */
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '::1'])

export class VirtualNetwork implements Network {
  readonly #hosts = new Map<string, VirtualHost>()
  readonly #names = new Map<string, string>()
  readonly #cuts = new Set<string>()
  readonly #delaysMs = new Map<string, number>()
  readonly #linkOptions: LinkOptions
  readonly #clock: Clock
  #trace = 0
  #deliveredCount = 0

  constructor(options: VirtualNetworkOptions) {
    this.#clock = options.clock
    const random: Random = seededRandom(options.seed)
    this.#linkOptions = {
      clock: options.clock,
      random,
      delayMsMin: options.delayMsMin ?? 0.05,
      delayMsMax: options.delayMsMax ?? 0.5,
      extraDelayMs: (from) => this.#delaysMs.get(from.name) ?? 0,
      windowBytes: options.windowBytes ?? 256 * 1024,
      chunkBytesMax: options.chunkBytesMax ?? null,
      isCut: (from, to) => this.#cuts.size > 0 && this.#isCut(from.name, to.name),
      onDelivered: (segment, from, to) => this.#note(segment, from, to),
    }
  }

  /** The machine called `name`, e.g. "10.0.0.1". Give it to what runs on it as its network. */
  host(name: string): VirtualHost {
    let host = this.#hosts.get(name)
    if (host === undefined) {
      host = new VirtualHost({
        name,
        clock: this.#clock,
        pair: (from, local, remote) => this.#pair(from, local, remote),
      })
      this.#hosts.set(name, host)
    }
    return host
  }

  /** Lets `name` stand for a host, as a name server would. */
  addName(name: string, hostName: string): void {
    this.#names.set(name, hostName)
  }

  listen(address: HostPort, accept: (stream: Stream) => StreamHandlers): Promise<Listener> {
    return this.host('127.0.0.1').listen(address, accept)
  }

  connect(
    address: HostPort,
    options: { timeoutMs: number },
    open: (stream: Stream) => StreamHandlers,
  ): Promise<Stream> {
    return this.host('127.0.0.1').connect(address, options, open)
  }

  /** From now on nothing gets from one host to the other, and nobody is told. */
  cut(direction: Direction): void {
    this.#cuts.add(cutKey(direction))
  }

  heal(direction: Direction): void {
    if (!this.#cuts.delete(cutKey(direction))) return
    for (const end of this.#known(direction.from).ends) {
      if (end.peer.host.name === direction.to) end.outgoing.heal()
    }
  }

  /** What a host sends from now on takes this much longer; 0 is as before. */
  delay(hostName: string, extraMs: number): void {
    if (extraMs > 0) this.#delaysMs.set(hostName, extraMs)
    else this.#delaysMs.delete(hostName)
  }

  /** Cuts a host off from all others, both ways, including those that come later. */
  isolate(hostName: string): void {
    this.#cuts.add(isolationKey(hostName))
  }

  rejoin(hostName: string): void {
    if (!this.#cuts.delete(isolationKey(hostName))) return
    for (const host of this.#hosts.values()) {
      for (const end of host.ends) {
        // Its own ends may be gone while those of its peers still wait.
        if (host.name !== hostName && end.peer.host.name !== hostName) continue
        end.outgoing.heal()
        end.peer.outgoing.heal()
      }
    }
  }

  /** Closes every connection between two hosts; both sides see it at once. */
  sever(options: { a: string; b: string }): void {
    for (const end of this.#known(options.a).ends) {
      if (end.peer.host.name !== options.b) continue
      end.outgoing.clear()
      end.peer.outgoing.clear()
      end.closeNow()
      end.peer.closeNow()
    }
  }

  /** SIGSTOP: sockets stay open, connections are still accepted, nothing is read or answered. */
  freeze(hostName: string): void {
    this.#known(hostName).freeze()
  }

  thaw(hostName: string): void {
    this.#known(hostName).thaw()
  }

  /** kill -9: peers see their connections close. */
  crash(hostName: string): void {
    this.#known(hostName).crash()
  }

  /** Power off: peers see nothing at all. */
  vanish(hostName: string): void {
    this.isolate(hostName)
    this.#known(hostName).vanish()
  }

  /** After `crash` or `vanish`: the machine is back, with nothing running on it yet. */
  reboot(hostName: string): void {
    this.#known(hostName).reboot()
    this.rejoin(hostName)
  }

  /** Changes with everything that ever arrived, when and where: equal runs have equal hashes. */
  get traceHash(): string {
    return `${this.#deliveredCount}-${(this.#trace >>> 0).toString(16).padStart(8, '0')}`
  }

  #known(hostName: string): VirtualHost {
    const host = this.#hosts.get(hostName)
    assert(host !== undefined, `the simulated network has no host ${hostName}`)
    return host
  }

  #pair(from: VirtualHost, local: HostPort, remote: HostPort): VirtualEnd | null {
    const name = LOOPBACK_NAMES.has(remote.host) ? from.name : remote.host
    const host = this.#hosts.get(this.#names.get(name) ?? name)
    if (host === undefined) return null
    const end = new VirtualEnd(this.#linkOptions, from, local, remote)
    const other = new VirtualEnd(
      this.#linkOptions,
      host,
      { host: host.name, port: remote.port },
      local,
    )
    VirtualEnd.pair(end, other)
    return end
  }

  #isCut(from: string, to: string): boolean {
    return (
      from !== to &&
      (this.#cuts.has(isolationKey(from)) ||
        this.#cuts.has(isolationKey(to)) ||
        this.#cuts.has(cutKey({ from, to })))
    )
  }

  #note(segment: Segment, from: VirtualEnd, to: VirtualEnd): void {
    this.#deliveredCount++
    const ends = `${formatAddress(from.local)}>${formatAddress(to.local)}`
    const line = `${this.#clock.monoMs()} ${ends} ${segment.kind}`
    this.#trace = Bun.hash.crc32(line, this.#trace)
    if (segment.kind === 'data') this.#trace = Bun.hash.crc32(segment.bytes, this.#trace)
  }
}

function cutKey(direction: Direction): string {
  return `${direction.from}>${direction.to}`
}

function isolationKey(hostName: string): string {
  return `${hostName}>*`
}
