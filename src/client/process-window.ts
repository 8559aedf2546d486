// The messages of one queue between pulling and committing. They may be finished in any order; what
// may be committed is the smallest offset not yet finished. Pure.

export interface WindowLimits {
  countMax: number
  bytesMax: number
  /** Between the oldest and the newest offset held. */
  spanMax: number
}

interface Held {
  queueOffset: number
  body: Uint8Array
}

export class ProcessWindow<M extends Held> {
  /** By offset. Those before #head are finished, those from #next on are not handed out yet. */
  #held: M[] = []
  #head = 0
  #next = 0
  #bytes = 0
  #pullOffset: number
  readonly #finished = new Set<number>()

  constructor(startOffset: number) {
    this.#pullOffset = startOffset
  }

  /** Where the next pull begins. */
  get pullOffset(): number {
    return this.#pullOffset
  }

  /** Everything below is finished. */
  get committableOffset(): number {
    return this.#held[this.#head]?.queueOffset ?? this.#pullOffset
  }

  get count(): number {
    return this.#held.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Offsets between the oldest and the newest message held. */
  get span(): number {
    const oldest = this.#held[this.#head]
    const newest = this.#held[this.#held.length - 1]
    return oldest === undefined || newest === undefined
      ? 0
      : newest.queueOffset - oldest.queueOffset
  }

  isFull(limits: WindowLimits): boolean {
    return (
      this.count > limits.countMax || this.#bytes > limits.bytesMax || this.span > limits.spanMax
    )
  }

  /** Adds what a pull brought and where the next one begins. Messages seen before are dropped. */
  add(messages: readonly M[], nextOffset: number): void {
    for (const message of messages) {
      if (message.queueOffset < this.#pullOffset) continue
      this.#held.push(message)
      this.#bytes += message.body.length
      this.#pullOffset = message.queueOffset + 1
    }
    this.#pullOffset = Math.max(this.#pullOffset, nextOffset)
  }

  /** The next messages to work on, at most `countMax`; each is handed out once. */
  take(countMax: number): M[] {
    const taken = this.#held.slice(this.#next, this.#next + countMax)
    this.#next += taken.length
    return taken
  }

  /** Marks messages that were taken as finished. */
  finish(messages: readonly M[]): void {
    for (const message of messages) this.#finished.add(message.queueOffset)
    for (;;) {
      const oldest = this.#held[this.#head]
      if (oldest === undefined || !this.#finished.delete(oldest.queueOffset)) break
      this.#head++
      this.#bytes -= oldest.body.length
    }
    this.#forgetFinished()
  }

  /** Cutting the list only now and then keeps finishing a message at constant cost. */
  #forgetFinished(): void {
    if (this.#head < 256 && this.#head < this.#held.length) return
    this.#held = this.#held.slice(this.#head)
    this.#next -= this.#head
    this.#head = 0
  }
}
