// What a segment file contains: the one place that knows tables, page size and pragmas. The native
// core (native/extension.c) and its twin (native-twin.ts) read and write these tables by name;
// docs/STORAGE.md describes them for a second implementation and holds the measurements behind them.

/** Goes into `PRAGMA user_version`. A segment with another number is not opened. */
export const SCHEMA_VERSION = 1

/** Marks our files for `file(1)` and for people: `PRAGMA application_id`, the bytes "mqsg". */
export const APPLICATION_ID = 0x6d71_7367

/**
 * Append-only at the right edge of one b-tree: no secondary index, so a commit touches the last leaf
 * and nothing else. `chain` is the crc of the entry before, 0 for the first of a broker's life.
 */
const ENTRIES = `CREATE TABLE IF NOT EXISTS entries (
  position INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  topic_id INTEGER NOT NULL,
  queue_id INTEGER NOT NULL,
  chain INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT`

/**
 * One row per few hundred messages of a queue. A block that was persisted half full at a checkpoint
 * is replaced by its longer successor with the same first offset.
 */
const INDEX_BLOCKS = `CREATE TABLE IF NOT EXISTS index_blocks (
  topic_id INTEGER NOT NULL,
  queue_id INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  count INTEGER NOT NULL,
  first_time_ms INTEGER NOT NULL,
  last_time_ms INTEGER NOT NULL,
  block BLOB NOT NULL,
  UNIQUE (topic_id, queue_id, first_offset)
) STRICT`

const META = `CREATE TABLE IF NOT EXISTS meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID`

/** `crc` is the CRC32C of `state`: a damaged page passes SQLite's own integrity check. */
const SNAPSHOTS = `CREATE TABLE IF NOT EXISTS snapshots (
  position INTEGER PRIMARY KEY,
  crc INTEGER NOT NULL,
  state BLOB NOT NULL
) STRICT`

export const SCHEMA: readonly string[] = [ENTRIES, INDEX_BLOCKS, META, SNAPSHOTS]

/**
 * Twice SQLite's default: a sixth less CPU for big commits and for reads, a microsecond more for a
 * commit of one message, which writes and checksums a whole page. At 16 KiB that is three.
 */
export const PAGE_BYTES = 8192

/**
 * WAL pages before they are copied into the database file: 4 MiB, so that the WAL soon is one that is
 * overwritten (while a file grows every fsync is dearer) and a replay stays short.
 */
export const WAL_AUTOCHECKPOINT_PAGES = 512

/** In this order, on the writer's connection of a new or existing segment, before the schema. */
export const WRITER_PRAGMAS: readonly string[] = [`page_size = ${PAGE_BYTES}`, 'journal_mode = WAL']

/** Readers live in the same process and never write; `query_only` makes a mistake an error. */
export const READER_PRAGMAS: readonly string[] = ['query_only = ON']
