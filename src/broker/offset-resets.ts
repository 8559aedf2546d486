// Positions that an administrator gave to a group and that its consumer does not know yet. The next pull
// is sent there; until then its commits, which still come from the old place, do not count. Pure, and in
// memory only: the new position itself is committed durably, so what a restart forgets is only that a
// consumer which is running right now must move.

import type { QueueKey } from '../store/append-log.ts'

export class OffsetResets {
  readonly #targets = new Map<string, Map<QueueKey, number>>()

  set(group: string, queue: QueueKey, offset: number): void {
    const targets = this.#targets.get(group)
    if (targets === undefined) this.#targets.set(group, new Map([[queue, offset]]))
    else targets.set(queue, offset)
  }

  has(group: string, queue: QueueKey): boolean {
    return this.#targets.get(group)?.has(queue) === true
  }

  /** The target, which is then no longer pending; null if there is none. */
  take(group: string, queue: QueueKey): number | null {
    const targets = this.#targets.get(group)
    const offset = targets?.get(queue)
    if (targets === undefined || offset === undefined) return null
    targets.delete(queue)
    if (targets.size === 0) this.#targets.delete(group)
    return offset
  }

  /** Its topic was deleted. */
  forgetQueue(queue: QueueKey): void {
    for (const [group, targets] of this.#targets) {
      if (targets.delete(queue) && targets.size === 0) this.#targets.delete(group)
    }
  }

  forgetGroup(group: string): void {
    this.#targets.delete(group)
  }
}
