// A few words of memory that the main thread and the storage worker share, so that the end of a
// commit can reach a main thread that waits for it, without a message.
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

import type { SegmentStatus } from './segment.ts'

const STATE = { idle: 0, running: 1, awaited: 2, ended: 3, failed: 4 } as const
const STATUS_AT = 8
const BYTES = STATUS_AT + 4 * 8

export class CommitSignal {
  readonly memory: SharedArrayBuffer
  readonly #state: Int32Array
  readonly #status: Float64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.memory = memory
    this.#state = new Int32Array(memory, 0, 1)
    this.#status = new Float64Array(memory, STATUS_AT, 4)
  }

  /** Main: an append is about to be handed over. */
  begin(): void {
    Atomics.store(this.#state, 0, STATE.running)
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
