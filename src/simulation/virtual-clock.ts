// Time that only moves when told to: a whole cluster lives ten minutes in a fraction of a second.
//
// Promises: due timers run in the order (time, then the order they were set); after each one all
// that it caused at that instant (promises, ends of turns) has happened before the next one runs,
// so nothing depends on how fast the machine is. Real input and output is not waited for.

import { assert } from '../core/assert.ts'
import { type Clock, type Timer, turnsEnded } from '../core/clock.ts'
import { EventHeap, type VirtualEvent } from './event-heap.ts'

/** 2026-01-01T00:00:00Z: any fixed date does, this one has as many digits as today's. */
const EPOCH_MS = 1_767_225_600_000
/** Nothing honest happens this often at one instant: a loop that feeds itself does. */
const EVENTS_PER_INSTANT_MAX = 100_000

export class VirtualClock implements Clock {
  readonly #events = new EventHeap()
  #nowMs = 0
  #wallOffsetMs = EPOCH_MS
  #isRunning = false
  #eventCount = 0
  #eventsAtInstant = 0

  monoMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#nowMs)
  }

  /** Moves the wall clock by `offsetMs`, as an administrator or a bad time server would. */
  jumpWall(offsetMs: number): void {
    this.#wallOffsetMs += offsetMs
  }

  /** Timers run so far. */
  get eventCount(): number {
    return this.#eventCount
  }

  after(delayMs: number, action: () => void): Timer {
    const event = this.#events.add(this.#nowMs + positive(delayMs), action)
    return { cancel: () => this.#events.cancel(event) }
  }

  every(intervalMs: number, action: () => void): Timer {
    assert(intervalMs > 0, `an interval must be positive, got ${intervalMs}`)
    let event: VirtualEvent
    const plan = (): void => {
      event = this.#events.add(this.#nowMs + intervalMs, () => {
        // Planned before the action, which may cancel it.
        plan()
        action()
      })
    }
    plan()
    return { cancel: () => this.#events.cancel(event) }
  }

  /** Runs everything due up to and including `untilMs` (on `monoMs`), and stops there. */
  async run(options: { untilMs: number }): Promise<void> {
    await this.#runWhile(() => true, options.untilMs)
    this.#nowMs = Math.max(this.#nowMs, options.untilMs)
  }

  /** Runs the next `durationMs`. */
  advance(durationMs: number): Promise<void> {
    return this.run({ untilMs: this.#nowMs + durationMs })
  }

  /**
   * Runs until `condition` holds and says how long that took. Throws if it does not within
   * `withinMs`; `what` then names what was waited for.
   */
  async runUntil(condition: () => boolean, withinMs: number, what: string): Promise<number> {
    const startedMs = this.#nowMs
    await this.#runWhile(() => !condition(), startedMs + withinMs)
    assert(condition(), `${what}: not within ${withinMs} ms of virtual time`)
    return this.#nowMs - startedMs
  }

  /** Runs until `promise` is settled and returns its value, or throws what it was rejected with. */
  async runFor<T>(promise: Promise<T>, withinMs: number): Promise<T> {
    let isSettled = false
    const mark = (): void => {
      isSettled = true
    }
    promise.then(mark, mark)
    await this.runUntil(() => isSettled, withinMs, 'a promise')
    return promise
  }

  async #runWhile(goesOn: () => boolean, untilMs: number): Promise<void> {
    assert(!this.#isRunning, 'the virtual clock is already running')
    this.#isRunning = true
    try {
      await turnsEnded()
      while (goesOn()) {
        const event = this.#events.takeDue(untilMs)
        if (event === null) return
        this.#advanceTo(event.atMs)
        event.action()
        await turnsEnded()
      }
    } finally {
      this.#isRunning = false
    }
  }

  #advanceTo(atMs: number): void {
    this.#eventCount++
    this.#eventsAtInstant = atMs > this.#nowMs ? 0 : this.#eventsAtInstant + 1
    assert(
      this.#eventsAtInstant <= EVENTS_PER_INSTANT_MAX,
      `time stands still at ${atMs} ms: ${EVENTS_PER_INSTANT_MAX} events at one instant`,
    )
    this.#nowMs = Math.max(this.#nowMs, atMs)
  }
}

function positive(delayMs: number): number {
  return Math.max(0, delayMs)
}
