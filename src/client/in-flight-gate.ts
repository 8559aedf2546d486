// Bounds what has been accepted and not yet settled, by messages and by bytes. Who comes when it is
// full waits in line, and is called at the very moment there is room: a promise would let somebody
// who comes in between pass. Pure.

import { MqError } from '../core/errors.ts'

/** Sends that wait for room hold their message; a caller with this many should `await ready()`. */
const WAITING_MAX = 100_000

export interface Load {
  count: number
  bytes: number
}

interface Waiter extends Load {
  admit: () => void
}

export class InFlightGate {
  readonly #max: Load
  readonly #waiters: Waiter[] = []
  #count = 0
  #bytes = 0
  #waitingFrom = 0
  #idleListeners: (() => void)[] = []

  constructor(max: Load) {
    this.#max = max
  }

  get load(): Load {
    return { count: this.#count, bytes: this.#bytes }
  }

  /**
   * Calls `admit` now, or when those before have been admitted and there is room. Throws BROKER_BUSY
   * if too many wait already.
   */
  enter(load: Load, admit: () => void): void {
    if (!this.#isWaiting && this.#fits(load)) {
      this.#admit(load)
      admit()
      return
    }
    if (this.#waiters.length - this.#waitingFrom >= WAITING_MAX) {
      throw new MqError('BROKER_BUSY', `${WAITING_MAX} sends already wait for room`, {
        hint: 'await producer.ready() before each send',
      })
    }
    this.#waiters.push({ ...load, admit })
  }

  /** Resolves when a small message would be admitted at once. */
  room(): Promise<void> {
    return new Promise((resolve) => this.enter({ count: 0, bytes: 0 }, resolve))
  }

  leave(load: Load): void {
    this.#count -= load.count
    this.#bytes -= load.bytes
    this.#admitWaiters()
    if (this.#isIdle) {
      const listeners = this.#idleListeners
      this.#idleListeners = []
      for (const listener of listeners) listener()
    }
  }

  /** Resolves when nothing is under way and nobody waits. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idleListeners.push(resolve))
  }

  get #isWaiting(): boolean {
    return this.#waiters.length > this.#waitingFrom
  }

  get #isIdle(): boolean {
    return this.#count === 0 && !this.#isWaiting
  }

  /** What is larger than the bounds themselves goes alone, rather than never. */
  #fits(load: Load): boolean {
    if (this.#count === 0) return true
    if (load.count === 0) return this.#count < this.#max.count && this.#bytes < this.#max.bytes
    return (
      this.#count + load.count <= this.#max.count && this.#bytes + load.bytes <= this.#max.bytes
    )
  }

  #admit(load: Load): void {
    this.#count += load.count
    this.#bytes += load.bytes
  }

  #admitWaiters(): void {
    for (;;) {
      const waiter = this.#waiters[this.#waitingFrom]
      if (waiter === undefined || !this.#fits(waiter)) break
      this.#waitingFrom++
      this.#admit(waiter)
      waiter.admit()
    }
    // Cutting the line only now and then keeps admitting at constant cost.
    if (this.#waitingFrom < 1024 && this.#isWaiting) return
    this.#waiters.splice(0, this.#waitingFrom)
    this.#waitingFrom = 0
  }
}
