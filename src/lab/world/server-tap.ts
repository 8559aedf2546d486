// Listens in on the connections of one run of a server: how much waits to be sent, how many requests
// wait for an answer, and every success that is said to a sender.

import { REQUEST, RESPONSE } from '../../remoting/codes.ts'
import { isOneway, isResponse } from '../../remoting/command.ts'
import { decodeFrame } from '../../remoting/frame.ts'
import { FrameSplitter } from '../../remoting/frame-splitter.ts'
import type { FrameTap } from './node-network.ts'

export interface ServerTapOptions {
  onOutput: (bytes: number) => void
  /** Pulls of one connection that wait for messages. */
  onParked: (count: number) => void
  onSendAnswered: () => void
}

const SENDS: ReadonlySet<number> = new Set([
  REQUEST.sendMessage,
  REQUEST.sendMessageCompact,
  REQUEST.sendBatch,
])

export class ServerTap implements FrameTap {
  readonly #options: ServerTapOptions
  readonly #incoming = new FrameSplitter()
  readonly #outgoing = new FrameSplitter()
  /** Opaque number → code, of requests not answered yet. */
  readonly #open = new Map<number, number>()
  #parkedCount = 0
  #isBroken = false

  constructor(options: ServerTapOptions) {
    this.#options = options
  }

  onRead(bytes: Uint8Array): void {
    this.#split(this.#incoming, bytes, (frame) => {
      const { code, opaque } = frame
      if (isResponse(frame) || isOneway(frame)) return
      this.#open.set(opaque, code)
      if (code === REQUEST.pullMessage) this.#options.onParked(++this.#parkedCount)
    })
  }

  onWrite(offered: Uint8Array, taken: number): void {
    this.#options.onOutput(offered.length)
    this.#split(this.#outgoing, offered.subarray(0, taken), (frame) => {
      const code = this.#open.get(frame.opaque)
      if (!isResponse(frame) || code === undefined) return
      this.#open.delete(frame.opaque)
      if (code === REQUEST.pullMessage) this.#parkedCount--
      if (SENDS.has(code) && frame.code === RESPONSE.success) this.#options.onSendAnswered()
    })
  }

  #split(
    splitter: FrameSplitter,
    bytes: Uint8Array,
    look: (frame: ReturnType<typeof decodeFrame>) => void,
  ): void {
    if (this.#isBroken || bytes.length === 0) return
    try {
      // A copy: the splitter keeps what it is given, its owner writes into it again.
      splitter.push(Buffer.from(bytes), (frame, start, end) => look(decodeFrame(frame, start, end)))
    } catch {
      // Not a frame: the server itself will say so.
      this.#isBroken = true
    }
  }
}
