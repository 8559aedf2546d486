// What an error of SQLite or of the file system means for the broker: the one place that decides
// between "the disk is full, go on reading", "stop acknowledging" and "somebody must look at this".

import { describeError, type ErrorCode, MqError } from '../core/errors.ts'
import { sqliteCode } from './sqlite.ts'

const HINTS: Partial<Record<ErrorCode, string>> = {
  DISK_FULL: 'make room, or lower the retention limits; sends work again by themselves',
  DISK_FAILED: 'check the disk; then start the broker again, it recovers what was acknowledged',
  DATA_CORRUPT: 'keep the files; restore the folder from a copy or start on an empty one',
  DATA_FOLDER_UNUSABLE: 'choose a folder that this user may write to, with --data DIR',
}

/**
 * The last: no room for the index that connections share beside the write-ahead log. Nothing durable
 * is in it, so what was said about the log still holds.
 */
const FULL_CODES = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'SQLITE_IOERR_SHMSIZE'])

/** `error` as an MqError that names `path`. One of ours passes through unchanged. */
export function diskError(error: unknown, path: string): MqError {
  if (error instanceof MqError) return error
  const code = diskErrorCode(error)
  const hint = HINTS[code]
  return new MqError(code, `${path}: ${describeError(error)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

function diskErrorCode(error: unknown): ErrorCode {
  const code = sqliteCode(error) ?? (error as { code?: string } | null)?.code ?? ''
  if (FULL_CODES.has(code)) return 'DISK_FULL'
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return 'DATA_CORRUPT'
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY')) {
    return 'DATA_FOLDER_UNUSABLE'
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'].includes(code)) {
    return 'DATA_FOLDER_UNUSABLE'
  }
  // Everything else, SQLITE_IOERR above all: what is on disk is unknown now.
  return 'DISK_FAILED'
}

/** Runs `action`; what it throws is an MqError that names `path`. */
export function onDisk<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw diskError(error, path)
  }
}
