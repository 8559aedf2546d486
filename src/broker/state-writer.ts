// The one way to change a broker's state: through its log. What is written here is applied when it is
// durable, and only then is the caller told.

import type { Clock } from '../core/clock.ts'
import type { MessageStore } from '../store/message-store.ts'
import { encodeChange, type StateChange } from './state-changes.ts'

type WithoutTime<T> = T extends StateChange ? Omit<T, 'atMs'> : never

export class StateWriter {
  readonly #store: MessageStore
  readonly #clock: Clock

  constructor(options: { store: MessageStore; clock: Clock }) {
    this.#store = options.store
    this.#clock = options.clock
  }

  /** Resolves once the change is durable and applied; rejects with DISK_FULL or DISK_FAILED. */
  write(change: WithoutTime<StateChange>): Promise<void> {
    const dated = { ...change, atMs: this.#clock.wallMs() } as StateChange
    return new Promise((resolve, reject) => {
      this.#store.appendState(encodeChange(dated), (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }
}
