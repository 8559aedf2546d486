// Memory that the main thread and the storage worker share, so that a small batch can reach a worker
// that waits for it, and the end of its commit a main thread that waits for that, without messages:
// those cost a busy broker more than the commit does.
//
// Why wait at all: an fsync takes a fraction of a millisecond, and a busy main thread would spend it
// being woken once per arriving request. While it sleeps they gather in the socket, are read with one
// call, and make the next batch larger. On a disk that takes longer than the wait it is a message as
// ever, and group-commit.ts stops waiting.
//
//   state      set by   when
//   idle       main     no append is under way
//   running    main     before it hands over an append; a wait that was too short
//   awaited    main     it sleeps
//   ended      worker   the append is durable and `status` is filled in
//   failed     worker   it is not; a message says why
//
// and of the door between them:
//
//   away       worker   it is at work, or waits for messages
//   listening  worker   it sleeps until a batch is in the memory
//   handed     main     one is
//   called     main     a message is on its way instead, until the worker has it

import { HANDED_BYTES_MAX } from '../core/limits.ts'
import type { SegmentStatus } from './segment.ts'

const STATE = { idle: 0, running: 1, awaited: 2, ended: 3, failed: 4 } as const
const DOOR = { away: 0, listening: 1, handed: 2, called: 3 } as const
const DOOR_AT = 4
const LENGTH_AT = 8
const STATUS_AT = 16
const BATCH_AT = STATUS_AT + 4 * 8

export class CommitSignal {
  readonly memory: SharedArrayBuffer
  readonly #state: Int32Array
  readonly #status: Float64Array
  readonly #door: Int32Array
  readonly #length: Int32Array
  readonly #batch: Uint8Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BATCH_AT + HANDED_BYTES_MAX)) {
    this.memory = memory
    this.#state = new Int32Array(memory, 0, 1)
    this.#status = new Float64Array(memory, STATUS_AT, 4)
    this.#door = new Int32Array(memory, DOOR_AT, 1)
    this.#length = new Int32Array(memory, LENGTH_AT, 1)
    this.#batch = new Uint8Array(memory, BATCH_AT)
  }

  /** Main: an append is about to be handed over. */
  begin(): void {
    Atomics.store(this.#state, 0, STATE.running)
  }

  /** Main, after `begin`: true if the worker was listening and has the batch, else send it. */
  hand(batch: Uint8Array): boolean {
    if (batch.length > HANDED_BYTES_MAX) return false
    if (Atomics.load(this.#door, 0) !== DOOR.listening) return false
    this.#batch.set(batch)
    this.#length[0] = batch.length
    const { listening, handed } = DOOR
    if (Atomics.compareExchange(this.#door, 0, listening, handed) !== listening) return false
    Atomics.notify(this.#door, 0)
    return true
  }

  /** Main: a message is about to be sent, which a listening worker would not hear. */
  call(): void {
    const before = Atomics.exchange(this.#door, 0, DOOR.called)
    if (before === DOOR.listening) Atomics.notify(this.#door, 0)
  }

  /** Worker: the message it was called for is here. */
  heard(): void {
    Atomics.store(this.#door, 0, DOOR.away)
  }

  /** Worker: sleeps until a batch is handed over, at most `waitMs`; a copy of it, or null. */
  listen(waitMs: number): Uint8Array | null {
    const { away, listening, handed } = DOOR
    // Called while it was at work: the message would have to wait as long as this.
    if (Atomics.compareExchange(this.#door, 0, away, listening) !== away) return null
    Atomics.wait(this.#door, 0, listening, waitMs)
    if (Atomics.compareExchange(this.#door, 0, listening, away) !== handed) return null
    Atomics.store(this.#door, 0, away)
    return this.#batch.slice(0, this.#length[0])
  }

  /**
   * Main: sleeps until the append ended, at most `waitMs`. Null if it did not end well in time, or
   * had ended before: then a message tells, or will.
   */
  wait(waitMs: number): SegmentStatus | null {
    const { running, awaited, ended } = STATE
    if (Atomics.compareExchange(this.#state, 0, running, awaited) !== running) return null
    Atomics.wait(this.#state, 0, awaited, waitMs)
    // Whatever woke this thread: only if the worker saw it waiting will there be no message.
    if (Atomics.compareExchange(this.#state, 0, awaited, running) !== ended) return null
    const [basePosition, nextPosition, newestStoreTimeMs, bytes] = this.#status
    return {
      basePosition: basePosition!,
      nextPosition: nextPosition!,
      newestStoreTimeMs: newestStoreTimeMs!,
      bytes: bytes!,
    }
  }

  /** Worker: the append is durable. True if the main thread knows by this; else send a message. */
  end(status: SegmentStatus): boolean {
    this.#status[0] = status.basePosition
    this.#status[1] = status.nextPosition
    this.#status[2] = status.newestStoreTimeMs
    this.#status[3] = status.bytes
    return this.#finish(STATE.ended)
  }

  /** Worker: the append failed. The message with the reason is to be sent in any case. */
  fail(): void {
    this.#finish(STATE.failed)
  }

  #finish(state: number): boolean {
    const isAwaited = Atomics.exchange(this.#state, 0, state) === STATE.awaited
    if (isAwaited) Atomics.notify(this.#state, 0)
    return isAwaited
  }
}
