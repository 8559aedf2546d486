// One simulated TCP connection: two ends, and a pipe of segments each way. It keeps TCP's promises
// (order, no loss while both ends live, acknowledged bytes free the window) and its weak spots: a
// peer that vanished looks like a slow one, and a reset that is lost leaves the other end half open.

import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { HostPort, Stream, StreamHandlers } from '../remoting/network.ts'
import type { VirtualHost } from './virtual-host.ts'

export interface LinkOptions {
  clock: Clock
  random: Random
  delayMsMin: number
  delayMsMax: number
  /** On top of that, for what this host sends at the moment. */
  extraDelayMs: (from: VirtualHost) => number
  /** Bytes under way in one direction before `write` takes no more. */
  windowBytes: number
  /** Deliver in pieces of random size up to this; null delivers what was written together. */
  chunkBytesMax: number | null
  isCut: (from: VirtualHost, to: VirtualHost) => boolean
  onDelivered: (segment: Segment, from: VirtualEnd, to: VirtualEnd) => void
}

export type Segment =
  | { kind: 'data'; bytes: Buffer }
  /** Asks for a connection, and the two answers to that. */
  | { kind: 'open' | 'accepted' | 'refused' }
  /** No more data will come: after it the receiver's end is closed as well. */
  | { kind: 'end' }
  /** The sender's end is gone. */
  | { kind: 'reset' }

/** How long a sender waits before it repeats what got no acknowledgement, as Linux. */
const RETRANSMIT_MS = 200

export class VirtualEnd implements Stream {
  readonly host: VirtualHost
  readonly local: HostPort
  readonly remote: HostPort
  readonly outgoing: Pipe
  /** Null until the owner has it. */
  handlers: StreamHandlers | null = null
  isClosed = false
  isPaused = false
  #peer: VirtualEnd | null = null
  #wantsDrain = false

  constructor(options: LinkOptions, host: VirtualHost, local: HostPort, remote: HostPort) {
    this.host = host
    this.local = local
    this.remote = remote
    this.outgoing = new Pipe(options, this)
  }

  static pair(a: VirtualEnd, b: VirtualEnd): void {
    a.#peer = b
    b.#peer = a
  }

  get peer(): VirtualEnd {
    return this.#peer as VirtualEnd
  }

  write(bytes: Uint8Array): number {
    if (this.isClosed) return 0
    const taken = this.outgoing.sendData(bytes)
    this.#wantsDrain = taken < bytes.length
    return taken
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.peer.outgoing.plan()
  }

  end(): void {
    if (this.isClosed) return
    this.outgoing.send({ kind: 'end' })
    this.closeNow()
  }

  destroy(): void {
    if (this.isClosed) return
    this.outgoing.reset()
    this.closeNow()
  }

  /** This end is over; its owner learns it, unless the owner's process no longer runs. */
  closeNow(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.host.forget(this)
    if (!this.host.isDead) this.handlers?.onClose()
  }

  /** The peer's host acknowledged bytes: there is room again. */
  noteRoom(): void {
    if (!this.#wantsDrain || this.isClosed) return
    this.#wantsDrain = false
    this.handlers?.onDrain()
  }
}

/** Segments on their way from one end to the other, in order. */
export class Pipe {
  readonly #options: LinkOptions
  readonly #from: VirtualEnd
  readonly #queue: { segment: Segment; atMs: number }[] = []
  #lastAtMs = 0
  #isPlanned = false
  #inFlightBytes = 0
  #unacknowledgedBytes = 0

  constructor(options: LinkOptions, from: VirtualEnd) {
    this.#options = options
    this.#from = from
  }

