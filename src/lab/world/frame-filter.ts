// A network that changes what a server hears, frame by frame: for planted bugs only. Real transports
// do none of this within one connection.

import type { Command } from '../../remoting/command.ts'
import { decodeFrame } from '../../remoting/frame.ts'
import { FrameSplitter } from '../../remoting/frame-splitter.ts'
import type { HostPort, Listener, Network, Stream, StreamHandlers } from '../../remoting/network.ts'

/** How often the frame arrives: 0 loses it, 2 repeats it. */
export type FrameFilter = (frame: Command) => number

export class FilteredNetwork implements Network {
  readonly #network: Network
  readonly #filter: FrameFilter

  constructor(network: Network, filter: FrameFilter) {
    this.#network = network
    this.#filter = filter
  }

  listen(address: HostPort, accept: (stream: Stream) => StreamHandlers): Promise<Listener> {
    return this.#network.listen(address, (stream) => this.#filtered(accept(stream)))
  }

  connect(
    address: HostPort,
    options: { timeoutMs: number },
    open: (stream: Stream) => StreamHandlers,
  ): Promise<Stream> {
    return this.#network.connect(address, options, open)
  }

  #filtered(handlers: StreamHandlers): StreamHandlers {
    const splitter = new FrameSplitter()
    return {
      onData: (chunk) =>
        splitter.push(Buffer.from(chunk), (bytes, start, end) => {
          const count = this.#filter(decodeFrame(bytes, start, end))
          for (let i = 0; i < count; i++) handlers.onData(withLength(bytes.subarray(start, end)))
        }),
      onDrain: () => handlers.onDrain(),
      onClose: () => handlers.onClose(),
    }
  }
}

function withLength(frame: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + frame.length)
  bytes.writeUInt32BE(frame.length)
  bytes.set(frame, 4)
  return bytes
}
