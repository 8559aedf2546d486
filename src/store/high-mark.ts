// How far the log had come, kept beside it: one number in the file `acknowledged`, at most a second
// late. A log that ends below it has lost its end: somebody removed a -wal file, put back an old copy
// of a segment, or the very last transaction was damaged, which looks like a torn one
// (wal-autopsy.ts). Nothing in the log itself could say so.
//
//   20 digits and a line feed: every position below the number was on disk when it was written
//
// Written in place after the first time: the bytes lie in one sector, and no room is needed for them
// on a full disk.

import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MqError } from '../core/errors.ts'
import { syncFolder } from './data-folder.ts'
import { onDisk } from './disk-errors.ts'

const { O_CREAT, O_WRONLY } = constants
const FILE_NAME = 'acknowledged'
const PRIVATE_FILE_MODE = 0o600

export class HighMark {
  readonly #folder: string
  readonly #path: string
  #position: number

  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, FILE_NAME)
    this.#position = readHighMark(folder)
  }

  /** Notes that everything below `position` is on disk. */
  raise(position: number): void {
    if (position <= this.#position) return
    onDisk(this.#path, () => {
      const file = openSync(this.#path, O_WRONLY | O_CREAT, PRIVATE_FILE_MODE)
      try {
        writeSync(file, `${String(position).padStart(20, '0')}\n`, 0)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
    })
    if (this.#position === 0) syncFolder(this.#folder)
    this.#position = position
  }
}

/** What the file says; 0 if it is not there, or was not written to before the power went. */
export function readHighMark(folder: string): number {
  const path = join(folder, FILE_NAME)
  try {
    const digits = /^\d{20}\n$/.exec(readFileSync(path, 'utf8'))
    return digits === null ? 0 : Number(digits[0])
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return 0
    return onDisk(path, () => {
      throw error
    })
  }
}

/** Refuses a log that is shorter than it was. */
export function checkHighMark(folder: string, nextPosition: number): void {
  const mark = readHighMark(folder)
  if (nextPosition >= mark) return
  throw new MqError(
    'DATA_CORRUPT',
    `the log in ${folder} ends at position ${nextPosition}, but ${mark} was on disk before`,
    {
      hint:
        `its end is lost: put the missing or newer files back; to go on without it, remove ` +
        join(folder, FILE_NAME),
    },
  )
}
