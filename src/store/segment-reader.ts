// One segment as the main thread reads it: a read-only connection of its own, used synchronously.
//
// Why not through the worker: it waits for the disk most of the time, and a pull must not wait with
// it. In WAL mode a reader sees the last commit without taking anything from the writer, and what a
// consumer wants was written a moment ago and is in the page cache, so a read is microseconds.
// Every read is one short statement: a transaction left open would keep the log from being emptied.

import { MqError } from '../core/errors.ts'
import {
  ENTRY_KIND,
  type EntryKind,
  type IndexedRange,
  type LogEntry,
  type QueueKey,
  queueKey,
  type Snapshot,
} from './append-log.ts'
import { onDisk } from './disk-errors.ts'
import { attachCore } from './native.ts'
import { APPLICATION_ID, READER_PRAGMAS, SCHEMA_VERSION } from './schema.ts'
import { type Database, openDatabase, type Statement } from './sqlite.ts'
import type { StorageCore } from './storage-core.ts'

/** Positions are what bounds a read here; the core's own bound is for other callers. */
const NO_BYTES_MAX = Number.MAX_SAFE_INTEGER

/** What a segment says about itself. The last two only once it is sealed. */
export interface SegmentMeta {
  identity: string
  basePosition: number
  nextPosition: number | null
  newestStoreTimeMs: number | null
}

interface EntryRow {
  position: number
  kind: EntryKind
  topic_id: number
  queue_id: number
  payload: Buffer
}

export class SegmentReader {
  readonly path: string
  readonly #db: Database
  readonly #core: StorageCore
  readonly #entry: Statement
  readonly #block: Statement
  readonly #blockByTime: Statement

  constructor(path: string) {
    this.path = path
    const opened = onDisk(path, () => openReader(path))
    this.#db = opened.db
    this.#core = opened.core
    this.#entry = this.#db.prepare(
      'SELECT kind, topic_id, queue_id FROM entries WHERE position = ?',
    )
    this.#block = this.#db.prepare(
      `SELECT first_offset + count AS next_offset, block FROM index_blocks
       WHERE topic_id = ? AND queue_id = ? AND first_offset <= ?
       ORDER BY first_offset DESC LIMIT 1`,
    )
    this.#blockByTime = this.#db
      .prepare(
        `SELECT block FROM index_blocks WHERE topic_id = ? AND queue_id = ? AND first_time_ms <= ?
         ORDER BY first_offset DESC LIMIT 1`,
      )
      .pluck()
  }

  meta(): SegmentMeta {
    const rows = this.#all('SELECT key, value FROM meta') as { key: string; value: unknown }[]
    const values = new Map(rows.map(({ key, value }) => [key, value]))
    return {
      identity: String(values.get('identity')),
      basePosition: Number(values.get('base_position')),
      nextPosition: (values.get('next_position') as number | undefined) ?? null,
      newestStoreTimeMs: (values.get('newest_time_ms') as number | undefined) ?? null,
    }
  }

  /** One past the last entry. */
  get nextPosition(): number {
    const [last] = this.#all('SELECT position FROM entries ORDER BY 1 DESC LIMIT 1') as EntryRow[]
    return last === undefined ? this.meta().basePosition : last.position + 1
  }

  /** What the index blocks of each queue cover here. */
  indexed(): IndexedRange[] {
    const rows = this.#all(
      `SELECT topic_id, queue_id, min(first_offset) AS min_offset,
       max(first_offset + count) AS next_offset FROM index_blocks GROUP BY topic_id, queue_id`,
    ) as { topic_id: number; queue_id: number; min_offset: number; next_offset: number }[]
    return rows.map((row) => ({
      queue: queueKey(row.topic_id, row.queue_id),
      minOffset: row.min_offset,
      nextOffset: row.next_offset,
    }))
  }

  /** The newest snapshot that is undamaged; null if the segment never had one. */
  snapshot(): Snapshot | null {
    const rows = this.#all('SELECT position, crc, state FROM snapshots ORDER BY position DESC') as {
      position: number
      crc: number
      state: Buffer
    }[]
    for (const { position, crc, state } of rows) {
      if (this.#core.crc32c(state) === crc) return { position, state }
    }
    if (rows.length === 0) return null
    throw new MqError('DATA_CORRUPT', `${this.path}: no snapshot is undamaged`)
  }

  /** The payloads at these positions, back to back and checked. */
  read(positions: ArrayLike<number>): Uint8Array {
    return this.#named(() => this.#core.read(positions, NO_BYTES_MAX))
  }

  entry(position: number): LogEntry {
    const payload = this.read([position])
    const row = this.#entry.get(position) as EntryRow
    return { position, kind: row.kind, queue: queueKey(row.topic_id, row.queue_id), payload }
  }

  /** The entries from one position up to (exclusive) another: all there, checked, chain unbroken. */
  entries(range: { from: number; to: number }): LogEntry[] {
    this.#named(() => this.#core.verify(range))
    const rows = this.#all(
      `SELECT position, kind, topic_id, queue_id, payload FROM entries
       WHERE position >= ? AND position < ? ORDER BY position`,
      range.from,
      range.to,
    ) as EntryRow[]
    return rows.map((row) => ({
      position: row.position,
      kind: row.kind === ENTRY_KIND.message ? ENTRY_KIND.message : ENTRY_KIND.state,
      queue: queueKey(row.topic_id, row.queue_id),
      payload: row.payload,
    }))
  }

  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null {
    const row = this.#named(() => this.#block.get(topicOf(queue), queue >>> 0, offset)) as
      | { next_offset: number; block: Buffer }
      | undefined
    return row === undefined || offset >= row.next_offset ? null : row.block
  }

  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null {
    const block = this.#named(() => this.#blockByTime.get(topicOf(queue), queue >>> 0, timeMs))
    return (block as Buffer | undefined) ?? null
  }

  close(): void {
    this.#db.close()
  }

  #all(sql: string, ...values: number[]): unknown[] {
    return this.#named(() => this.#db.prepare(sql).all(...values))
  }

  /** Errors of the core name an entry; here they also get the file's name. */
  #named<T>(read: () => T): T {
    try {
      return onDisk(this.path, read)
    } catch (error) {
      if (!(error instanceof MqError) || error.message.startsWith(this.path)) throw error
      throw new MqError(error.code, `${this.path}: ${error.message}`, {
        hint: 'keep the file; restore it from a copy, or let the retention limits remove it',
        cause: error,
      })
    }
  }
}

function topicOf(queue: QueueKey): number {
  return Math.floor(queue / 0x1_0000_0000)
}

function openReader(path: string): { db: Database; core: StorageCore } {
  const db = openDatabase(path, { isReadOnly: true })
  try {
    for (const pragma of READER_PRAGMAS) db.pragma(pragma)
    checkFormat(db, path)
    return { db, core: attachCore(db) }
  } catch (error) {
    db.close()
    throw error
  }
}

function checkFormat(db: Database, path: string): void {
  const applicationId = db.pragma('application_id', { simple: true })
  const version = db.pragma('user_version', { simple: true })
  if (applicationId !== APPLICATION_ID) {
    throw new MqError('DATA_CORRUPT', `${path} is not a segment of this program`, {
      hint: 'move the file out of the data folder',
    })
  }
  if (version !== SCHEMA_VERSION) {
    throw new MqError(
      'DATA_FOLDER_UNUSABLE',
      `${path} has format ${version}; this program reads format ${SCHEMA_VERSION}`,
      { hint: 'use the version of the program that wrote it' },
    )
  }
}
