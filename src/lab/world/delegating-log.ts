// A log that passes everything on to another. Whoever wants to hear of one thing, or to spoil one,
// overrides that.

import { MqError } from '../../core/errors.ts'
import type {
  AppendLog,
  LogEntry,
  QueueKey,
  Recovery,
  Retired,
  SegmentInfo,
} from '../../store/append-log.ts'

export class DelegatingLog implements AppendLog {
  protected readonly log: AppendLog

  constructor(log: AppendLog) {
    this.log = log
  }

  open(): Promise<Recovery> {
    return this.log.open()
  }

  append(batch: Uint8Array): Promise<void> {
    return this.log.append(batch)
  }

  waitForAppend(waitMs: number): boolean {
    return this.log.waitForAppend(waitMs)
  }

  readPayloads(positions: ArrayLike<number>): Uint8Array {
    return this.log.readPayloads(positions)
  }

  readEntry(position: number): LogEntry | null {
    return this.log.readEntry(position)
  }

  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null {
    return this.log.findIndexBlock(queue, offset)
  }

  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null {
    return this.log.findIndexBlockByTime(queue, timeMs)
  }

  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.log.checkpoint(state, indexBlocks)
  }

  get isRollDue(): boolean {
    return this.log.isRollDue
  }

  roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.log.roll(state, indexBlocks)
  }

  segments(): readonly SegmentInfo[] {
    return this.log.segments()
  }

  dropOldestSegment(): Promise<Retired> {
    return this.log.dropOldestSegment()
  }

  close(): Promise<void> {
    return this.log.close()
  }
}

/** Somebody hears of the log's failure at the moment the broker could know it. */
export class WatchedLog extends DelegatingLog {
  readonly #onFailed: () => void

  constructor(log: AppendLog, onFailed: () => void) {
    super(log)
    this.#onFailed = onFailed
  }

  override append(batch: Uint8Array): Promise<void> {
    return this.#watched(super.append(batch))
  }

  override checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.#watched(super.checkpoint(state, indexBlocks))
  }

  override roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.#watched(super.roll(state, indexBlocks))
  }

  override dropOldestSegment(): Promise<Retired> {
    return this.#watched(super.dropOldestSegment())
  }

  async #watched<T>(write: Promise<T>): Promise<T> {
    try {
      return await write
    } catch (error) {
      if (!(error instanceof MqError) || error.code !== 'DISK_FULL') this.#onFailed()
      throw error
    }
  }
}
