// What several lanes want done at the end of a turn of the event loop, done in one go: their requests
// to one broker then leave in one write.

import { endOfTurn } from '../core/clock.ts'

export class TurnEnd {
  #actions: (() => void)[] = []

  plan(action: () => void): void {
    this.#actions.push(action)
    if (this.#actions.length > 1) return
    endOfTurn(() => {
      const actions = this.#actions
      this.#actions = []
      for (const run of actions) run()
    })
  }
}
