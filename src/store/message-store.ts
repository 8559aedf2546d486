// The broker's view of its log: messages by queue and offset, state changes in order, group commit.
//
// An append is written into the batch that is forming and gets its numbers at once; it is visible,
// and its sender is told, when that batch is committed. At most one batch is under way; what arrives
// meanwhile is the next one, so that under load one fsync covers hundreds of messages. Without load
// a batch ends with the turn of the event loop that began it.

import { type Clock, endOfTurn, type Timer } from '../core/clock.ts'
import type { MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import {
  type AppendLog,
  type DiskSpace,
  ENTRY_KIND,
  type QueueKey,
  type Recovery,
  type SegmentInfo,
} from './append-log.ts'
import type { BatchBuffer } from './batch-buffer.ts'
import { GroupCommit, type PersistKind } from './group-commit.ts'
import { lowerOffset, runAt, selectMessages, upperOffset } from './message-reader.ts'
import { packRuns, QueueIndex } from './queue-index.ts'
import type { QueueTail } from './queue-tail.ts'
import { RecentBatches } from './recent-batches.ts'
import { type Replayed, replay } from './replay.ts'
import { isOldestRetired, type RetentionLimits } from './retention.ts'
import { encodeSnapshot, type QueueEnd } from './store-snapshot.ts'

/** What the broker derives from the log's state changes. Applied on commit and on replay alike. */
export interface StateMachine {
  /** One committed state change, in log order. */
  apply(change: Uint8Array): void
  snapshot(): Uint8Array
  restore(state: Uint8Array): void
  /** True while `queue` belongs to a live topic; others are not indexed on replay. */
  hasQueue(queue: QueueKey): boolean
}

export interface StoreOptions {
  log: AppendLog
  state: StateMachine
  clock: Clock
  logger: Logger
  /** Called once if the log fails for good (DISK_FAILED): nothing is acknowledged any more. */
  onFailed: (error: MqError) => void
  /** Runs an action at the end of this turn; replaced where turns are simulated. */
  schedule?: (action: () => void) => void
}

/** Writes the stored message of `bytes` length at `target[at…]`, given what the log assigned. */
export interface MessageDraft {
  queue: QueueKey
  bytes: number
  /** Java hash of the tag, 0 without one. */
  tagsHash: number
  write(target: Buffer, at: number, assigned: Assigned): void
}

export interface Assigned {
  position: number
  queueOffset: number
  storeTimeMs: number
}

export type Appended = (error: MqError | null) => void

export interface ReadRequest {
  queue: QueueKey
  offset: number
  messagesMax: number
  bytesMax: number
  /** Tag hashes to keep; null keeps all. */
  tags: ReadonlySet<number> | null
  /** Nothing from this offset on. */
  endOffset?: number
}

export interface ReadResult {
  /** Stored messages back to back; empty if nothing was selected. */
  body: Uint8Array
  count: number
  /** One past the last offset looked at. */
  nextOffset: number
}

const EMPTY = new Uint8Array(0)
/** How often the store looks whether a checkpoint is due while nothing is appended. */
const CHECKPOINT_LOOK_MS = 5_000

export class MessageStore {
  readonly identity: string
  /** Called with each queue that got new committed messages, once per commit. */
  onArrival: (queue: QueueKey) => void = () => {}

  readonly #log: AppendLog
  readonly #state: StateMachine
  readonly #clock: Clock
  readonly #index: QueueIndex
  readonly #recent = new RecentBatches()
  readonly #commits: GroupCommit
  readonly #timer: Timer
  #storeTimeMs: number
  /** Queues that got messages in the commit that is being published. */
  #touched: QueueTail[] = []
  #closing: Promise<void> | null = null

  static async open(options: StoreOptions): Promise<MessageStore> {
    const recovery = await options.log.open()
    const index = new QueueIndex(options.log)
    const replayed = replay(recovery, options.state, index)
    return new MessageStore(options, { recovery, index, replayed })
  }

  private constructor(
    options: StoreOptions,
    opened: { recovery: Recovery; index: QueueIndex; replayed: Replayed },
  ) {
    const { recovery, index, replayed } = opened
    this.#log = options.log
    this.#state = options.state
    this.#clock = options.clock
    this.#index = index
    this.#storeTimeMs = replayed.newestStoreTimeMs
    this.identity = recovery.identity
    this.#commits = new GroupCommit({
      log: options.log,
      index,
      recent: this.#recent,
      clock: options.clock,
      logger: options.logger,
      schedule: options.schedule ?? endOfTurn,
      nextPosition: recovery.nextPosition,
      entriesSinceCheckpoint: replayed.entryCount,
      publish: (batch) => this.#publish(batch),
      announce: () => this.#announce(),
      persist: (kind) => this.#persist(kind),
      onFailed: options.onFailed,
    })
    this.#timer = this.#clock.every(CHECKPOINT_LOOK_MS, () => this.#commits.look())
  }

  get isFailed(): boolean {
    return this.#commits.isFailed
  }

  /** True while the disk is full: appends are refused, reads go on. */
  get isReadOnly(): boolean {
    return this.#commits.isReadOnly
  }

  /** Null: not known. */
  diskSpace(): DiskSpace | null {
    return this.#log.diskSpace?.() ?? null
  }

  /** Bytes accepted but not yet durable; senders are turned away above PENDING_APPEND_BYTES_MAX. */
  get pendingBytes(): number {
    return this.#commits.pendingBytes
  }

  /**
   * Appends messages as one unit, all or nothing. Returns the place of each at once; `done` runs
   * after the commit, in call order.
   */
  appendMessages(drafts: readonly MessageDraft[], done: Appended): Assigned[] {
    let bytes = 0
    for (const draft of drafts) bytes += draft.bytes
    const batch = this.#commits.formingBatch(bytes)
    const bytesBefore = batch.bytes
    const countBefore = batch.entryCount
    const places: Assigned[] = []
    // Time may be set back; a queue searched by time must not notice.
    const storeTimeMs = Math.max(this.#storeTimeMs, this.#clock.wallMs())
    this.#storeTimeMs = storeTimeMs
    let position = this.#commits.assignedPosition
    try {
      for (const draft of drafts) {
        const tail = this.#index.tail(draft.queue)
        const assigned = { position, queueOffset: tail.assignedOffset, storeTimeMs }
        batch.addMessage(draft, tail, assigned)
        places.push(assigned)
        tail.assignedOffset++
        position++
      }
    } catch (error) {
      // A draft that cannot be written must not leave half a unit in everybody's batch.
      for (let i = 0; i < places.length; i++) this.#index.tail(drafts[i]!.queue).assignedOffset--
      batch.truncate({ bytes: bytesBefore, entryCount: countBefore })
      throw error
    }
    batch.completions.push(done)
    this.#commits.added(drafts.length, batch.bytes - bytesBefore)
    return places
  }

  appendState(change: Uint8Array, done: Appended): void {
    const batch = this.#commits.formingBatch(change.length)
    const bytesBefore = batch.bytes
    batch.addState(change)
    batch.completions.push(done)
    this.#commits.added(1, batch.bytes - bytesBefore)
  }

  read(request: ReadRequest): ReadResult {
    const tail = this.#index.find(request.queue)
    if (tail === null || !isStored(tail, request.offset)) {
      return { body: EMPTY, count: 0, nextOffset: request.offset }
    }
    const { positions, bytes, nextOffset } = selectMessages(this.#index, tail, request)
    if (positions.length === 0) return { body: EMPTY, count: 0, nextOffset }
    const isRecent = positions[0]! >= this.#recent.firstPosition
    const body = isRecent ? this.#recent.read(positions, bytes) : this.#log.readPayloads(positions)
    return { body, count: positions.length, nextOffset }
  }

  readAtPosition(position: number): Uint8Array | null {
    if (position >= this.#commits.committedPosition) return null
    const entry = this.#log.readEntry(position)
    return entry !== null && entry.kind === ENTRY_KIND.message ? entry.payload : null
  }

  /** Committed bounds of a queue; 0 and 0 for one that was never written. */
  minOffset(queue: QueueKey): number {
    return this.#index.find(queue)?.minOffset ?? 0
  }

  maxOffset(queue: QueueKey): number {
    return this.#index.find(queue)?.nextOffset ?? 0
  }

  /** One past the last message that was accepted, durable or not. */
  assignedOffset(queue: QueueKey): number {
    return this.#index.find(queue)?.assignedOffset ?? 0
  }

  /** First offset stored at or after `timeMs` ('lower'), or last at or before it ('upper'). */
  offsetAtTime(queue: QueueKey, timeMs: number, boundary: 'lower' | 'upper'): number {
    const tail = this.#index.find(queue)
    if (tail === null) return 0
    const find = boundary === 'lower' ? lowerOffset : upperOffset
    return find(this.#index, tail, timeMs)
  }

  /** Store time of the message at `offset`, or null. */
  storeTimeAt(queue: QueueKey, offset: number): number | null {
    const tail = this.#index.find(queue)
    if (tail === null || !isStored(tail, offset)) return null
    const run = runAt(this.#index, tail, offset)
    return this.#index.timeAt(run, offset - run.firstOffset)
  }

  /** Forget a queue's index: its topic was deleted. */
  dropQueue(queue: QueueKey): void {
    this.#index.drop(queue)
  }

  checkpoint(): Promise<void> {
    return this.#commits.run(() => this.#commits.persist('checkpoint'))
  }

  /** Unlinks segments over the limits. Returns how many. */
  async retire(limits: RetentionLimits): Promise<number> {
    let count = 0
    await this.#commits.run(async () => {
      while (isOldestRetired(this.#log.segments(), limits, this.#clock.wallMs())) {
        const { indexed } = await this.#log.dropOldestSegment()
        this.#index.retire(indexed)
        count++
      }
    })
    return count
  }

  segments(): readonly SegmentInfo[] {
    return this.#log.segments()
  }

  /** Commits what is waiting, writes a checkpoint so that the next open is instant, and closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#timer.cancel()
    await this.#commits.close()
    await this.#log.close()
  }

  /** Makes a committed batch visible: the index and the state machine, in log order. */
  #publish(batch: BatchBuffer): void {
    const { tails, sizes, tags, times, firstPosition } = batch
    let changeCount = 0
    for (let i = 0; i < tails.length; i++) {
      const tail = tails[i]!
      if (tail === null) {
        this.#state.apply(batch.changes[changeCount++]!)
      } else if (!tail.isDropped) {
        this.#index.push(tail, firstPosition + i, sizes[i]!, tags[i]!, times[i]!)
        if (!tail.isTouched) this.#touched.push(tail)
        tail.isTouched = true
      }
    }
    this.#index.releaseRuns(batch.runs)
  }

  #announce(): void {
    const touched = this.#touched
    this.#touched = []
    for (const tail of touched) tail.isTouched = false
    for (const tail of touched) if (!tail.isDropped) this.onArrival(tail.queue)
  }

  async #persist(kind: PersistKind): Promise<void> {
    const runs = this.#index.takeGrownRuns()
    const queues: QueueEnd[] = []
    for (const { queue, nextOffset } of this.#index.tails()) queues.push({ queue, nextOffset })
    const snapshot = encodeSnapshot({
      newestStoreTimeMs: this.#storeTimeMs,
      queues,
      state: this.#state.snapshot(),
    })
    try {
      await this.#log[kind](snapshot, packRuns(runs))
    } catch (error) {
      this.#index.putBackRuns(runs)
      throw error
    }
    this.#index.keepPersisted(runs)
    if (kind === 'roll') this.#index.releaseAllRuns()
  }
}

function isStored(tail: QueueTail, offset: number): boolean {
  return offset >= tail.minOffset && offset < tail.nextOffset
}
