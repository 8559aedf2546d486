// A relay between two peers on this machine that can be cut, one way or both, in silence: what is said
// then is kept, as a sender's kernel keeps what nobody acknowledges, and arrives when the way is healed.
// Connections are still accepted meanwhile. It needs no rights over the machine's network.
//
//   client ──► proxy ──► target        'to-target'
//   client ◄── proxy ◄── target        'to-client'

import { formatAddress, parseAddress } from './address.ts'
import type { Listener, Network, Stream, StreamHandlers } from './network.ts'

export type Way = 'to-target' | 'to-client'

const CONNECT_TIMEOUT_MS = 3_000
/** Bytes kept for one way of one connection before its sender has to wait. */
const KEPT_BYTES_MAX = 1024 * 1024

export class CuttableProxy {
  /** "host:port" it relays to. Null: nobody is there, and connections are closed. */
  target: string | null = null
  readonly #network: Network
  readonly #cut = new Set<Way>()
  readonly #pipes = new Set<Pipe>()
  #listener: Listener | null = null

  private constructor(network: Network) {
    this.#network = network
  }

  /** On a free port of the loopback. */
  static async start(network: Network): Promise<CuttableProxy> {
    const proxy = new CuttableProxy(network)
    const address = { host: '127.0.0.1', port: 0 }
    proxy.#listener = await network.listen(address, (client) => proxy.#accept(client))
    return proxy
  }

  get address(): string {
    return this.#listener === null ? '' : formatAddress(this.#listener.address)
  }

  cut(way: Way): void {
    this.#cut.add(way)
  }

  heal(way: Way): void {
    this.#cut.delete(way)
    for (const pipe of this.#pipes) pipe.flow()
  }

  stop(): void {
    this.#listener?.close()
    for (const pipe of this.#pipes) pipe.destroy()
  }

  #accept(client: Stream): StreamHandlers {
    const forth = this.#newPipe('to-target', client)
    const back = this.#newPipe('to-client', null)
    back.to = client
    // Only once something may pass: a connection request is cut like anything else.
    forth.onOpen = () => void this.#connect(forth, back)
    forth.flow()
    return endHandlers(forth, back)
  }

  async #connect(forth: Pipe, back: Pipe): Promise<void> {
    try {
      if (this.target === null) throw new Error('there is no target')
      const options = { timeoutMs: CONNECT_TIMEOUT_MS }
      forth.to = await this.#network.connect(parseAddress(this.target), options, (target) => {
        back.from = target
        return endHandlers(back, forth)
      })
      forth.flow()
    } catch {
      // As a machine where nothing listens: the client sees its connection end.
      back.end()
      forth.destroy()
    }
  }

  #newPipe(way: Way, from: Stream | null): Pipe {
    const pipe: Pipe = new Pipe({
      isCut: () => this.#cut.has(way),
      onOver: () => this.#pipes.delete(pipe),
    })
    pipe.from = from
    this.#pipes.add(pipe)
    return pipe
  }
}

/** Handlers of the stream that `out` reads from and `into` writes to. */
function endHandlers(out: Pipe, into: Pipe): StreamHandlers {
  return {
    onData: (chunk) => out.take(chunk),
    onDrain: () => into.flow(),
    onClose: () => {
      out.end()
      into.drop()
    },
  }
}

/** One way of one connection. */
class Pipe {
  from: Stream | null = null
  to: Stream | null = null
  /** Called once, when the way is first open and nobody is connected yet. */
  onOpen: (() => void) | null = null
  readonly #options: { isCut: () => boolean; onOver: () => void }
  #kept: Buffer[] = []
  #keptBytes = 0
  #hasEnded = false
  #isDropped = false

  constructor(options: { isCut: () => boolean; onOver: () => void }) {
    this.#options = options
  }

  take(chunk: Buffer): void {
    if (this.#isDropped) return
    // The socket's buffer is used again after this call.
    this.#kept.push(Buffer.from(chunk))
    this.#keptBytes += chunk.length
    if (this.#keptBytes > KEPT_BYTES_MAX) this.from?.pause()
    this.flow()
  }

  /** Passes on what is kept, as far as that is possible now. */
  flow(): void {
    if (this.#options.isCut()) return
    this.onOpen?.()
    this.onOpen = null
    if (this.to === null) return
    while (this.#kept.length > 0) {
      const chunk = this.#kept[0] as Buffer
      const written = this.to.write(chunk)
      this.#keptBytes -= written
      if (written < chunk.length) {
        this.#kept[0] = chunk.subarray(written)
        return
      }
      this.#kept.shift()
    }
    if (this.#hasEnded) {
      this.to.end()
      this.#options.onOver()
    } else {
      this.from?.resume()
    }
  }

  /** Nothing more comes; the other side learns it after what is kept, if the way is open. */
  end(): void {
    this.#hasEnded = true
    this.flow()
  }

  /** The receiver is gone. Who sends need not know yet: the other way may be cut. */
  drop(): void {
    this.#isDropped = true
    this.#kept = []
    this.#options.onOver()
  }

  destroy(): void {
    this.drop()
    this.from?.destroy()
    this.to?.destroy()
  }
}
