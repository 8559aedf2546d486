// Pulls that found nothing and wait for a message, a deadline, or the end of their connection. Pure: it
// keeps them and says whose time has come; who asks and who answers is in pulls.ts.
//
// A broker writes a hundred thousand messages a second and mostly nobody waits: an arrival then costs
// one look into a map. Deadlines are kept by slots of 100 ms, so that no pull is looked at in vain.

import type { QueueKey } from '../store/append-log.ts'

const SLOT_MS = 100

export interface ParkedPull {
  readonly queue: QueueKey
  /** Its connection. */
  readonly owner: object
  readonly deadlineMs: number
}

export class LongPoll<Pull extends ParkedPull> {
  readonly #countMax: number
  readonly #countPerOwnerMax: number
  readonly #byQueue = new Map<QueueKey, Set<Pull>>()
  readonly #byOwner = new Map<object, Set<Pull>>()
  /** Time at which a slot is due → its pulls. */
  readonly #bySlot = new Map<number, Set<Pull>>()
  #count = 0

  constructor(options: { countMax: number; countPerOwnerMax: number }) {
    this.#countMax = options.countMax
    this.#countPerOwnerMax = options.countPerOwnerMax
  }

  get count(): number {
    return this.#count
  }

  /** False if there are too many already, in all or of this connection. */
  park(pull: Pull): boolean {
    if (this.#count >= this.#countMax) return false
    if ((this.#byOwner.get(pull.owner)?.size ?? 0) >= this.#countPerOwnerMax) return false
    add(this.#byQueue, pull.queue, pull)
    add(this.#byOwner, pull.owner, pull)
    add(this.#bySlot, dueMs(pull), pull)
    this.#count++
    return true
  }

  /** Offers each pull parked at `queue`; those for which `answer` says true are parked no more. */
  offer(queue: QueueKey, answer: (pull: Pull) => boolean): void {
    const pulls = this.#byQueue.get(queue)
    if (pulls === undefined) return
    // A copy: an answer may lead to the end of a connection, and that to removals here.
    for (const pull of [...pulls]) if (pulls.has(pull) && answer(pull)) this.#remove(pull)
  }

  /** Queues somebody waits at. */
  queues(): QueueKey[] {
    return [...this.#byQueue.keys()]
  }

  /** When `takeExpired` has something to do next; null if nothing is parked. */
  nextDeadlineMs(): number | null {
    let nextMs: number | null = null
    for (const slotMs of this.#bySlot.keys()) {
      if (nextMs === null || slotMs < nextMs) nextMs = slotMs
    }
    return nextMs
  }

  /** Removes and returns those that have waited to their deadline. */
  takeExpired(nowMs: number): Pull[] {
    const expired: Pull[] = []
    for (const [slotMs, pulls] of this.#bySlot) if (slotMs <= nowMs) expired.push(...pulls)
    for (const pull of expired) this.#remove(pull)
    return expired
  }

  takeAll(): Pull[] {
    return this.takeExpired(Number.POSITIVE_INFINITY)
  }

  removeOwner(owner: object): void {
    for (const pull of [...(this.#byOwner.get(owner) ?? [])]) this.#remove(pull)
  }

  #remove(pull: Pull): void {
    if (this.#byQueue.get(pull.queue)?.has(pull) !== true) return
    remove(this.#byQueue, pull.queue, pull)
    remove(this.#byOwner, pull.owner, pull)
    remove(this.#bySlot, dueMs(pull), pull)
    this.#count--
  }
}

/** When a pull's slot begins, at or after its deadline: never early, at most 100 ms late. */
export function dueMs(pull: { deadlineMs: number }): number {
  return Math.ceil(pull.deadlineMs / SLOT_MS) * SLOT_MS
}

function add<Key, Pull>(index: Map<Key, Set<Pull>>, key: Key, pull: Pull): void {
  const pulls = index.get(key)
  if (pulls === undefined) index.set(key, new Set([pull]))
  else pulls.add(pull)
}

function remove<Key, Pull>(index: Map<Key, Set<Pull>>, key: Key, pull: Pull): void {
  const pulls = index.get(key)
  pulls?.delete(pull)
  if (pulls?.size === 0) index.delete(key)
}
