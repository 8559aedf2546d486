// The log in memory, for a cluster that runs under virtual time and for tests. Keeps every promise
// of append-log.ts; test/store/append-log-contract.ts holds it and sqlite-log.ts to the same words.
//
// What survives is the MemoryDisk; a MemoryLog is one process's handle on it. A write is there when
// its promise resolves; one under way at a crash may be there or not, and nobody was told. Opening
// another MemoryLog on the same disk is the restart.

import { assert } from '../core/assert.ts'
import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { SEGMENT_BYTES } from '../core/limits.ts'
import type {
  AppendLog,
  IndexedRange,
  LogEntry,
  QueueKey,
  Recovery,
  Retired,
  SegmentInfo,
} from './append-log.ts'
import type { DiskChange, MemoryDisk } from './memory-disk.ts'
import { MemorySegment } from './memory-segment.ts'

export interface MemoryLogOptions {
  disk: MemoryDisk
  segmentBytes?: number
  /** With these a write takes `commitMs` of virtual time; without it is done at once. */
  clock?: Clock
  commitMs?: number
}

/** What the n-th write from now does instead of succeeding. */
export interface MemoryFault {
  code: 'DISK_FULL' | 'DISK_FAILED'
  /** After DISK_FAILED nobody knows what is on disk: true puts the write there all the same. */
  isWritten?: boolean
}

export class MemoryLog implements AppendLog {
  readonly #disk: MemoryDisk
  readonly #segmentBytes: number
  readonly #options: MemoryLogOptions
  #phase: 'new' | 'open' | 'failed' | 'closed' = 'new'
  #isBusy = false
  #writeCount = 0
  readonly #faults = new Map<number, MemoryFault>()

  constructor(options: MemoryLogOptions) {
    this.#options = options
    this.#disk = options.disk
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES
  }

  /** Makes the `nth` write from now (1 is the next) fail. */
  failWrite(nth: number, fault: MemoryFault): void {
    this.#faults.set(this.#writeCount + nth, fault)
  }