  sendData(bytes: Uint8Array): number {
    const { windowBytes, chunkBytesMax, random } = this.#options
    const taken = Math.min(bytes.length, windowBytes - this.#inFlightBytes)
    if (taken <= 0) return 0
    this.#inFlightBytes += taken
    for (let at = 0; at < taken; ) {
      const left = taken - at
      const size = chunkBytesMax === null ? left : Math.min(left, 1 + random.below(chunkBytesMax))
      this.send({ kind: 'data', bytes: Buffer.from(bytes.subarray(at, at + size)) })
      at += size
    }
    return taken
  }

  send(segment: Segment): void {
    const { clock, random, delayMsMin, delayMsMax, extraDelayMs } = this.#options
    const usualMs = delayMsMin + random.float() * (delayMsMax - delayMsMin)
    const delayMs = usualMs + extraDelayMs(this.#from.host)
    this.#lastAtMs = Math.max(this.#lastAtMs, clock.monoMs() + delayMs)
    this.#queue.push({ segment, atMs: this.#lastAtMs })
    this.plan()
  }

  /** Drops some of what is under way, as a real reset does, and tells the peer if it can. */
  reset(): void {
    let kept = this.#options.random.below(this.#queue.length + 1)
    // The handshake is over by the time anybody can reset.
    while (kept < this.#queue.length && this.#queue[kept]?.segment.kind !== 'data') kept++
    this.#queue.length = kept
    // A reset is sent once: when it is lost, the peer learns of it by its own next segment.
    if (!this.#isCut) this.send({ kind: 'reset' })
  }

  clear(): void {
    this.#queue.length = 0
  }

  /** Sees to it that the next segment is delivered when it is due, if nothing holds it up. */
  plan(): void {
    const next = this.#queue[0]
    if (next === undefined || this.#isPlanned || this.#isHeldUp(next.segment)) return
    this.#isPlanned = true
    const { clock } = this.#options
    clock.after(next.atMs - clock.monoMs(), () => {
      this.#isPlanned = false
      this.#deliverNext()
    })
  }

  /** The path is open again: what was lost is repeated, acknowledgements arrive. */
  heal(): void {
    const { clock } = this.#options
    const repeatedMs = clock.monoMs() + RETRANSMIT_MS
    for (const entry of this.#queue) entry.atMs = Math.max(entry.atMs, repeatedMs)
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#queue.at(-1)?.atMs ?? 0)
    this.plan()
    this.#acknowledge(0)
    this.#from.peer.outgoing.#acknowledge(0)
  }

  get #isCut(): boolean {
    return this.#options.isCut(this.#from.host, this.#from.peer.host)
  }

  #isHeldUp(segment: Segment): boolean {
    const to = this.#from.peer
    if (this.#isCut) return true
    // The kernel of a frozen process still answers for connections.
    if (segment.kind === 'open' || to.isClosed) return false
    if (to.host.isFrozen) return true
    const isWaitingForReader = segment.kind === 'data' || segment.kind === 'end'
    return isWaitingForReader && (to.handlers === null || to.isPaused)
  }

  #deliverNext(): void {
    const entry = this.#queue[0]
    if (entry === undefined || this.#isHeldUp(entry.segment)) return
    if (entry.atMs > this.#options.clock.monoMs()) {
      this.plan()
      return
    }
    this.#queue.shift()
    const to = this.#from.peer
    this.#options.onDelivered(entry.segment, this.#from, to)
    if (entry.segment.kind === 'data') this.#acknowledge(entry.segment.bytes.length)
    deliver(entry.segment, to)
    this.plan()
  }

  #acknowledge(bytes: number): void {
    this.#unacknowledgedBytes += bytes
    // Acknowledgements travel the other way, and are lost there like anything else.
    if (this.#unacknowledgedBytes === 0 || this.#from.peer.outgoing.#isCut) return
    this.#inFlightBytes -= this.#unacknowledgedBytes
    this.#unacknowledgedBytes = 0
    this.#options.clock.after(0, () => this.#from.noteRoom())
  }
}

function deliver(segment: Segment, to: VirtualEnd): void {
  switch (segment.kind) {
    case 'open':
      to.host.answerOpen(to)
      return
    case 'accepted':
    case 'refused':
      to.host.noteOpenAnswer(to, segment.kind)
      return
    case 'data':
      // Nobody is there any more: the kernel says so.
      if (to.isClosed) to.outgoing.reset()
      else to.handlers?.onData(segment.bytes)
      return
    case 'end':
    case 'reset':
      to.closeNow()
  }
}
