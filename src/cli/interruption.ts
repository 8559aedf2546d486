// SIGINT and SIGTERM: the first asks the running command to finish cleanly, a second ends the process
// at once, for a person who will not wait. What must be done even then: see exit-duty.ts.

import { systemClock } from '../core/clock.ts'

export type SignalName = 'SIGINT' | 'SIGTERM'

/** 128 + signal number, as shells report a command that a signal ended. */
export const EXIT_OF_SIGNAL: Record<SignalName, number> = { SIGINT: 130, SIGTERM: 143 }

/** `timeout` signals a command and then its whole group: nobody's impatience. */
const ECHO_MS = 300

export class Interruption {
  #received: SignalName | null = null
  #receivedMs = 0
  readonly #waiting = new Set<() => void>()

  /** Starts listening; without it signals end the process as usual. */
  listen(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => this.#receive(name))
    }
  }

  get received(): SignalName | null {
    return this.#received
  }

  /** Exit code for work that was cut short, or null if it was not. */
  get exitCode(): number | null {
    return this.#received === null ? null : EXIT_OF_SIGNAL[this.#received]
  }

  /** Calls `action` on the first signal, at once if it has come already. Returns how to forget it. */
  onReceived(action: () => void): () => void {
    if (this.#received !== null) action()
    else this.#waiting.add(action)
    return () => this.#waiting.delete(action)
  }

  #receive(name: SignalName): void {
    const nowMs = systemClock.monoMs()
    if (this.#received !== null) {
      if (name === this.#received && nowMs - this.#receivedMs < ECHO_MS) return
      process.exit(EXIT_OF_SIGNAL[name])
    }
    this.#received = name
    this.#receivedMs = nowMs
    for (const action of this.#waiting) action()
    this.#waiting.clear()
  }
}

/** A signal ended the command before it was done. */
export class Interrupted extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super('interrupted')
    this.exitCode = exitCode
  }
}
