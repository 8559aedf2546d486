// One segment file as its writer sees it, inside the storage worker: made, opened, appended to,
// checkpointed, sealed. Everything here is synchronous; the worker is there to wait for the disk.
//
// The points where something is durable:
//   create   built under another name and complete (schema, identity, first snapshot) when the
//            rename makes it a segment: there is no half-made segment to recognise
//   open     the write-ahead log is copied into the database and synced before anything is built on
//            it, because what an unfinished commit left in it may only be in the page cache
//   append   COMMIT returns after the fsync of the write-ahead log (flush=sync)
//   seal     the next segment exists before this one says that it has ended, so a sealed segment
//            without a next one has lost it

import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '../core/assert.ts'
import { readUint32 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { ENTRY_HEADER_BYTES, ENTRY_KIND } from './append-log.ts'
import { fileBytes, segmentPath, syncFolder } from './data-folder.ts'
import { onDisk } from './disk-errors.ts'
import { attachCore } from './native.ts'
import {
  APPLICATION_ID,
  PAGE_BYTES,
  SCHEMA,
  SCHEMA_VERSION,
  WAL_AUTOCHECKPOINT_PAGES,
  WRITER_PRAGMAS,
} from './schema.ts'
import { type Database, openDatabase, type Statement } from './sqlite.ts'
import type { StorageCore } from './storage-core.ts'
import { storedTimeMs } from './stored-fields.ts'

export type FlushMode = 'sync' | 'async'

/** What the main thread is told about a segment after each operation. */
export interface SegmentStatus {
  basePosition: number
  nextPosition: number
  newestStoreTimeMs: number
  bytes: number
}

/** How a segment begins. */
export interface SegmentStart {
  folder: string
  identity: string
  basePosition: number
  /** The crc of the entry before the first one. */
  chain: number
  snapshot: Uint8Array | null
}

/** One term of office of the leader; one broker without replicas has had one. */
const EPOCH = 0
/** A commit touches its own pages and, each time, the right edge of the trees. */
const EDGE_PAGES = 3

export class SegmentWriter {
  readonly path: string
  readonly #db: Database
  readonly #core: StorageCore
  readonly #begin: Statement
  readonly #commit: Statement
  readonly #status: SegmentStatus
  #chain: number
  #walPages = 0

  /** Makes the file of a new segment. On disk when this returns, or not there at all. */
  static create(start: SegmentStart): string {
    const path = segmentPath(start.folder, start.basePosition)
    const newPath = `${path}.new`
    try {
      onDisk(newPath, () => build(newPath, start))
      onDisk(path, () => renameSync(newPath, path))
      syncFolder(start.folder)
    } catch (error) {
      removeFiles(newPath)
      throw error
    }
    return path
  }

  constructor(path: string, options: { flush: FlushMode }) {
    this.path = path
    this.#db = onDisk(path, () => openWriter(path, options.flush))
    try {
      this.#core = onDisk(path, () => attachCore(this.#db))
      this.#begin = this.#db.prepare('BEGIN IMMEDIATE')
      this.#commit = this.#db.prepare('COMMIT')
      const { status, chain } = onDisk(path, () => readStatus(this.#db, path))
      this.#status = status
      this.#chain = chain
      this.#settleWal()
      syncFolder(dirname(path))
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  get status(): SegmentStatus {
    return { ...this.#status }
  }

  get chain(): number {
    return this.#chain
  }

  append(batch: Uint8Array): void {
    this.#transact(batch, () => {})
  }

  /** Persists a snapshot and index blocks. The snapshot before stays as a second chance. */
  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): void {
    this.#transact(indexBlocks, () => {
      putSnapshot(this.#db, this.#core, { position: this.#status.nextPosition, state })
      this.#db
        .prepare(
          `DELETE FROM snapshots WHERE position <
           (SELECT min(position) FROM (SELECT position FROM snapshots ORDER BY 1 DESC LIMIT 2))`,
        )
        .run()
    })
  }

  /** Notes that the segment has ended, and leaves all of it in the database file. */
  seal(): void {
    onDisk(this.path, () => {
      const { nextPosition, newestStoreTimeMs } = this.#status
      this.#db.transaction(() => {
        putMeta(this.#db, 'newest_time_ms', newestStoreTimeMs)
        putMeta(this.#db, 'next_position', nextPosition)
      })()
      this.#copyWal('TRUNCATE')
    })
  }

  /**
   * Copies the write-ahead log into the database once it is long. Called between commits, after the
   * senders of the last one were told, so that nobody waits for it who need not.
   */
  tidyWal(): void {
    if (this.#walPages < WAL_AUTOCHECKPOINT_PAGES) return
    onDisk(this.path, () => this.#copyWal('PASSIVE'))
  }

  /** flush=async: what was committed until now is on disk when this returns. */
  syncWal(): void {
    onDisk(this.path, () => {
      const file = openSync(`${this.path}-wal`, 'r+')
      try {
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
    })
  }

  close(): void {
    onDisk(this.path, () => {
      try {
        if (this.#db.open) this.#copyWal('TRUNCATE')
      } finally {
        this.#db.close()
      }
    })
  }

  /** One transaction: a packed batch, then `more`. */
  #transact(batch: Uint8Array, more: () => void): void {
    onDisk(this.path, () => {
      this.#begin.run()
      try {
        const { nextPosition: firstPosition } = this.#status
        const chain = this.#core.append(batch, { firstPosition, chain: this.#chain, epoch: EPOCH })
        more()
        this.#commit.run()
        this.#chain = chain
      } catch (error) {
        // Some errors have rolled back already.
        if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
        throw error
      }
    })
    this.#count(batch)
  }

  #count(batch: Uint8Array): void {
    let lastMessageAt = -1
    for (let at = 0; at < batch.length; at += ENTRY_HEADER_BYTES + readUint32(batch, at)) {
      const kind = batch[at + 4]
      if (kind === ENTRY_KIND.indexBlock) continue
      this.#status.nextPosition++
      if (kind === ENTRY_KIND.message) lastMessageAt = at
    }
    if (lastMessageAt >= 0) {
      const message = batch.subarray(lastMessageAt + ENTRY_HEADER_BYTES)
      this.#status.newestStoreTimeMs = storedTimeMs(message)
    }
    this.#status.bytes += batch.length
    this.#walPages += EDGE_PAGES + Math.ceil(batch.length / PAGE_BYTES)
  }

  /** Makes what was recovered durable: in the database, or where it is if there is no room there. */
  #settleWal(): void {
    try {
      onDisk(this.path, () => this.#copyWal('TRUNCATE'))
    } catch (error) {
      if (!(error instanceof MqError) || error.code !== 'DISK_FULL') throw error
      this.syncWal()
    }
  }

  #copyWal(mode: 'PASSIVE' | 'TRUNCATE'): void {
    this.#db.pragma(`wal_checkpoint(${mode})`)
    this.#walPages = 0
  }
}

/** Unlinks a segment's files. The database first: side files without one are removed at open. */
export function removeFiles(path: string): void {
  onDisk(path, () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
  })
}

function openWriter(path: string, flush: FlushMode): Database {
  const db = openDatabase(path)
  for (const pragma of WRITER_PRAGMAS) db.pragma(pragma)
  // The addon is built to mean NORMAL in WAL mode, which does not sync a commit at all.
  db.pragma(`synchronous = ${flush === 'sync' ? 'FULL' : 'NORMAL'}`)
  db.pragma('fullfsync = ON')
  db.pragma('checkpoint_fullfsync = ON')
  // SQLite's own checkpoint runs inside a commit, makes its senders wait, and keeps its errors to
  // itself: tidyWal does it between commits.
  db.pragma('wal_autocheckpoint = 0')
  return db
}

function build(path: string, start: SegmentStart): void {
  removeFiles(path)
  const db = openWriter(path, 'sync')
  try {
    const core = attachCore(db)
    db.pragma(`application_id = ${APPLICATION_ID}`)
    db.pragma(`user_version = ${SCHEMA_VERSION}`)
    db.transaction(() => {
      for (const statement of SCHEMA) db.exec(statement)
      putMeta(db, 'identity', start.identity)
      putMeta(db, 'base_position', start.basePosition)
      putMeta(db, 'base_chain', start.chain)
      const { basePosition: position, snapshot: state } = start
      if (state !== null) putSnapshot(db, core, { position, state })
    })()
    db.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    // The last connection: SQLite removes the side files.
    db.close()
  }
}

function putMeta(db: Database, key: string, value: string | number): void {
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value)
}

function putSnapshot(
  db: Database,
  core: StorageCore,
  snapshot: { position: number; state: Uint8Array },
): void {
  const { position, state } = snapshot
  db.prepare('INSERT OR REPLACE INTO snapshots (position, crc, state) VALUES (?, ?, ?)').run(
    position,
    core.crc32c(state),
    Buffer.from(state.buffer, state.byteOffset, state.byteLength),
  )
}

function readStatus(db: Database, path: string): { status: SegmentStatus; chain: number } {
  const meta = new Map(
    (db.prepare('SELECT key, value FROM meta').all() as { key: string; value: number }[]).map(
      ({ key, value }) => [key, value],
    ),
  )
  const basePosition = meta.get('base_position')
  const baseChain = meta.get('base_chain')
  assert(basePosition !== undefined && baseChain !== undefined, `${path} says where it begins`)
  const last = db
    .prepare('SELECT position, crc FROM entries ORDER BY position DESC LIMIT 1')
    .get() as { position: number; crc: number } | undefined
  const newest = db
    .prepare('SELECT payload FROM entries WHERE kind = ? ORDER BY position DESC LIMIT 1')
    .pluck()
    .get(ENTRY_KIND.message) as Uint8Array | undefined
  return {
    status: {
      basePosition,
      nextPosition: last === undefined ? basePosition : last.position + 1,
      newestStoreTimeMs: newest === undefined ? 0 : storedTimeMs(newest),
      bytes: fileBytes(path) + fileBytes(`${path}-wal`),
    },
    chain: last?.crc ?? baseChain,
  }
}
