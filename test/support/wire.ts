// One side of the remoting layer under test, and a bare peer that writes any bytes it likes, on a
// simulated network under virtual time.

import { seededRandom } from '../../src/core/random.ts'
import { Channels, type ChannelsOptions } from '../../src/remoting/channels.ts'
import { asFields, type Command, NO_BODY, type OutgoingParts } from '../../src/remoting/command.ts'
import { decodeFrame, encodeFrame } from '../../src/remoting/frame.ts'
import { FrameSplitter } from '../../src/remoting/frame-splitter.ts'
import type { HostPort, Network, Stream, StreamHandlers } from '../../src/remoting/network.ts'
import { RemotingServer, type ServerOptions } from '../../src/remoting/server.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { VirtualNetwork, type VirtualNetworkOptions } from '../../src/simulation/virtual-network.ts'
import { recordingLogger } from './quiet-logger.ts'

export const SERVER: HostPort = { host: '10.0.0.1', port: 9876 }
export const SERVER_ADDRESS = '10.0.0.1:9876'
export const CLIENT_HOST = '10.0.0.2'

/** Decodes what it receives; answers nothing by itself. */
export class BarePeer implements StreamHandlers {
  readonly stream: Stream
  readonly received: Command[] = []
  isClosed = false
  readonly #splitter = new FrameSplitter()

  constructor(stream: Stream) {
    this.stream = stream
  }

  onData(chunk: Buffer): void {
    this.#splitter.push(chunk, (bytes, start, end) => {
      this.received.push(decodeFrame(Buffer.from(bytes.subarray(start, end))))
    })
  }

  onDrain(): void {}

  onClose(): void {
    this.isClosed = true
  }

  send(...commands: Command[]): void {
    this.stream.write(Buffer.concat(commands.map(encodeFrame)))
  }
}

export function commandOf(
  parts: Partial<OutgoingParts>,
  encoding: Command['encoding'] = 'json',
): Command {
  return {
    code: parts.code ?? 0,
    language: parts.language ?? 0,
    version: parts.version ?? 0,
    opaque: parts.opaque ?? 0,
    flag: parts.flag ?? 0,
    remark: parts.remark ?? null,
    fields: asFields(parts.fields ?? {}),
    body: Buffer.from(parts.body ?? NO_BODY),
    encoding,
  }
}

export class Wire {
  readonly clock = new VirtualClock()
  readonly network: VirtualNetwork
  readonly logger
  readonly lines: string[]

  constructor(options: Omit<VirtualNetworkOptions, 'clock' | 'seed'> & { seed?: number } = {}) {
    this.network = new VirtualNetwork({ clock: this.clock, seed: options.seed ?? 1, ...options })
    const { logger, lines } = recordingLogger(this.clock)
    this.logger = logger
    this.lines = lines
    this.network.host(CLIENT_HOST)
  }

  get clientNetwork(): Network {
    return this.network.host(CLIENT_HOST)
  }

  async server(
    options: Pick<ServerOptions, 'handlers'> & Partial<ServerOptions>,
  ): Promise<RemotingServer> {
    const { clock, logger } = this
    const server = new RemotingServer({
      network: this.network.host(SERVER.host),
      clock,
      logger,
      ...options,
    })
    await server.start(SERVER)
    return server
  }

  channels(options: Partial<ChannelsOptions> = {}): Channels {
    const { clock, logger } = this
    return new Channels({
      network: this.clientNetwork,
      clock,
      logger,
      random: seededRandom(3),
      ...options,
    })
  }

  /** A peer of ours that says only what the test says. */
  async connectBare(): Promise<BarePeer> {
    let peer: BarePeer | undefined
    const connecting = this.clientNetwork.connect(SERVER, { timeoutMs: 1_000 }, (stream) => {
      peer = new BarePeer(stream)
      return peer
    })
    await this.clock.runFor(connecting, 1_000)
    if (peer === undefined) throw new Error('not connected')
    return peer
  }

  /** A server that says only what the test says; its connections come into the returned list. */
  async listenBare(): Promise<BarePeer[]> {
    const peers: BarePeer[] = []
    await this.network.host(SERVER.host).listen(SERVER, (stream) => {
      const peer = new BarePeer(stream)
      peers.push(peer)
      return peer
    })
    return peers
  }

  /** The error `promise` is rejected with, as "CODE: message". */
  async rejection(promise: Promise<unknown>, withinMs = 60_000): Promise<string> {
    let outcome = ''
    const settled = promise.then(
      () => {
        outcome = 'resolved'
      },
      (error: unknown) => {
        outcome =
          error instanceof Error && 'code' in error
            ? `${error.code}: ${error.message}`
            : String(error)
      },
    )
    await this.clock.runFor(settled, withinMs)
    return outcome
  }
}
