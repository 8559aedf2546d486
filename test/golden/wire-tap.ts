// A TCP proxy on loopback that notes every whole frame passing through it, with its direction. It
// changes nothing: what is recorded is what the two real peers said to each other.

import type { Socket, TCPSocketListener } from 'bun'

export type Side = 'client' | 'server'

export interface TappedFrame {
  connection: number
  /** Who sent it: `client` opened the connection. */
  from: Side
  /** The program on the client side, as set when it connected. */
  clientName: string
  serverName: string
  bytes: Buffer
}

interface Link {
  connection: number
  clientName: string
  peer: Socket<Half> | null
  waiting: Buffer[]
}
interface Half {
  from: Side
  link: Link
  other: () => Socket<Half> | null
  partial: Buffer
}

let connectionCount = 0

export class WireTap {
  readonly frames: TappedFrame[]
  /** The name given to the client side of connections opened from now on. */
  clientName: string
  readonly #serverName: string
  readonly #listener: TCPSocketListener<Half>

  constructor(options: {
    listen: { hostname: string; port: number }
    target: { hostname: string; port: number }
    serverName: string
    clientName: string
    frames: TappedFrame[]
  }) {
    this.frames = options.frames
    this.clientName = options.clientName
    this.#serverName = options.serverName
    this.#listener = Bun.listen<Half>({
      ...options.listen,
      socket: {
        open: (near) => this.#open(near, options.target),
        data: (near, chunk) => this.#forward(near, Buffer.from(chunk)),
        close: (near) => void near.data.other()?.end(),
        error() {},
      },
    })
  }

  get port(): number {
    return this.#listener.port
  }

  stop(): void {
    this.#listener.stop(true)
  }

  #open(near: Socket<Half>, target: { hostname: string; port: number }): void {
    connectionCount += 1
    const link: Link = {
      connection: connectionCount,
      clientName: this.clientName,
      peer: null,
      waiting: [],
    }
    near.data = { from: 'client', link, other: () => link.peer, partial: Buffer.alloc(0) }
    const far: Half = { from: 'server', link, other: () => near, partial: Buffer.alloc(0) }
    void Bun.connect<Half>({
      ...target,
      data: far,
      socket: {
        open: (socket) => {
          link.peer = socket
          for (const chunk of link.waiting.splice(0)) socket.write(chunk)
        },
        data: (socket, chunk) => this.#forward(socket, Buffer.from(chunk)),
        close: () => void near.end(),
        error() {},
      },
    }).catch(() => near.end())
  }

  #forward(socket: Socket<Half>, chunk: Buffer): void {
    const half = socket.data
    this.#note(half, chunk)
    const other = half.other()
    // Recordings are small and both ends read at once: a short write would be a broken recording.
    if (other === null) half.link.waiting.push(chunk)
    else if (other.write(chunk) < chunk.length)
      throw new Error('the peer does not read fast enough')
  }

  #note(half: Half, chunk: Buffer): void {
    half.partial = Buffer.concat([half.partial, chunk])
    while (half.partial.length >= 4) {
      const length = 4 + half.partial.readInt32BE(0)
      if (half.partial.length < length) return
      this.frames.push({
        connection: half.link.connection,
        from: half.from,
        clientName: half.link.clientName,
        serverName: this.#serverName,
        bytes: Buffer.from(half.partial.subarray(0, length)),
      })
      half.partial = half.partial.subarray(length)
    }
  }
}
