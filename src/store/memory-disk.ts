// What survives a simulated crash: the segments of a MemoryLog and the identity of its folder.
//
// Two images of the same files: what processes see (the page cache) and what is on the platter. A
// write is a list of changes, each whole or absent, since SQLite's log commits atomically: a torn
// transaction fails its checksum and is dropped with all behind it. So a power cut leaves the platter
// plus a prefix of what was not synced; a killed process leaves the cache.

import { assert } from '../core/assert.ts'
import { MqError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { LogEntry, Snapshot } from './append-log.ts'
import { MemorySegment } from './memory-segment.ts'

/** One atomic change of the segments on a disk. The last segment is the active one. */
export type DiskChange = (segments: MemorySegment[]) => void

/** How the device behaves at the moment. */
export interface DiskConditions {
  /** Every write fails with DISK_FULL and changes nothing. */
  isFull: boolean
  /** A write takes this much longer. */
  slowMs: number
  /** The next write fails with DISK_FAILED; 'written': what it wrote is there all the same. */
  nextFailure: 'lost' | 'written' | null
}

interface UnsyncedChange {
  change: DiskChange
  madeMs: number
}

export class MemoryDisk {
  readonly identity: string
  readonly conditions: DiskConditions = { isFull: false, slowMs: 0, nextFailure: null }
  readonly #random: Random
  readonly #syncDelayMs: number | null
  #cached: MemorySegment[] = [new MemorySegment(0, null)]
  /** The same array while nothing is left unsynced. */
  #synced: MemorySegment[] = this.#cached
  #unsynced: UnsyncedChange[] = []
  #underWay: readonly DiskChange[] = []
  #owner: object | null = null

  /** `syncDelayMs`: a write is on the platter only this much later (flush=async); null: at once. */
  constructor(options: { random: Random; syncDelayMs?: number | null }) {
    this.identity = options.random.hex(16)
    this.#random = options.random
    this.#syncDelayMs = options.syncDelayMs ?? null
  }

  get segments(): readonly MemorySegment[] {
    return this.#cached
  }

  get active(): MemorySegment {
    return this.#cached[this.#cached.length - 1]!
  }

  get minPosition(): number {
    return this.#cached[0]!.basePosition
  }

  get nextPosition(): number {
    return this.active.nextPosition
  }

  /** The newest snapshot. Only the active segment is asked: each begins with one. */
  get snapshot(): Snapshot | null {
    return this.active.snapshot
  }

  lock(owner: object): void {
    if (this.#owner !== null) {
      throw new MqError('DATA_FOLDER_LOCKED', 'the simulated disk is used by another broker')
    }
    this.#owner = owner
  }

  release(owner: object): void {
    if (this.#owner === owner) this.#owner = null
  }

  /** A write has begun: from now on a crash may find any prefix of it. */
  begin(changes: readonly DiskChange[]): void {
    this.#underWay = changes
  }

  /** The write that was begun is over; without `isWritten` nothing of it is left. */
  end(isWritten: boolean, nowMs: number): void {
    const changes = this.#underWay
    this.#underWay = []
    if (isWritten) for (const change of changes) this.#apply(change, nowMs)
  }

  /** The process died: its writes are in the cache, and perhaps some of the one under way. */
  crash(keptCount: number, nowMs: number): void {
    const kept = this.#underWay.slice(0, keptCount)
    this.#underWay = []
    for (const change of kept) this.#apply(change, nowMs)
  }

  /** How many changes of the write under way a crash finds: any number may have got through. */
  survivingChanges(): number {
    return this.#random.below(this.#underWay.length + 1)
  }

  /**
   * The machine lost power: what was not synced survives up to some point, the rest never happened.
   * Returns the entries that processes saw and that are gone; none if every write was synced.
   */
  cutPower(nowMs: number): LogEntry[] {
    this.#syncOlderThan(nowMs)
    const pending = this.#unsynced.map(({ change }) => change).concat(this.#underWay)
    const kept = pending.slice(0, this.#random.below(pending.length + 1))
    const seen = this.#cached
    this.#underWay = []
    this.#unsynced = []
    const survived = this.#synced.map((segment) => segment.clone())
    for (const change of kept) change(survived)
    this.#cached = survived
    this.#synced = survived
    return lostEntries(seen, this.nextPosition)
  }

  entry(position: number): LogEntry | null {
    const segment = this.#cached.findLast((each) => each.basePosition <= position)
    return segment?.entry(position) ?? null
  }

  *entriesFrom(from: number): Generator<LogEntry> {
    const end = this.nextPosition
    for (let position = from; position < end; position++) {
      const entry = this.entry(position)
      assert(entry !== null, `entry ${position} of the simulated disk is missing`)
      yield entry
    }
  }

  /** Flips a bit of a stored entry: from now on reading it is DATA_CORRUPT. */
  damage(position: number): void {
    const segment = this.#cached.findLast((each) => each.basePosition <= position)
    assert(segment !== undefined, `no segment holds entry ${position}`)
    segment.damaged.add(position)
  }

  #apply(change: DiskChange, madeMs: number): void {
    if (this.#syncDelayMs !== null) {
      this.#syncOlderThan(madeMs)
      if (this.#unsynced.length === 0) this.#synced = this.#cached.map((each) => each.clone())
      this.#unsynced.push({ change, madeMs })
    }
    change(this.#cached)
  }

  #syncOlderThan(nowMs: number): void {
    const syncedMs = nowMs - (this.#syncDelayMs ?? 0)
    while (this.#unsynced.length > 0 && this.#unsynced[0]!.madeMs <= syncedMs) {
      this.#unsynced.shift()!.change(this.#synced)
    }
    if (this.#unsynced.length === 0) this.#synced = this.#cached
  }
}

function lostEntries(seen: readonly MemorySegment[], nextPosition: number): LogEntry[] {
  const end = seen[seen.length - 1]!.nextPosition
  const lost: LogEntry[] = []
  for (let position = nextPosition; position < end; position++) {
    const entry = seen.findLast((each) => each.basePosition <= position)?.entry(position)
    if (entry != null) lost.push(entry)
  }
  return lost
}
