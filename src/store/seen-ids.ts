// The ids a consumer has handled, in a small SQLite file, so that a message that is delivered again,
// to this process, its successor or a neighbour on the same machine, is handled once.
//
// One transaction covers adding ids and whatever is done with their messages: a process that dies in
// between has added nothing, and two that share the file take turns.

import { MqError } from '../core/errors.ts'
import { SEEN_IDS_MAX } from '../core/limits.ts'
import { type Database, openDatabase, type Statement, sqliteCode } from './sqlite.ts'

/** "mqid", so that nobody's other database is taken for one of these. */
const APPLICATION_ID = 0x6d716964
const LOCK_TIMEOUT_MS = 10_000

export class SeenIds {
  readonly #db: Database
  readonly #path: string
  readonly #add: Statement
  readonly #remove: Statement

  /** Throws DATA_FOLDER_UNUSABLE if the file cannot be used, or is something else. */
  static open(path: string): SeenIds {
    try {
      return new SeenIds(path)
    } catch (error) {
      if (error instanceof MqError) throw error
      throw unusable(path, error)
    }
  }

  private constructor(path: string) {
    this.#path = path
    this.#db = openDatabase(path)
    try {
      this.#prepareFile()
      this.#add = this.#db.prepare('INSERT OR IGNORE INTO seen (id) VALUES (?)')
      this.#remove = this.#db.prepare('DELETE FROM seen WHERE id = ?')
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  begin(): void {
    this.#onFile(() => this.#db.exec('BEGIN IMMEDIATE'))
  }

  /** True if `id` is new; it counts as handled once the transaction is committed. */
  add(id: string): boolean {
    return this.#onFile(() => this.#add.run(id).changes === 1)
  }

  /** Takes back an `add` of this transaction: its message was not handled after all. */
  remove(id: string): void {
    this.#onFile(() => this.#remove.run(id))
  }

  commit(): void {
    this.#onFile(() => this.#db.exec('COMMIT'))
  }

  rollback(): void {
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
  }

  close(): void {
    this.#db.close()
  }

  #prepareFile(): void {
    const { application_id: applicationId, tables } = this.#db
      .prepare(
        `SELECT application_id, (SELECT count(*) FROM sqlite_schema) AS tables
         FROM pragma_application_id`,
      )
      .get() as { application_id: number; tables: number }
    if (applicationId !== APPLICATION_ID && tables > 0) {
      throw unusable(this.#path, 'it is another database')
    }
    this.#db.pragma(`busy_timeout = ${LOCK_TIMEOUT_MS}`)
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = FULL')
    this.#db.pragma(`application_id = ${APPLICATION_ID}`)
    this.#db.exec(
      `CREATE TABLE IF NOT EXISTS seen (at INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL);
       CREATE TRIGGER IF NOT EXISTS forget AFTER INSERT ON seen
       BEGIN DELETE FROM seen WHERE at <= new.at - ${SEEN_IDS_MAX}; END`,
    )
  }

  #onFile<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      if (sqliteCode(error) === null) throw error
      throw unusable(this.#path, error)
    }
  }
}

function unusable(path: string, reason: unknown): MqError {
  const why = reason instanceof Error ? reason.message : String(reason)
  return new MqError('DATA_FOLDER_UNUSABLE', `cannot keep ids in ${path}: ${why}`, {
    hint: 'name a file in a folder you can write to, or a new one',
    ...(reason instanceof Error ? { cause: reason } : {}),
  })
}
