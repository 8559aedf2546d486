// Drives the log for the store: forms batches, hands over one at a time, tells the senders, and runs
// checkpoints, rolls and other operations in between. What to do next is decided in
// commit-policy.ts; this file does it and keeps the numbers that only a commit makes valid.
//
// A full disk rejects the batch under way and everything behind it (their numbers were assigned on
// top of it) and makes the store read-only until a write succeeds again; whatever is appended after
// DISK_FULL_RETRY_MS is the next try. Any other error of the log is final: after a failed fsync the
// kernel may have dropped what it could not write, and asking again would be told "fine".

import type { Clock } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { COMMIT_BYTES_MAX, COMMIT_WAIT_MS_MAX, DISK_FULL_RETRY_MS } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { AppendLog } from './append-log.ts'
import { BatchBuffer } from './batch-buffer.ts'
import { isCommitAwaited, nextAction, type StoreSituation } from './commit-policy.ts'
import type { QueueIndex } from './queue-index.ts'
import type { RecentBatches } from './recent-batches.ts'

export interface GroupCommitOptions {
  log: AppendLog
  index: QueueIndex
  clock: Clock
  logger: Logger
  schedule: (action: () => void) => void
  nextPosition: number
  recent: RecentBatches
  /** Entries that the next start would have to replay. */
  entriesSinceCheckpoint: number
  /** Makes a committed batch visible. */
  publish: (batch: BatchBuffer) => void
  /** Called after the senders of a published batch were told. */
  announce: () => void
  /** Writes a checkpoint, or ends the segment with one. */
  persist: (kind: PersistKind) => Promise<void>
  onFailed: (error: MqError) => void
}

