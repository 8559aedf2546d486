// Committed consumer offsets. A commit counts at once in memory and is in the log at most one
// interval later: consumers commit every few seconds anyway, and what a crash takes back is delivered
// again. Whoever waits for an answer gets it after the entry is durable.

import type { Clock, Timer } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { BrokerState } from './state.ts'
import type { OffsetEntry } from './state-changes.ts'
import type { StateWriter } from './state-writer.ts'

export interface OffsetCommit {
  group: string
  queue: QueueKey
  offset: number
}

interface Waiter {
  resolve: () => void
  reject: (error: unknown) => void
}

export interface CommittedOffsetsOptions {
  state: BrokerState
  writer: StateWriter
  clock: Clock
  logger: Logger
  intervalMs: number
}

export class CommittedOffsets {
  readonly #options: CommittedOffsetsOptions
  /** Group → queue → offset, where it is newer than what the log says. */
  readonly #newer = new Map<string, Map<QueueKey, number>>()
  #waiters: Waiter[] = []
  #timer: Timer | null = null
  #timerIsUrgent = false
  #writing: Promise<void> | null = null

  constructor(options: CommittedOffsetsOptions) {
    this.#options = options
  }

  /** Null if the group never committed one for this queue. */
  committed(group: string, queue: QueueKey): number | null {
    const newer = this.#newer.get(group)?.get(queue)
    return newer ?? this.#options.state.committedOffset(group, queue)
  }

  /** Everything the group has committed. */
  offsetsOf(group: string): Map<QueueKey, number> {
    const newer = this.#newer.get(group) ?? []
    return new Map([...this.#options.state.offsetsOf(group), ...newer])
  }

  /** Counts at once; durable within the interval. The caller checked that the queue exists. */
  commit(commit: OffsetCommit): void {
    this.#note(commit)
    this.#plan(false)
  }

  /** Counts at once; resolves when it is durable. */
  commitDurably(commit: OffsetCommit): Promise<void> {
    this.#note(commit)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#plan(true)
    })
  }

  /** The group was deleted: what it committed and the log does not have yet must not revive it. */
  forgetGroup(group: string): void {
    this.#newer.delete(group)
  }

  /** Writes what is left, before a stop. */
  async flush(): Promise<void> {
    this.#cancelTimer()
    await this.#writing
    if (this.#newer.size > 0) await this.#write()
    this.#cancelTimer()
  }

  #note({ group, queue, offset }: OffsetCommit): void {
    let offsets = this.#newer.get(group)
    if (offsets === undefined) {
      offsets = new Map()
      this.#newer.set(group, offsets)
    }
    offsets.set(queue, offset)
  }

  /** Urgent: at the end of this turn, together with whatever else it brings. */
  #plan(isUrgent: boolean): void {
    if (this.#writing !== null) return
    if (this.#timer !== null && (this.#timerIsUrgent || !isUrgent)) return
    this.#cancelTimer()
    this.#timerIsUrgent = isUrgent
    const { clock, intervalMs } = this.#options
    this.#timer = clock.after(isUrgent ? 0 : intervalMs, () => {
      this.#timer = null
      void this.#write()
    })
  }

  /** Never rejects: those who wait are told, for the others the next interval tries again. */
  #write(): Promise<void> {
    const entries = this.#takeEntries()
    const waiters = this.#waiters
    this.#waiters = []
    const written =
      entries.length === 0
        ? Promise.resolve()
        : this.#options.writer.write({ kind: 'commit-offsets', offsets: entries })
    this.#writing = written.then(
      () => {
        this.#forgetWritten(entries)
        for (const waiter of waiters) waiter.resolve()
        this.#ended()
      },
      (error) => {
        this.#options.logger.warn(`consumer offsets are not written: ${describeError(error)}`)
        for (const waiter of waiters) waiter.reject(error)
        this.#ended()
      },
    )
    return this.#writing
  }

  #ended(): void {
    this.#writing = null
    if (this.#waiters.length > 0) this.#plan(true)
    else if (this.#newer.size > 0) this.#plan(false)
  }

  #takeEntries(): OffsetEntry[] {
    const entries: OffsetEntry[] = []
    for (const [group, offsets] of this.#newer) {
      for (const [queue, offset] of offsets) {
        if (this.#options.state.hasQueue(queue)) {
          entries.push([group, Math.floor(queue / 0x1_0000_0000), queue >>> 0, offset])
        } else {
          offsets.delete(queue)
        }
      }
      if (offsets.size === 0) this.#newer.delete(group)
    }
    return entries
  }

  /** What was committed again meanwhile stays newer than the log. */
  #forgetWritten(entries: readonly OffsetEntry[]): void {
    for (const [group, topicId, queueId, offset] of entries) {
      const offsets = this.#newer.get(group)
      const queue = queueKey(topicId, queueId)
      if (offsets?.get(queue) === offset) offsets.delete(queue)
      if (offsets?.size === 0) this.#newer.delete(group)
    }
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
