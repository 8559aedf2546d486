// The log in SQLite segments: a worker writes (sqlite-log-worker.ts), this thread reads.
//
// `open` does, in this order: lock the folder; refuse what does not belong together and look at the
// write-ahead logs before SQLite drops what it cannot read (folder-check.ts); let the worker recover
// and sync the active segment; read the newest snapshot, and hand out what came after it.

import { statfsSync } from 'node:fs'
import { assert } from '../core/assert.ts'
import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { type Random, systemRandom } from '../core/random.ts'
import type {
  AppendLog,
  DiskSpace,
  LogEntry,
  QueueKey,
  Recovery,
  Retired,
  SegmentInfo,
} from './append-log.ts'
import { DataFolder, fileBytes, type SegmentFile, segmentPath } from './data-folder.ts'
import { checkFolder } from './folder-check.ts'
import type { FlushMode, SegmentStatus } from './segment.ts'
import { SegmentCatalog } from './segment-catalog.ts'
import { checkSqliteVersion } from './sqlite-version.ts'
import { StorageWorker } from './storage-worker.ts'
import type { WorkerRequest } from './worker-messages.ts'

export interface SqliteLogOptions {
  folder: string
  /** 'sync': acknowledged means on disk. 'async': a power cut may cost the last half second. */
  flush: FlushMode
  segmentBytes: number
  clock: Clock
  logger: Logger
  random?: Random
}

/** A log that is not opened yet: MessageStore.open does that. */
export function openSqliteLog(options: SqliteLogOptions): AppendLog {
  return new SqliteLog(options)
}

/** Recovery reads this many entries at a time: bounded memory, few statements. */
const RECOVERY_CHUNK_ENTRIES = 1024
/** Small buffers may be slices of a slab that others use too: they are copied, not given away. */
const TRANSFER_BYTES_MIN = 64 * 1024

class SqliteLog implements AppendLog {
  readonly #options: SqliteLogOptions
  readonly #catalog = new SegmentCatalog()
  #folder: DataFolder | null = null
  #worker: StorageWorker | null = null
  #phase: 'new' | 'open' | 'failed' | 'closed' = 'new'
  #isBusy = false

  constructor(options: SqliteLogOptions) {
    this.#options = options
  }

  async open(): Promise<Recovery> {
    assert(this.#phase === 'new', 'a log is opened once')
    this.#phase = 'closed'
    try {
      const identity = await this.#open()
      this.#phase = 'open'
      return this.#recovery(identity)
    } catch (error) {
      this.#release()
      throw error
    }
  }

  append(batch: Uint8Array): Promise<void> {
    const owned = batch.buffer.byteLength < TRANSFER_BYTES_MIN ? new Uint8Array(batch) : batch
    const buffer = owned.buffer as ArrayBuffer
    const request: WorkerRequest = {
      kind: 'append',
      buffer,
      at: owned.byteOffset,
      bytes: owned.byteLength,
    }
    return this.#write(request, [buffer])
  }

  waitForAppend(waitMs: number): boolean {
    return this.#worker?.waitForAppend(waitMs) ?? false
  }

  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.#write({ kind: 'checkpoint', state, indexBlocks })
  }

  get isRollDue(): boolean {
    if (this.#phase !== 'open') return false
    const { bytes, basePosition, nextPosition } = this.#catalog.active
    // However small the limit: a segment without entries cannot end.
    return bytes >= this.#options.segmentBytes && nextPosition > basePosition
  }

  roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    return this.#write({ kind: 'roll', state, indexBlocks })
  }

