// The virtual clock's future: a binary heap ordered by (time, order of adding).

export interface VirtualEvent {
  readonly atMs: number
  readonly sequence: number
  /** Null once cancelled or run: the entry then only waits to be dropped. */
  action: (() => void) | null
}

/** Below this many cancelled entries a rebuild is not worth it. */
const CANCELLED_KEPT_MAX = 256

export class EventHeap {
  #heap: VirtualEvent[] = []
  #nextSequence = 0
  #cancelledCount = 0

  get size(): number {
    return this.#heap.length - this.#cancelledCount
  }

  add(atMs: number, action: () => void): VirtualEvent {
    const event: VirtualEvent = { atMs, sequence: this.#nextSequence++, action }
    this.#heap.push(event)
    this.#siftUp(this.#heap.length - 1)
    return event
  }

  cancel(event: VirtualEvent): void {
    if (event.action === null) return
    event.action = null
    // Most timeouts are cancelled long before they are due, so they must not pile up until then.
    if (++this.#cancelledCount > Math.max(CANCELLED_KEPT_MAX, this.#heap.length / 2)) {
      this.#rebuild()
    }
  }

  /** Takes out the first event if it is due at `nowMs`; its action is the caller's to run. */
  takeDue(nowMs: number): { atMs: number; action: () => void } | null {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.atMs > nowMs) return null
      this.#removeFirst()
      const { action } = first
      if (action === null) {
        this.#cancelledCount--
        continue
      }
      first.action = null
      return { atMs: first.atMs, action }
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as VirtualEvent
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    this.#siftDown(0)
  }

  #rebuild(): void {
    this.#heap = this.#heap.filter((event) => event.action !== null)
    this.#cancelledCount = 0
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#siftDown(i)
  }

  #siftUp(start: number): void {
    const heap = this.#heap
    const event = heap[start] as VirtualEvent
    let index = start
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as VirtualEvent
      if (!isBefore(event, parent)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = event
  }

  #siftDown(start: number): void {
    const heap = this.#heap
    const event = heap[start] as VirtualEvent
    let index = start
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= heap.length) break
      const right = heap[childIndex + 1]
      if (right !== undefined && isBefore(right, heap[childIndex] as VirtualEvent)) childIndex++
      const child = heap[childIndex] as VirtualEvent
      if (!isBefore(child, event)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = event
  }
}

function isBefore(a: VirtualEvent, b: VirtualEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
