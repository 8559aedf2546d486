// A broker's log with somebody who hears of its failure at the moment the broker could know it.

import { MqError } from '../../core/errors.ts'
import type {
  AppendLog,
  LogEntry,
  QueueKey,
  Recovery,
  Retired,
  SegmentInfo,
} from '../../store/append-log.ts'

export class WatchedLog implements AppendLog {
  readonly #log: AppendLog
  readonly #onFailed: () => void

  constructor(log: AppendLog, onFailed: () => void) {
    this.#log = log
    this.#onFailed = onFailed
  }

  open(): Promise<Recovery> {
    return this.#log.open()
  }

  append(batch: Uint8Array): Promise<void> {
    return this.#watched(this.#log.append(batch))
  }

  waitForAppend(waitMs: number): boolean {
    return this.#log.waitForAppend(waitMs)
  }

  readPayloads(positions: ArrayLike<number>): Uint8Array {
    return this.#log.readPayloads(positions)
  }

  readEntry(position: number): LogEntry | null {
    return this.#log.readEntry(position)
  }

  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null {
    return this.#log.findIndexBlock(queue, offset)
  }

  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null {
    return this.#log.findIndexBlockByTime(queue, timeMs)
  }

  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.#watched(this.#log.checkpoint(state, indexBlocks))
  }

  get isRollDue(): boolean {
    return this.#log.isRollDue
  }

  roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.#watched(this.#log.roll(state, indexBlocks))
  }

  segments(): readonly SegmentInfo[] {
    return this.#log.segments()
  }

  dropOldestSegment(): Promise<Retired> {
    return this.#watched(this.#log.dropOldestSegment())
  }

  close(): Promise<void> {
    return this.#log.close()
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
