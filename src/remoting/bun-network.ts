// Real sockets. The only file that opens any.

import { systemClock, type Timer } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { formatAddress } from './address.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from './network.ts'

type BunSocket = Bun.Socket<SocketState>

interface SocketState {
  handlers: StreamHandlers | null
  isClosed: boolean
}

class SocketStream implements Stream {
  readonly #socket: BunSocket
  readonly local: HostPort
  readonly remote: HostPort

  constructor(socket: BunSocket) {
    this.#socket = socket
    this.local = { host: socket.localAddress, port: socket.localPort }
    this.remote = { host: socket.remoteAddress, port: socket.remotePort }
  }

  write(bytes: Uint8Array): number {
    // A closed socket answers -1; there its bytes have nowhere to go, and onClose tells the owner.
    return Math.max(0, this.#socket.write(bytes))
  }
  pause(): void {
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
  }
  end(): void {
    this.#socket.end()
  }
  destroy(): void {
    this.#socket.terminate()
  }
}

const socketEvents = {
  data(socket: BunSocket, chunk: Buffer): void {
    socket.data.handlers?.onData(chunk)
  },
  drain(socket: BunSocket): void {
    socket.data.handlers?.onDrain()
  },
  close(socket: BunSocket): void {
    notifyClosed(socket.data)
  },
  // No `error`: with one, what our own code throws in these callbacks would end there unseen.
}

function notifyClosed(state: SocketState): void {
  if (state.isClosed) return
  state.isClosed = true
  state.handlers?.onClose()
}

function newState(): SocketState {
  return { handlers: null, isClosed: false }
}

export const bunNetwork: Network = {
  async listen(address, accept): Promise<Listener> {
    try {
      const listener = Bun.listen<SocketState>({
        hostname: address.host,
        port: address.port,
        data: newState(),
        socket: {
          ...socketEvents,
          open(socket) {
            // The listener's `data` is shared by all its sockets until each gets its own.
            socket.data = newState()
            // It was reset before we got to it (we were slow, or frozen): there is no other end any
            // more, and the system does not even know its address.
            if (socket.remoteAddress === undefined) {
              socket.terminate()
              return
            }
            socket.setNoDelay(true)
            socket.data.handlers = accept(new SocketStream(socket))
          },
        },
      })
      return {
        address: { host: address.host, port: listener.port },
        close: () => listener.stop(),
      }
    } catch (cause) {
      throw listenError(address, cause)
    }
  },

  async connect(address, { timeoutMs }, open): Promise<Stream> {
    const state = newState()
    let stream: SocketStream | null = null
    let isLate = false
    const attempt = Bun.connect<SocketState>({
      hostname: address.host,
      port: address.port,
      data: state,
      socket: {
        ...socketEvents,
        open(socket) {
          if (isLate) {
            socket.terminate()
            return
          }
          socket.setNoDelay(true)
          stream = new SocketStream(socket)
          state.handlers = open(stream)
        },
        // Without this handler Bun reports a refused connection as an uncaught error as well.
        connectError() {},
      },
    })
    let timer: Timer | undefined
    const late = new Promise<void>((resolve) => {
      timer = systemClock.after(timeoutMs, () => {
        isLate = true
        resolve()
      })
    })
    try {
      await Promise.race([attempt, late])
    } catch (cause) {
      throw new MqError('UNREACHABLE', `cannot reach ${formatAddress(address)}: ${reason(cause)}`, {
        cause,
      })
    } finally {
      timer?.cancel()
    }
    if (stream !== null) return stream
    // Whether it still fails or succeeds, nobody waits for it any more.
    attempt.catch(() => {})
    throw new MqError(
      'TIMED_OUT',
      `${formatAddress(address)} did not accept a connection within ${timeoutMs} ms`,
    )
  },
}

function errorCode(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
}

function reason(cause: unknown): string {
  const code = errorCode(cause)
  if (code === 'ECONNREFUSED') return 'connection refused, nothing listens there'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'DNS_ENOTFOUND')
    return 'no such host'
  return cause instanceof Error ? cause.message : String(cause)
}

function listenError(address: HostPort, cause: unknown): MqError {
  const where = formatAddress(address)
  if (errorCode(cause) === 'EADDRINUSE') {
    return new MqError('PORT_IN_USE', `cannot listen on ${where}: the port is in use`, {
      hint: `choose another port with --listen ${formatAddress({ ...address, port: 0 })}, or find its owner with: ss -ltnp`,
      cause,
    })
  }
  return new MqError('ADDRESS_INVALID', `cannot listen on ${where}: ${reason(cause)}`, {
    hint: 'use an address of this machine, for example 127.0.0.1:9876 or 0.0.0.0:9876',
    cause,
  })
}
