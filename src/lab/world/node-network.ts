// The network as one process of a world sees it: the simulated one, with what a test bench adds. Some
// peers refuse connections, reading may be slow, and somebody looks at every frame that passes.

import type { Clock } from '../../core/clock.ts'
import { MqError } from '../../core/errors.ts'
import { formatAddress } from '../../remoting/address.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from '../../remoting/network.ts'

/** What one connection of a process says and hears. */
export interface FrameTap {
  onRead(bytes: Uint8Array): void
  /** `offered` were waiting in the process, the network took `taken` of them. */
  onWrite(offered: Uint8Array, taken: number): void
}

export interface NodeNetworkOptions {
  network: Network
  clock: Clock
  /** Hosts that refuse connections now. */
  refusing: ReadonlySet<string>
  /** Null: nobody listens in. */
  tap: (() => FrameTap) | null
}

export class NodeNetwork implements Network {
  readonly #options: NodeNetworkOptions
  /** After each piece it reads the process pauses this long; 0: it does not. */
  readPauseMs = 0

  constructor(options: NodeNetworkOptions) {
    this.#options = options
  }

  listen(address: HostPort, accept: (stream: Stream) => StreamHandlers): Promise<Listener> {
    return this.#options.network.listen(address, (stream) => this.#wrapped(stream, accept))
  }

  connect(
    address: HostPort,
    options: { timeoutMs: number },
    open: (stream: Stream) => StreamHandlers,
  ): Promise<Stream> {
    if (this.#options.refusing.has(address.host)) {
      const where = formatAddress(address)
      return Promise.reject(new MqError('UNREACHABLE', `cannot reach ${where}: refused`))
    }
    return this.#options.network.connect(address, options, (stream) => this.#wrapped(stream, open))
  }

  #wrapped(stream: Stream, accept: (stream: Stream) => StreamHandlers): StreamHandlers {
    const tap = this.#options.tap?.() ?? null
    const slowed = new SlowedStream(stream, tap)
    const handlers = accept(slowed)
    return {
      onData: (chunk) => {
        tap?.onRead(chunk)
        handlers.onData(chunk)
        if (this.readPauseMs > 0) slowed.rest(this.#options.clock, this.readPauseMs)
      },
      onDrain: () => handlers.onDrain(),
      onClose: () => handlers.onClose(),
    }
  }
}

/** Read from only while neither its owner nor its own slowness says no. */
class SlowedStream implements Stream {
  readonly local: HostPort
  readonly remote: HostPort
  readonly #stream: Stream
  readonly #tap: FrameTap | null
  #isPaused = false
  #isResting = false

  constructor(stream: Stream, tap: FrameTap | null) {
    this.#stream = stream
    this.#tap = tap
    this.local = stream.local
    this.remote = stream.remote
  }

  rest(clock: Clock, restMs: number): void {
    if (this.#isResting) return
    this.#isResting = true
    this.#stream.pause()
    clock.after(restMs, () => {
      this.#isResting = false
      if (!this.#isPaused) this.#stream.resume()
    })
  }

  write(bytes: Uint8Array): number {
    const taken = this.#stream.write(bytes)
    this.#tap?.onWrite(bytes, taken)
    return taken
  }

  pause(): void {
    this.#isPaused = true
    this.#stream.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#isResting) this.#stream.resume()
  }

  end(): void {
    this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }
}