export type PersistKind = 'checkpoint' | 'roll'

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #log: AppendLog
  /** Batches not yet handed to the log, oldest first; the last one is forming. */
  readonly #waiting: BatchBuffer[] = []
  #inFlight: BatchBuffer | null = null
  readonly #tasks: (() => Promise<void>)[] = []
  readonly #idleWaiters: (() => void)[] = []
  #isBusy = false
  #isScheduled = false
  /** The commit that just ended was waited for: requests are in the sockets, not in a batch. */
  #wasAwaited = false
  #waitFailedAtMs: number | null = null
  #failure: MqError | null = null
  #closed: MqError | null = null
  #full: MqError | null = null
  #retryAtMs = 0

  #pendingBytes = 0
  #batchBytesExpected = 0
  #committedPosition: number
  #assignedPosition: number
  #entriesSinceCheckpoint: number
  #checkpointedAtMs: number

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#log = options.log
    this.#committedPosition = options.nextPosition
    this.#assignedPosition = options.nextPosition
    this.#entriesSinceCheckpoint = options.entriesSinceCheckpoint
    this.#checkpointedAtMs = options.clock.monoMs()
  }

  get isFailed(): boolean {
    return this.#failure !== null
  }

  get isReadOnly(): boolean {
    return this.#full !== null
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** One past the last committed position. */
  get committedPosition(): number {
    return this.#committedPosition
  }

  /** The position that the next entry gets; set by whoever adds entries to the forming batch. */
  get assignedPosition(): number {
    return this.#assignedPosition
  }

  /** The batch that `bytes` more go into: the forming one, or a new one if that is large enough. */
  formingBatch(bytes: number): BatchBuffer {
    const last = this.#waiting[this.#waiting.length - 1]
    if (last !== undefined && last.bytes + bytes <= COMMIT_BYTES_MAX) return last
    const batch = new BatchBuffer({
      firstPosition: this.#assignedPosition,
      bytesExpected: this.#batchBytesExpected,
    })
    this.#waiting.push(batch)
    return batch
  }

  /** Entries of `bytes` were added to the forming batch. */
  added(entryCount: number, bytes: number): void {
    this.#assignedPosition += entryCount
    this.#pendingBytes += bytes
    // While an operation runs its end takes up what waits; otherwise the end of this turn does.
    if (!this.#isBusy) this.#lookAtTurnEnd()
  }

  /** Runs an operation alone, before the next batch. Rejects with its error. */
  run(operation: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => {
        const refusal = this.#failure ?? this.#closed
        const ended = refusal === null ? operation() : Promise.reject(refusal)
        ended.then(resolve, reject)
        return ended
      })
      this.look()
    })
  }

  /** Commits what waits, and refuses whatever comes after that. */
  async close(): Promise<void> {
    while (this.#isBusy || this.#waiting.length > 0 || this.#tasks.length > 0) {
      const idle = new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
      this.look()
      await idle
    }
    this.#closed = new MqError('BROKER_BUSY', 'the store is closed')
    if (this.#failure !== null || this.#entriesSinceCheckpoint === 0) return
    try {
      await this.#options.persist('checkpoint')
    } catch (error) {
      // Only the speed of the next open depends on it: everything acknowledged is in the log.
      this.#options.logger.warn(`no checkpoint at close: ${describeError(error)}`)
    }
  }

  /** Does what is due now. */
  look(): void {
    switch (nextAction(this.#situation())) {
      case 'task':
        this.#perform(this.#tasks.shift()!)
        break
      case 'roll':
        this.#perform(() => this.persist('roll'))
        break
      case 'checkpoint':
        this.#perform(() => this.persist('checkpoint'))
        break
      case 'append':
        this.#submit(this.#waiting.shift()!)
        break
      case 'refuse':
        this.#reject((this.#failure ?? this.#closed ?? this.#full)!)
        break
      case 'wait':
        if (this.#isBusy || this.#waiting.length > 0) return
        for (const wake of this.#idleWaiters.splice(0)) wake()
    }
  }

  async persist(kind: PersistKind): Promise<void> {
    await this.#options.persist(kind)
    this.#entriesSinceCheckpoint = 0
    this.#checkpointedAtMs = this.#options.clock.monoMs()
  }

  #situation(): StoreSituation {
    return {
      isBusy: this.#isBusy,
      isFailed: this.#failure !== null || this.#closed !== null,
      isBatchReady: this.#waiting.length > 0 && !this.#isScheduled,
      retryAtMs: this.#full === null ? null : this.#retryAtMs,
      isTaskWaiting: this.#tasks.length > 0,
      isRollDue: this.#log.isRollDue,
      entriesSinceCheckpoint: this.#entriesSinceCheckpoint,
      checkpointedAtMs: this.#checkpointedAtMs,
      nowMs: this.#options.clock.monoMs(),
    }
  }

  #lookAtTurnEnd(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#options.schedule(this.#onTurnEnd)
  }

  readonly #onTurnEnd = (): void => {
    this.#isScheduled = false
    this.look()
    this.#awaitCommit()
  }

  #awaitCommit(): void {
    if (this.#inFlight === null) return
    const { entryCount } = this.#inFlight
    const nowMs = this.#options.clock.monoMs()
    if (!isCommitAwaited({ entryCount, waitFailedAtMs: this.#waitFailedAtMs, nowMs })) return
    this.#wasAwaited = this.#log.waitForAppend(COMMIT_WAIT_MS_MAX)
    const waitedMs = this.#options.clock.monoMs() - nowMs
    this.#waitFailedAtMs = waitedMs >= COMMIT_WAIT_MS_MAX ? nowMs : null
  }

  #submit(batch: BatchBuffer): void {
    this.#isBusy = true
    this.#inFlight = batch
    batch.addRuns(this.#options.index.takeFullRuns())
    this.#batchBytesExpected = batch.bytes
    this.#options.recent.keep(batch)
    this.#log.append(batch.packed()).then(this.#onCommitted, this.#onRejected)
  }

  readonly #onCommitted = (): void => {
    const batch = this.#inFlight!
    this.#inFlight = null
    this.#isBusy = false
    this.#full = null
    this.#committedPosition += batch.entryCount
    this.#entriesSinceCheckpoint += batch.entryCount
    this.#pendingBytes -= batch.entryBytes
    this.#options.publish(batch)
    // The next commit starts before the senders of this one are told: they overlap. After a wait
    // the next batch is still in the sockets, and what little has formed goes with it.
    if (this.#wasAwaited) this.#lookAtTurnEnd()
    else this.look()
    this.#wasAwaited = false
    for (const done of batch.completions) done(null)
    this.#options.announce()
  }

  readonly #onRejected = (error: unknown): void => {
    const batch = this.#inFlight!
    this.#inFlight = null
    this.#isBusy = false
    this.#options.index.putBackRuns(batch.runs)
    this.#options.recent.forgetFrom(this.#committedPosition)
    this.#waiting.unshift(batch)
    this.#reject(this.#note(error))
  }

  /** Takes back every number assigned and not committed, and tells the senders. */
  #reject(error: MqError): void {
    const rejected = this.#waiting.splice(0)
    this.#assignedPosition = this.#committedPosition
    this.#pendingBytes = 0
    for (const { tails } of rejected) {
      for (const tail of tails) if (tail !== null) tail.assignedOffset = tail.nextOffset
    }
    for (const { completions } of rejected) for (const done of completions) done(error)
    this.look()
  }

  /** Remembers what an error of the log means for what comes next. */
  #note(error: unknown): MqError {
    const known =
      error instanceof MqError
        ? error
        : new MqError('DISK_FAILED', `the log failed: ${describeError(error)}`, { cause: error })
    if (known.code === 'DISK_FULL') {
      if (this.#full === null) this.#options.logger.warn(`read-only: ${known.message}`)
      this.#full = known
      this.#retryAtMs = this.#options.clock.monoMs() + DISK_FULL_RETRY_MS
    } else if (this.#failure === null && this.#closed === null) {
      this.#failure = known
      this.#options.logger.error(known.message)
      this.#options.onFailed(known)
    }
    return known
  }

  #perform(operation: () => Promise<void>): void {
    this.#isBusy = true
    const end = (): void => {
      this.#isBusy = false
      this.look()
    }
    operation().then(
      () => {
        this.#full = null
        end()
      },
      (error) => {
        this.#note(error)
        end()
      },
    )
  }
}
