// One machine of the simulated network, as the processes on it see the network: it listens,
// connects, and can be frozen, crashed or made to vanish.

import type { Clock, Timer } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { formatAddress } from '../remoting/address.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from '../remoting/network.ts'
import type { VirtualEnd } from './virtual-link.ts'

type Accept = (stream: Stream) => StreamHandlers

interface Attempt {
  timer: Timer
  open: Accept
  resolve: (stream: Stream) => void
  reject: (error: MqError) => void
}

export interface HostOptions {
  name: string
  clock: Clock
  /** Both ends of a new connection, or null if no machine has that name. */
  pair: (host: VirtualHost, local: HostPort, remote: HostPort) => VirtualEnd | null
}

/** Where Linux begins to number the ports that nobody asked for. */
const EPHEMERAL_PORT_MIN = 32_768

export class VirtualHost implements Network {
  readonly name: string
  readonly #options: HostOptions
  readonly #listeners = new Map<number, Accept>()
  readonly #ends = new Set<VirtualEnd>()
  readonly #attempts = new Map<VirtualEnd, Attempt>()
  #backlog: { end: VirtualEnd; accept: Accept }[] = []
  #nextPort = EPHEMERAL_PORT_MIN
  #isFrozen = false
  #isDead = false

  constructor(options: HostOptions) {
    this.name = options.name
    this.#options = options
  }

  get isFrozen(): boolean {
    return this.#isFrozen
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Ends of connections on this host, open or being opened, in the order they were made. */
  get ends(): readonly VirtualEnd[] {
    return [...this.#ends]
  }

  listen(address: HostPort, accept: Accept): Promise<Listener> {
    const port = address.port === 0 ? this.#takePort() : address.port
    if (this.#listeners.has(port)) {
      const where = formatAddress({ host: address.host, port })
      return Promise.reject(
        new MqError('PORT_IN_USE', `cannot listen on ${where}: the port is in use`),
      )
    }
    this.#listeners.set(port, accept)
    return Promise.resolve({
      address: { host: address.host, port },
      close: () => {
        if (this.#listeners.get(port) === accept) this.#listeners.delete(port)
      },
    })
  }

  connect(address: HostPort, options: { timeoutMs: number }, open: Accept): Promise<Stream> {
    const { clock, pair } = this.#options
    const where = formatAddress(address)
    const end = pair(this, { host: this.name, port: this.#takePort() }, address)
    if (end === null) {
      return Promise.reject(new MqError('UNREACHABLE', `cannot reach ${where}: no such host`))
    }
    return new Promise((resolve, reject) => {
      const timer = clock.after(options.timeoutMs, () => {
        this.#attempts.delete(end)
        end.outgoing.clear()
        end.closeNow()
        const limit = `within ${options.timeoutMs} ms`
        reject(new MqError('TIMED_OUT', `${where} did not accept a connection ${limit}`))
      })
      this.#attempts.set(end, { timer, open, resolve, reject })
      // Among the ends from now on, so that a healed path repeats the request.
      this.#ends.add(end)
      end.outgoing.send({ kind: 'open' })
    })
  }

  /** A connection request arrived; the kernel answers it, the process may be frozen. */
  answerOpen(end: VirtualEnd): void {
    const accept = this.#listeners.get(end.local.port)
    if (accept === undefined) {
      end.outgoing.send({ kind: 'refused' })
      end.isClosed = true
      return
    }
    this.#ends.add(end)
    end.outgoing.send({ kind: 'accepted' })
    if (this.#isFrozen) this.#backlog.push({ end, accept })
    else this.#accept(end, accept)
  }

  noteOpenAnswer(end: VirtualEnd, answer: 'accepted' | 'refused'): void {
    const attempt = this.#attempts.get(end)
    if (attempt === undefined) {
      // The connector gave up meanwhile: its kernel refuses the late answer.
      if (answer === 'accepted') end.outgoing.reset()
      return
    }
    this.#attempts.delete(end)
    attempt.timer.cancel()
    if (answer === 'refused') {
      end.closeNow()
      const where = formatAddress(end.remote)
      attempt.reject(
        new MqError(
          'UNREACHABLE',
          `cannot reach ${where}: connection refused, nothing listens there`,
        ),
      )
    } else {
      end.handlers = attempt.open(end)
      attempt.resolve(end)
    }
  }

  forget(end: VirtualEnd): void {
    this.#ends.delete(end)
  }

  freeze(): void {
    this.#isFrozen = true
  }

  thaw(): void {
    this.#isFrozen = false
    const backlog = this.#backlog
    this.#backlog = []
    for (const { end, accept } of backlog) this.#accept(end, accept)
    for (const end of this.ends) end.peer.outgoing.plan()
  }

  /** The process is killed. Its kernel closes what it had open; nothing of it runs again. */
  crash(): void {
    this.#die((end) => end.end())
  }

  /** The machine loses power: nobody is told. */
  vanish(): void {
    this.#die((end) => {
      end.outgoing.clear()
      end.closeNow()
    })
  }

  /** A new process may use the host. */
  reboot(): void {
    this.#isDead = false
    this.#isFrozen = false
  }

  #die(close: (end: VirtualEnd) => void): void {
    this.#isDead = true
    this.#isFrozen = false
    this.#listeners.clear()
    for (const attempt of this.#attempts.values()) attempt.timer.cancel()
    this.#attempts.clear()
    this.#backlog = []
    for (const end of this.ends) {
      close(end)
      // What still arrives for it must not reach the process of before the reboot.
      end.handlers = null
    }
  }

  #accept(end: VirtualEnd, accept: Accept): void {
    if (end.isClosed) return
    end.handlers = accept(end)
    end.peer.outgoing.plan()
  }

  #takePort(): number {
    const port = this.#nextPort
    this.#nextPort = port === 65_535 ? EPHEMERAL_PORT_MIN : port + 1
    return this.#listeners.has(port) ? this.#takePort() : port
  }
}
