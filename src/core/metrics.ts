// Counters of a running node: they only go up, and are read by whoever describes the node. One object
// per node, so that several nodes in one process do not count into each other.

export class Counter {
  #value = 0

  get value(): number {
    return this.#value
  }

  add(amount = 1): void {
    this.#value += amount
  }
}

export class Metrics {
  readonly #counters = new Map<string, Counter>()

  /** The counter of this name, made on first use. Hold on to it on a hot path. */
  counter(name: string): Counter {
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = new Counter()
      this.#counters.set(name, counter)
    }
    return counter
  }

  /** Name → value, sorted by name. */
  snapshot(): Record<string, number> {
    const names = [...this.#counters.keys()].sort()
    return Object.fromEntries(names.map((name) => [name, this.counter(name).value]))
  }
}
