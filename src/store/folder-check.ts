// What is looked at before anything in a data folder is touched: whether the write-ahead logs are
// whole, whether the files belong to each other, and whether the log is as long as it was. Whatever does not is refused, with the file's
// name; a broker that starts on half of its data would tell consumers that the rest never was.

import { existsSync, readFileSync } from 'node:fs'
import { MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { type DataFolder, newIdentity, type SegmentFile } from './data-folder.ts'
import { onDisk } from './disk-errors.ts'
import { checkHighMark } from './high-mark.ts'
import { SegmentReader } from './segment-reader.ts'
import { examineWal } from './wal-autopsy.ts'

export interface CheckedFolder {
  identity: string
  files: readonly SegmentFile[]
  /** Segments that have a next one, but do not say so: a roll was interrupted. */
  unsealed: string[]
}

export function checkFolder(
  folder: DataFolder,
  options: { logger: Logger; random: Random },
): CheckedFolder {
  const files = folder.segments()
  const known = folder.identity()
  if (files.length === 0) {
    if (known === null) return { identity: newIdentity(options.random), files, unsealed: [] }
    throw new MqError('DATA_CORRUPT', `${folder.path} has an identity but no segment file`, {
      hint: 'its messages are gone: restore them, or empty the folder to start as a new broker',
    })
  }
  for (const file of files) examineFile(file, { logger: options.logger, folder })
  const unsealed: string[] = []
  let identity = known
  for (const [i, file] of files.entries()) {
    const isLast = i === files.length - 1
    const reader = new SegmentReader(file.path)
    try {
      identity ??= unusedIdentity(reader, folder)
      const isSealed = checkSegment(reader, { file, identity, isLast })
      if (isLast) checkHighMark(folder.path, reader.nextPosition)
      else if (!isSealed) unsealed.push(file.path)
    } finally {
      reader.close()
    }
  }
  return { identity: identity!, files, unsealed }
}

function examineFile(file: SegmentFile, options: { logger: Logger; folder: DataFolder }): void {
  const walPath = `${file.path}-wal`
  if (!existsSync(walPath)) return
  const finding = examineWal(onDisk(walPath, () => readFileSync(walPath)))
  if (finding.verdict === 'sound') return
  const where = `${walPath}: frame ${finding.badFrame} is damaged`
  if (finding.verdict === 'torn' || options.folder.isUnsynced) {
    options.logger.warn(`${where}; what a crash left unfinished there is dropped`)
    return
  }
  throw new MqError('DATA_CORRUPT', `${where}, and finished transactions follow it`, {
    hint: 'SQLite would drop them without a word; keep the folder and restore it from a copy',
  })
}

/**
 * The identity file is made right after the first segment. If only the segment is there and nothing
 * was ever written to it, the power went in between; with messages in it the file was lost.
 */
function unusedIdentity(reader: SegmentReader, folder: DataFolder): string {
  const { identity } = reader.meta()
  if (reader.nextPosition === 0) return identity
  throw new MqError('DATA_CORRUPT', `${folder.path} has segments but no identity file`, {
    hint: `if they are this broker's, write ${identity} into ${folder.path}/identity`,
  })
}

/** Whether the segment says where it ended. */
function checkSegment(
  reader: SegmentReader,
  expected: { file: SegmentFile; identity: string; isLast: boolean },
): boolean {
  const { file, identity, isLast } = expected
  const meta = reader.meta()
  if (meta.identity !== identity) {
    throw new MqError('DATA_CORRUPT', `${file.path} belongs to another broker's folder`, {
      hint: `the folder's identity is ${identity}, the segment's ${meta.identity}`,
    })
  }
  if (meta.basePosition !== file.basePosition) {
    throw new MqError(
      'DATA_CORRUPT',
      `${file.path} was renamed: it begins at ${meta.basePosition}`,
      { hint: 'a segment is named after its first position, in 20 digits' },
    )
  }
  if (isLast && meta.nextPosition !== null) {
    throw new MqError(
      'DATA_CORRUPT',
      `${file.path} has ended, but the segment that begins at ${meta.nextPosition} is missing`,
      { hint: 'put the file back, or start on an empty folder' },
    )
  }
  return meta.nextPosition !== null
}
