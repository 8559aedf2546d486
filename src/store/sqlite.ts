// The only file that loads better-sqlite3, and with it the SQLite library itself.
//
// Which addon: inside a compiled executable only the package's platform entries work, so one of them
// is required by name. The bundler replaces process.platform and process.arch by the target's values
// and drops the other branches, so `bun build --compile --target=…` embeds the addon of the target;
// `--define MQ_LIBC='"glibc"'` (or musl) drops the other C library's too. Without the define both are
// embedded and the machine decides.
//
// One copy per process: two SQLite libraries in one process would release each other's POSIX locks.
// From source both threads load the same file. A compiled Bun 1.4.5 unpacks an addon to
// `.bun-<uid>-<hash>.node` in the temporary folder, checks owner, size and mode of one that is there
// already, and gives main thread and workers the same path; /proc/self/maps shows one mapping
// (test/store/compiled.test.ts holds that).

import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type BetterSqlite3 from 'better-sqlite3'
import { describeError, MqError } from '../core/errors.ts'

export type Database = BetterSqlite3.Database
export type Statement = BetterSqlite3.Statement

declare const MQ_LIBC: 'glibc' | 'musl' | undefined

function isMuslMachine(): boolean {
  return existsSync(`/lib/ld-musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`)
}

// Ternaries, because the bundler folds those and not statements after a return.
const Sqlite: typeof BetterSqlite3 =
  process.platform === 'darwin'
    ? process.arch === 'arm64'
      ? require('better-sqlite3/darwin-arm64')
      : require('better-sqlite3/darwin-x64')
    : (typeof MQ_LIBC === 'undefined' ? isMuslMachine() : MQ_LIBC === 'musl')
      ? process.arch === 'arm64'
        ? require('better-sqlite3/linuxmusl-arm64')
        : require('better-sqlite3/linuxmusl-x64')
      : process.arch === 'arm64'
        ? require('better-sqlite3/linux-arm64')
        : require('better-sqlite3/linux-x64')

/** Opens a database file. Throws better-sqlite3's SqliteError with SQLite's own codes. */
export function openDatabase(path: string, options: { isReadOnly?: boolean } = {}): Database {
  try {
    return new Sqlite(path, { readonly: options.isReadOnly ?? false })
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_DLOPEN_FAILED') throw error
    throw new MqError('DATA_FOLDER_UNUSABLE', `cannot load SQLite: ${describeError(error)}`, {
      hint: `native code is unpacked to ${tmpdir()}: if that is mounted noexec, set TMPDIR to a folder that is not`,
      cause: error,
    })
  }
}

/** SQLite's name of what went wrong ("SQLITE_FULL", "SQLITE_IOERR_FSYNC"), or null for other errors. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'SqliteError') return null
  return (error as Error & { code: string }).code
}