  /** The process is gone and the disk free again. Of a write under way nothing is left … */
  crash(): void {
    if (this.#holdsDisk) this.#disk.crash(0, this.#nowMs)
    this.#phase = 'closed'
    this.#disk.release(this)
  }

  /** … or, as the disk's chance has it, some or all of it. */
  crashAnywhere(): void {
    if (this.#holdsDisk) this.#disk.crash(this.#disk.survivingChanges(), this.#nowMs)
    this.crash()
  }

  /** The machine lost power. Returns the entries that were there before and are not any more. */
  cutPower(): LogEntry[] {
    const lost = this.#disk.cutPower(this.#nowMs)
    this.crash()
    return lost
  }

  async open(): Promise<Recovery> {
    assert(this.#phase === 'new', 'a log is opened once')
    this.#disk.lock(this)
    this.#phase = 'open'
    const { identity, minPosition, nextPosition, snapshot } = this.#disk
    const from = Math.max(snapshot?.position ?? 0, minPosition)
    const tail = this.#disk.entriesFrom(from)
    return { identity, minPosition, nextPosition, snapshot, indexed: this.#indexed(), tail }
  }

  append(batch: Uint8Array): Promise<void> {
    // A copy, as a disk makes one: whoever gave the batch may reuse the buffer.
    return this.#write([appended(new Uint8Array(batch))])
  }

  waitForAppend(): boolean {
    return false
  }

  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    const blocks = new Uint8Array(indexBlocks)
    const snapshot = { position: this.#disk.nextPosition, state: state.slice() }
    return this.#write([
      (segments) => {
        const active = segments[segments.length - 1]!
        active.append(blocks)
        active.snapshot = snapshot
      },
    ])
  }

  get isRollDue(): boolean {
    return this.#phase === 'open' && this.#disk.active.bytes >= this.#segmentBytes
  }

  roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    const position = this.#disk.nextPosition
    const snapshot = { position, state: state.slice() }
    // Two transactions in two files: a crash may come between them.
    return this.#write([
      appended(new Uint8Array(indexBlocks)),
      (segments) => void segments.push(new MemorySegment(position, snapshot)),
    ])
  }

  async dropOldestSegment(): Promise<Retired> {
    assert(this.#disk.segments.length > 1, 'the active segment is never dropped')
    await this.#write([(segments) => void segments.shift()])
    return { minPosition: this.#disk.minPosition, indexed: this.#indexed() }
  }

  readPayloads(positions: ArrayLike<number>): Uint8Array {
    const payloads: Uint8Array[] = []
    for (let i = 0; i < positions.length; i++) {
      const entry = this.readEntry(positions[i]!)
      if (entry === null) throw new MqError('DATA_CORRUPT', `entry ${positions[i]}: missing`)
      payloads.push(entry.payload)
    }
    return payloads.length === 1 ? payloads[0]! : Buffer.concat(payloads)
  }

  readEntry(position: number): LogEntry | null {
    this.#checkReadable()
    return this.#disk.entry(position)
  }

  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null {
    return this.#lastBlock(queue, (block) => block.firstOffset <= offset, offset)
  }

  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null {
    return this.#lastBlock(queue, (block) => block.firstStoreTimeMs <= timeMs, null)
  }

  segments(): readonly SegmentInfo[] {
    return this.#disk.segments.map((segment) => segment.info())
  }

  async close(): Promise<void> {
    assert(!this.#isBusy, 'closed while a write is under way')
    this.#phase = 'closed'
    this.#disk.release(this)
  }

  #lastBlock(
    queue: QueueKey,
    matches: (block: { firstOffset: number; firstStoreTimeMs: number }) => boolean,
    covered: number | null,
  ): Uint8Array | null {
    this.#checkReadable()
    for (let i = this.#disk.segments.length - 1; i >= 0; i--) {
      const found = this.#disk.segments[i]!.blocksOf(queue).findLast(matches)
      if (found === undefined) continue
      return covered === null || covered < found.firstOffset + found.count ? found.bytes : null
    }
    return null
  }

  #indexed(): IndexedRange[] {
    const ranges = new Map<QueueKey, IndexedRange>()
    for (const segment of this.#disk.segments) segment.addRanges(ranges)
    return [...ranges.values()]
  }

  get #holdsDisk(): boolean {
    return this.#phase === 'open' || this.#phase === 'failed'
  }

  #checkReadable(): void {
    assert(this.#holdsDisk, `read from a ${this.#phase} log`)
  }

  /** One write: counted, so that a test can fail any of them, and ended in one step. */
  async #write(changes: readonly DiskChange[]): Promise<void> {
    if (this.#phase === 'failed') throw new MqError('DISK_FAILED', 'the log failed before')
    assert(this.#phase === 'open', `write to a ${this.#phase} log`)
    assert(!this.#isBusy, 'a log does one write at a time')
    this.#isBusy = true
    this.#writeCount++
    const fault = this.#faults.get(this.#writeCount) ?? this.#conditionFault()
    if (fault?.code !== 'DISK_FULL') this.#disk.begin(changes)
    await this.#delay()
    this.#isBusy = false
    // A crash in between: what is written of it is decided, and nobody is left to be told.
    if (this.#phase !== 'open') return new Promise(() => {})
    this.#disk.end(fault === null || fault.isWritten === true, this.#nowMs)
    if (fault === null) return
    if (fault.code === 'DISK_FAILED') this.#phase = 'failed'
    throw new MqError(fault.code, `write ${this.#writeCount} of the simulated disk failed`)
  }

  /** What the device does to this write by itself. */
  #conditionFault(): MemoryFault | null {
    const { conditions } = this.#disk
    if (conditions.isFull) return { code: 'DISK_FULL' }
    const { nextFailure } = conditions
    conditions.nextFailure = null
    return nextFailure === null
      ? null
      : { code: 'DISK_FAILED', isWritten: nextFailure === 'written' }
  }

  get #nowMs(): number {
    return this.#options.clock?.monoMs() ?? 0
  }

  #delay(): Promise<void> {
    const { clock, commitMs } = this.#options
    if (clock === undefined || commitMs === undefined) return Promise.resolve()
    const delayMs = commitMs + this.#disk.conditions.slowMs
    return new Promise((resolve) => clock.after(delayMs, resolve))
  }
}

function appended(batch: Uint8Array): DiskChange {
  return (segments) => segments[segments.length - 1]!.append(batch)
}
