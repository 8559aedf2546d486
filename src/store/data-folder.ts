// A broker's data folder: who may use it, who it is, and which segments it holds.
//
//   lock.db                     held locked while a broker runs
//   identity                    32 hex digits, random, made when the folder was first used
//   acknowledged                how far the log had come (high-mark.ts)
//   unsynced                    there while a broker with flush=async runs, and after it crashed
//   00000000000000000000.db     segments, by the position of their first entry (-wal, -shm beside)
//   *.new                       a segment being made; the rename to its name is what creates it
//
// Promises: at most one process has the folder (a lock of the system, gone with its holder even
// after kill -9; a file with a process number in it would stay); an identity never belongs to two
// different histories. So the identity is written after the first segment: a folder with an identity
// and without segments has lost data and is refused, a folder with neither gets a new identity.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { MqError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { onDisk } from './disk-errors.ts'
import { type Database, openDatabase, sqliteCode } from './sqlite.ts'

const SEGMENT_PATTERN = /^(\d{20})\.db$/
const SIDE_FILE_PATTERN = /^(\d{20}\.db)-(wal|shm)$/
const IDENTITY_PATTERN = /^[0-9a-f]{32}$/
const PRIVATE_FILE_MODE = 0o600
const PRIVATE_FOLDER_MODE = 0o700

export interface SegmentFile {
  basePosition: number
  path: string
}

export class DataFolder {
  readonly path: string
  readonly #lock: Database

  /** Makes the folder if it is missing, and locks it. */
  static open(path: string): DataFolder {
    const full = resolve(path)
    const made = onDisk(path, () => mkdirSync(full, { recursive: true, mode: PRIVATE_FOLDER_MODE }))
    // A new folder's name is an entry of the folder around it, and so on up.
    if (made !== undefined) {
      for (let inner = full; inner.length >= made.length; inner = dirname(inner)) {
        syncFolder(dirname(inner))
      }
    }
    return new DataFolder(path, lockFolder(path))
  }

  private constructor(path: string, lock: Database) {
    this.path = path
    this.#lock = lock
  }

  get sqliteVersion(): string {
    return this.#lock.prepare('SELECT sqlite_version()').pluck().get() as string
  }

  /** Segments in order. Removes what an interrupted roll or retirement left behind. */
  segments(): SegmentFile[] {
    const names = onDisk(this.path, () => readdirSync(this.path))
    for (const name of names) {
      const owner = SIDE_FILE_PATTERN.exec(name)?.[1]
      const isLeftOver = name.includes('.new') || (owner !== undefined && !names.includes(owner))
      if (isLeftOver) onDisk(this.path, () => rmSync(join(this.path, name), { force: true }))
    }
    return names
      .filter((name) => SEGMENT_PATTERN.test(name))
      .sort()
      .map((name) => ({ basePosition: Number.parseInt(name, 10), path: join(this.path, name) }))
  }

  /** The folder's identity, or null if it has none. */
  identity(): string | null {
    const path = join(this.path, 'identity')
    if (!existsSync(path)) return null
    const identity = onDisk(path, () => readFileSync(path, 'utf8')).trim()
    if (IDENTITY_PATTERN.test(identity)) return identity
    throw new MqError('DATA_CORRUPT', `${path} does not hold an identity (32 hex digits)`, {
      hint: 'restore it: SELECT value FROM meta WHERE key = "identity" in any segment says it',
    })
  }

  writeIdentity(identity: string): void {
    writeDurably(join(this.path, 'identity'), `${identity}\n`)
    syncFolder(this.path)
  }

  /** Whether the last broker here may have written without waiting for the disk. */
  get isUnsynced(): boolean {
    return existsSync(join(this.path, 'unsynced'))
  }

  set isUnsynced(isUnsynced: boolean) {
    if (isUnsynced === this.isUnsynced) return
    const path = join(this.path, 'unsynced')
    if (isUnsynced) writeDurably(path, 'flush = "async"\n')
    else onDisk(path, () => rmSync(path, { force: true }))
    syncFolder(this.path)
  }

  /** Gives the folder free for the next broker. */
  close(): void {
    this.#lock.close()
  }
}

export function newIdentity(random: Random): string {
  return random.hex(16)
}

export function segmentPath(folder: string, basePosition: number): string {
  return join(folder, `${String(basePosition).padStart(20, '0')}.db`)
}

/** Size of a file; 0 if there is none. */
export function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** A name is only on disk once its folder is. */
export function syncFolder(path: string): void {
  onDisk(path, () => {
    const folder = openSync(path, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  })
}

/** The whole content or none of it, whenever the power goes. */
function writeDurably(path: string, content: string): void {
  onDisk(path, () => {
    const file = openSync(`${path}.new`, 'w', PRIVATE_FILE_MODE)
    try {
      writeSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(`${path}.new`, path)
  })
}

/**
 * SQLite's exclusive lock on a database of its own, held by an open transaction. The file is opened
 * once per process and only through SQLite: closing any other descriptor of it would end the lock.
 */
function lockFolder(path: string): Database {
  const lockPath = join(path, 'lock.db')
  return onDisk(path, () => {
    const db = openDatabase(lockPath)
    try {
      db.pragma('busy_timeout = 0')
      db.exec('BEGIN EXCLUSIVE')
      return db
    } catch (error) {
      db.close()
      if (sqliteCode(error) !== 'SQLITE_BUSY') throw error
      throw new MqError('DATA_FOLDER_LOCKED', `another broker is using the data folder ${path}`, {
        hint: 'stop it first, or give this broker a folder of its own with --data DIR',
        cause: error,
      })
    }
  })
}
