// Input of which nobody knows when it comes.

/**
 * Whoever waits for it can be told to stop waiting. Not Promise.race, which
 * would keep everything ever read alive for as long as the other promise is undecided.
 */
export class StoppableInput<T> {
  readonly #items: AsyncIterator<T>
  #stopWaiting: (() => void) | null = null
  #isStopped = false

  constructor(items: AsyncIterator<T>) {
    this.#items = items
  }

  /** Null at the end, and once stopped. */
  next(): Promise<T | null> {
    if (this.#isStopped) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(null)
      this.#items
        .next()
        .then((result) => resolve(result.done === true ? null : result.value), reject)
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#stopWaiting?.()
  }
}