  async dropOldestSegment(): Promise<Retired> {
    const [oldest, ...others] = this.#catalog.infos()
    assert(oldest !== undefined && others.length > 0, 'the active segment is never dropped')
    await this.#write({ kind: 'drop', path: oldest.path })
    this.#catalog.dropOldest()
    return { minPosition: this.#catalog.minPosition, indexed: this.#catalog.indexed() }
  }

  readPayloads(positions: ArrayLike<number>): Uint8Array {
    this.#checkReadable()
    return this.#catalog.read(positions)
  }

  readEntry(position: number): LogEntry | null {
    this.#checkReadable()
    return this.#catalog.entry(position)
  }

  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null {
    this.#checkReadable()
    return this.#catalog.findIndexBlock(queue, offset)
  }

  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null {
    this.#checkReadable()
    return this.#catalog.findIndexBlockByTime(queue, timeMs)
  }

  segments(): readonly SegmentInfo[] {
    return this.#catalog.infos()
  }

  diskSpace(): DiskSpace | null {
    try {
      const { bavail, blocks, bsize } = statfsSync(this.#options.folder)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    } catch {
      return null
    }
  }

  async close(): Promise<void> {
    assert(!this.#isBusy, 'closed while a write is under way')
    if (this.#worker === null || this.#folder === null) return
    const isSound = this.#phase === 'open'
    this.#phase = 'closed'
    // Readers first: the writer is then the last connection, and leaves one file per segment.
    this.#catalog.close()
    try {
      await this.#worker.request({ kind: 'close' })
      if (isSound) this.#folder.isUnsynced = false
    } finally {
      this.#release()
    }
  }

  async #open(): Promise<string> {
    const { flush, logger, random } = this.#options
    const folder = DataFolder.open(this.#options.folder)
    this.#folder = folder
    checkSqliteVersion(folder.sqliteVersion)
    const { identity, files, unsealed } = checkFolder(folder, {
      logger,
      random: random ?? systemRandom,
    })
    if (flush === 'async') folder.isUnsynced = true
    this.#worker = await StorageWorker.start()
    const paths = files.map((file) => file.path)
    const request = {
      kind: 'open' as const,
      folder: folder.path,
      identity,
      flush,
      paths,
      unsealed,
      signal: this.#worker.sharedMemory,
    }
    const status = await this.#worker.request(request)
    // After the first segment, see folder-check.ts.
    if (folder.identity() === null) folder.writeIdentity(identity)
    // What the worker has recovered it has also synced.
    if (flush === 'sync') folder.isUnsynced = false
    this.#fillCatalog(files, status!)
    return identity
  }

  #fillCatalog(files: readonly SegmentFile[], active: SegmentStatus): void {
    for (let i = 0; i < files.length - 1; i++) {
      const { path, basePosition } = files[i]!
      const info = { basePosition, nextPosition: 0, bytes: 0, newestStoreTimeMs: 0, path }
      const meta = this.#catalog.reader(info).meta()
      // Not sealed even now only if the disk is full; then the next one's name says where it ends.
      info.nextPosition = meta.nextPosition ?? files[i + 1]!.basePosition
      info.newestStoreTimeMs = meta.newestStoreTimeMs ?? 0
      info.bytes = fileBytes(path)
      this.#catalog.add(info)
    }
    this.#addActive(active)
  }

  #addActive(status: SegmentStatus): void {
    const path = segmentPath(this.#options.folder, status.basePosition)
    this.#catalog.add({ ...status, path })
  }

  #recovery(identity: string): Recovery {
    const { minPosition, nextPosition, active } = this.#catalog
    const snapshot = this.#catalog.reader(active).snapshot()
    return {
      identity,
      minPosition,
      nextPosition,
      snapshot,
      indexed: this.#catalog.indexed(),
      tail: this.#tail(snapshot?.position ?? active.basePosition),
    }
  }

  *#tail(from: number): Generator<LogEntry> {
    const { active } = this.#catalog
    const end = active.nextPosition
    for (let position = from; position < end; position += RECOVERY_CHUNK_ENTRIES) {
      const to = Math.min(end, position + RECOVERY_CHUNK_ENTRIES)
      yield* this.#catalog.reader(active).entries({ from: position, to })
    }
  }

  async #write(request: WorkerRequest, transfer: ArrayBuffer[] = []): Promise<void> {
    if (this.#phase === 'failed') throw new MqError('DISK_FAILED', 'the log failed before')
    assert(this.#phase === 'open', `write to a ${this.#phase} log`)
    assert(!this.#isBusy, 'a log does one write at a time')
    this.#isBusy = true
    try {
      const status = await this.#worker!.request(request, transfer)
      if (request.kind === 'roll') this.#addActive(status!)
      else if (status !== null) this.#catalog.update(status)
    } catch (error) {
      if (!(error instanceof MqError) || error.code !== 'DISK_FULL') this.#phase = 'failed'
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  #checkReadable(): void {
    assert(this.#phase === 'open' || this.#phase === 'failed', `read from a ${this.#phase} log`)
  }

  #release(): void {
    this.#catalog.close()
    this.#worker?.stop()
    this.#folder?.close()
    this.#worker = null
    this.#folder = null
  }
}
