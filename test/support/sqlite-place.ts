// A data folder of its own for each test, and ways to damage what is in it.

import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { SEGMENT_BYTES } from '../../src/core/limits.ts'
import { Logger } from '../../src/core/logger.ts'
import type { AppendLog } from '../../src/store/append-log.ts'
import { openDatabase } from '../../src/store/sqlite.ts'
import { openSqliteLog } from '../../src/store/sqlite-log.ts'

export class SqlitePlace {
  readonly folder: string
  /** What the logs of this place have reported. */
  readonly lines: string[] = []

  constructor(folder = mkdtempSync(join(tmpdir(), 'mq-store-'))) {
    this.folder = folder
  }

  /**
   * A copy of the files as they are now, which is what a killed process leaves: the write-ahead log
   * last, because it is what is being written. The shared index beside it lives in memory only.
   */
  async crashed(log: AppendLog): Promise<SqlitePlace> {
    const folder = mkdtempSync(join(tmpdir(), 'mq-store-'))
    const names = readdirSync(this.folder).filter((name) => !name.endsWith('-shm'))
    for (const name of names.sort(
      (a, b) => Number(a.endsWith('-wal')) - Number(b.endsWith('-wal')),
    )) {
      copyFileSync(join(this.folder, name), join(folder, name))
    }
    // Nobody waits for the write under way, but a thread has it in hand.
    while ((await log.close().catch((error: unknown) => error)) !== undefined) {
      await new Promise((go) => setImmediate(go))
    }
    return new SqlitePlace(folder)
  }

  log(options: { segmentBytes?: number; flush?: 'sync' | 'async' } = {}): AppendLog {
    const sink = (line: string): void => {
      this.lines.push(line)
    }
    return openSqliteLog({
      folder: this.folder,
      flush: options.flush ?? 'sync',
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      clock: systemClock,
      logger: new Logger({ clock: systemClock, sink, level: 'debug', scope: 'log' }),
    })
  }

  /** Segment files, oldest first. */
  segments(): string[] {
    return readdirSync(this.folder)
      .filter((name) => /^\d{20}\.db$/.test(name))
      .sort()
      .map((name) => join(this.folder, name))
  }

  /** Changes one byte of a stored payload, as a bad disk would, behind everybody's back. */
  damage(position: number): void {
    const path = this.segments().findLast(
      (each) => Number.parseInt(each.slice(-23), 10) <= position,
    )
    const db = openDatabase(path!)
    const read = db.prepare('SELECT payload FROM entries WHERE position = ?').pluck()
    const payload = read.get(position) as Buffer
    const at = payload.length - 1
    payload[at] = payload[at]! ^ 1
    db.prepare('UPDATE entries SET payload = ? WHERE position = ?').run(payload, position)
    db.close()
  }

  flipBit(path: string, at: number): void {
    const bytes = readFileSync(path)
    bytes[at] = bytes[at]! ^ 1
    writeFileSync(path, bytes)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
