// Who consumes a queue in order. Between two rebalances two members of a group can both believe that a
// queue is theirs; the one that holds its lock is right, the other waits. A member renews its locks
// every 20 s and gives them back when it loses a queue; one that died is forgotten after
// LOCK_EXPIRY_MS, which is longer than a client trusts a lock of its own (30 s). Pure, in memory only:
// after a restart of the broker members simply ask again.

import { LOCK_EXPIRY_MS, QUEUE_LOCKS_MAX } from '../core/limits.ts'
import type { QueueKey } from '../store/append-log.ts'

interface Lock {
  clientId: string
  renewedMs: number
}

export interface LockClaim {
  group: string
  queue: QueueKey
  clientId: string
}

export class QueueLocks {
  readonly #locks = new Map<string, Map<QueueKey, Lock>>()
  #count = 0

  /** Whether the client holds the queue from now on. */
  take({ group, queue, clientId }: LockClaim, nowMs: number): boolean {
    const locks = this.#locks.get(group)
    const held = locks?.get(queue)
    if (held !== undefined && held.clientId !== clientId && !isExpired(held, nowMs)) return false
    if (held !== undefined) {
      held.clientId = clientId
      held.renewedMs = nowMs
      return true
    }
    if (this.#count >= QUEUE_LOCKS_MAX) return false
    if (locks === undefined)
      this.#locks.set(group, new Map([[queue, { clientId, renewedMs: nowMs }]]))
    else locks.set(queue, { clientId, renewedMs: nowMs })
    this.#count += 1
    return true
  }

  /** Only the holder can give a lock back: a late unlock of a former holder changes nothing. */
  release({ group, queue, clientId }: LockClaim): void {
    if (this.#locks.get(group)?.get(queue)?.clientId === clientId) this.#remove(group, queue)
  }

  forgetExpired(nowMs: number): void {
    for (const [group, locks] of this.#locks) {
      for (const [queue, lock] of locks) if (isExpired(lock, nowMs)) this.#remove(group, queue)
    }
  }

  #remove(group: string, queue: QueueKey): void {
    const locks = this.#locks.get(group)
    if (locks?.delete(queue) !== true) return
    this.#count -= 1
    if (locks.size === 0) this.#locks.delete(group)
  }
}

function isExpired(lock: Lock, nowMs: number): boolean {
  return nowMs - lock.renewedMs > LOCK_EXPIRY_MS
}
