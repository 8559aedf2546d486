// What the remoting layer needs from a network: byte streams. Real sockets are in bun-network.ts,
// a simulated network with the same promises in src/simulation/virtual-network.ts.

export interface HostPort {
  host: string
  port: number
}

export interface Stream {
  readonly local: HostPort
  readonly remote: HostPort
  /** Takes as many bytes as the transport accepts now, returns how many; offer the rest on drain. */
  write(bytes: Uint8Array): number
  /** Stops and resumes reading from the peer. */
  pause(): void
  resume(): void
  /** Ends the stream after what was taken is sent. `onClose` follows. */
  end(): void
  /** Drops the stream at once. `onClose` follows. */
  destroy(): void
}

export interface StreamHandlers {
  onData(chunk: Buffer): void
  onDrain(): void
  /** Exactly once, whoever closed. */
  onClose(): void
}

export interface Listener {
  /** The real port when 0 was asked for. */
  readonly address: HostPort
  close(): void
}

export interface Network {
  /** Rejects with PORT_IN_USE or ADDRESS_INVALID. */
  listen(address: HostPort, accept: (stream: Stream) => StreamHandlers): Promise<Listener>
  /** Rejects with UNREACHABLE (refused, no such host) or TIMED_OUT. */
  connect(
    address: HostPort,
    options: { timeoutMs: number },
    open: (stream: Stream) => StreamHandlers,
  ): Promise<Stream>
}
