// Which shape of table stores messages at the least cost? Appends about 300-byte messages of 8 queues
// in transactions of 16, 64 and 256, with an fsync per commit and without, into each candidate, and
// reads 32 messages of one queue at a time. The result and what follows from it is in docs/STORAGE.md.
//
//   bun bench/row-layout.ts                  all tables, 7 runs each (about four minutes)
//   bun bench/row-layout.ts --runs 3 layouts only one of: layouts columns pages reads
//
// Runs of different candidates alternate, so that a disturbance of the machine hits all of them.
// CPU is user + system time of this process; work of the JavaScript engine's own threads is in it.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/core/clock.ts'
import { ENTRY_KIND } from '../src/store/append-log.ts'
import { encodeIndexBlock, INDEX_BLOCK_COUNT_MAX } from '../src/store/index-block.ts'
import { attachNative } from '../src/store/native.ts'
import { attachTwin } from '../src/store/native-twin.ts'
import { PAGE_BYTES, SCHEMA, WAL_AUTOCHECKPOINT_PAGES } from '../src/store/schema.ts'
import { type Database, openDatabase } from '../src/store/sqlite.ts'

const QUEUES = 8
const MESSAGE_BYTES = 300
const TOPIC_ID = 3

interface Table {
  db: Database
  /** One transaction of these messages; positions go on from the last call. */
  commit(batch: Buffer, firstPosition: number): void
}

interface Layout {
  name: string
  hasBlocks: boolean
  create(db: Database): Table['commit']
}

const ENTRY_INSERT = `INSERT INTO entries (position, kind, epoch, topic_id, queue_id, chain, crc, payload)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`

/** A layout whose rows are inserted by the C loop of row_layout.c. */
function byStatement(schema: readonly string[], insert: string, indexInsert: string | null = null) {
  return (db: Database): Table['commit'] => {
    for (const sql of schema) db.exec(sql)
    const append = db.prepare('SELECT bench_append(?, ?, ?, ?)').pluck()
    const begin = db.prepare('BEGIN')
    const end = db.prepare('COMMIT')
    return (batch, firstPosition) => {
      begin.run()
      append.get(batch, firstPosition, insert, indexInsert)
      end.run()
    }
  }
}

/** The product's layout through one of its two cores. */
function byCore(kind: 'native' | 'twin') {
  return (db: Database): Table['commit'] => {
    for (const sql of SCHEMA) db.exec(sql)
    const core = kind === 'native' ? attachNative(db) : attachTwin(db)
    if (core === null) throw new Error('build/native/mqcore.so is missing: make native')
    const begin = db.prepare('BEGIN')
    const end = db.prepare('COMMIT')
    let chain = 0
    return (batch, firstPosition) => {
      begin.run()
      chain = core.append(batch, { firstPosition, chain, epoch: 1 })
      end.run()
    }
  }
}

function oneBlob(db: Database): Table['commit'] {
  db.exec('CREATE TABLE commits (position INTEGER PRIMARY KEY, crc INTEGER, entries BLOB)')
  const checksum = db.prepare('SELECT bench_checksums(?, ?)').pluck()
  const insert = db.prepare('INSERT INTO commits VALUES (?, ?, ?)')
  const begin = db.prepare('BEGIN')
  const end = db.prepare('COMMIT')
  return (batch, firstPosition) => {
    begin.run()
    insert.run(firstPosition, checksum.get(batch, firstPosition), batch)
    end.run()
  }
}

const LAYOUTS: readonly Layout[] = [
  { name: 'row per entry, native (mq_append)', hasBlocks: true, create: byCore('native') },
  { name: 'one blob per commit', hasBlocks: true, create: oneBlob },
  {
    name: 'row + index row per message',
    hasBlocks: false,
    create: byStatement(
      [
        ...SCHEMA,
        `CREATE TABLE places (queue INTEGER, offset INTEGER, position INTEGER, bytes INTEGER,
         tags INTEGER, PRIMARY KEY (queue, offset)) WITHOUT ROWID`,
      ],
      ENTRY_INSERT,
      'INSERT INTO places VALUES (?10, ?9, ?1, length(?8), 0)',
    ),
  },
  {
    name: 'clustered by queue (WITHOUT ROWID)',
    hasBlocks: false,
    create: byStatement(
      [
        `CREATE TABLE messages (queue INTEGER, offset INTEGER, position INTEGER, kind INTEGER,
         epoch INTEGER, chain INTEGER, crc INTEGER, payload BLOB,
         PRIMARY KEY (queue, offset)) WITHOUT ROWID`,
      ],
      'INSERT INTO messages VALUES (?10, ?9, ?1, ?2, ?3, ?6, ?7, ?8)',
    ),
  },
  { name: 'row per entry, from JavaScript (twin)', hasBlocks: true, create: byCore('twin') },
]

const PLAIN = SCHEMA.map((sql) => sql.replace(/ STRICT/, '').replaceAll(' NOT NULL', ''))
const COLUMNS: readonly Layout[] = [
  {
    name: 'topic_id and queue_id, STRICT',
    hasBlocks: false,
    create: byStatement(SCHEMA.slice(0, 1), ENTRY_INSERT),
  },
  {
    name: 'topic_id and queue_id, no checks',
    hasBlocks: false,
    create: byStatement(PLAIN.slice(0, 1), ENTRY_INSERT),
  },
  {
    name: 'one queue column, no checks',
    hasBlocks: false,
    create: byStatement(
      [
        `CREATE TABLE entries (position INTEGER PRIMARY KEY, kind INTEGER, epoch INTEGER,
         queue INTEGER, chain INTEGER, crc INTEGER, payload BLOB)`,
      ],
      'INSERT INTO entries VALUES (?1, ?2, ?3, ?10, ?6, ?7, ?8)',
    ),
  },
]

// ---- Load --------------------------------------------------------------------------------------

function packedEntry(options: { kind: number; queueId: number; payload: Buffer }): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32BE(options.payload.length, 0)
  header.writeUInt8(options.kind, 4)
  header.writeUInt32BE(TOPIC_ID, 8)
  header.writeUInt32BE(options.queueId, 12)
  return Buffer.concat([header, options.payload])
}

interface Load {
  batches: Buffer[]
  messages: number
}

/** Batches of `perCommit` messages round robin over the queues, each queue's full blocks between. */
function makeLoad(options: { perCommit: number; messages: number; hasBlocks: boolean }): Load {
  const batches: Buffer[] = []
  const positions: number[][] = Array.from({ length: QUEUES }, () => [])
  let position = 0
  while (position < options.messages) {
    const parts: Buffer[] = []
    for (let i = 0; i < options.perCommit; i++, position++) {
      const queueId = position % QUEUES
      const offset = Math.floor(position / QUEUES)
      const payload = Buffer.alloc(MESSAGE_BYTES, position & 0xff)
      payload.writeBigInt64BE(BigInt(offset), 20)
      parts.push(packedEntry({ kind: ENTRY_KIND.message, queueId, payload }))
      positions[queueId]!.push(position)
    }
    for (let queueId = 0; options.hasBlocks && queueId < QUEUES; queueId++) {
      const pending = positions[queueId]!
      if (pending.length < INDEX_BLOCK_COUNT_MAX) continue
      const full = pending.splice(0, INDEX_BLOCK_COUNT_MAX)
      const payload = makeBlock(queueId, full)
      parts.push(packedEntry({ kind: ENTRY_KIND.indexBlock, queueId, payload }))
    }
    batches.push(Buffer.concat(parts))
  }
  return { batches, messages: position }
}

function makeBlock(queueId: number, positions: number[]): Buffer {
  return encodeIndexBlock({
    queue: TOPIC_ID * 0x1_0000_0000 + queueId,
    firstOffset: Math.floor(positions[0]! / QUEUES),
    firstStoreTimeMs: 0,
    lastStoreTimeMs: 0,
    positions,
    payloadBytes: positions.map(() => MESSAGE_BYTES),
    tagsHashes: positions.map(() => 0),
  })
}

// ---- Measuring ---------------------------------------------------------------------------------

interface Cost {
  cpuUs: number
  wallUs: number
  fileBytes: number
}

interface Setting {
  perCommit: number
  messages: number
  isDurable: boolean
  pageBytes: number
  walPages: number
}

function measure(layout: Layout, setting: Setting): Cost {
  const folder = mkdtempSync(join(WORK, 'run-'))
  const path = join(folder, 'segment.db')
  const db = openDatabase(path)
  db.pragma(`page_size = ${setting.pageBytes}`)
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${setting.isDurable ? 'FULL' : 'OFF'}`)
  db.pragma(`wal_autocheckpoint = ${setting.walPages}`)
  db.loadExtension(EXTENSION)
  const commit = layout.create(db)
  const warmUp = Math.ceil(2048 / setting.perCommit)
  const load = makeLoad({
    perCommit: setting.perCommit,
    messages: setting.messages + warmUp * setting.perCommit,
    hasBlocks: layout.hasBlocks,
  })
  let position = 0
  const run = (batches: Buffer[]): void => {
    for (const batch of batches) {
      commit(batch, position)
      position += setting.perCommit
    }
  }
  run(load.batches.slice(0, warmUp))
  const startWallMs = systemClock.monoMs()
  const startCpu = process.cpuUsage()
  run(load.batches.slice(warmUp))
  const cpu = process.cpuUsage(startCpu)
  const wallMs = systemClock.monoMs() - startWallMs
  const messages = load.messages - warmUp * setting.perCommit
  const cost = {
    cpuUs: (cpu.user + cpu.system) / messages,
    wallUs: (wallMs * 1000) / messages,
    fileBytes: statSync(path).size / load.messages,
  }
  db.prepare('SELECT bench_finish()').get()
  db.close()
  rmSync(folder, { recursive: true })
  return cost
}

function spread(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): string =>
    sorted[Math.round((sorted.length - 1) * share)]!.toFixed(2).padStart(5)
  return `${at(0)} ${at(0.5)} ${at(1)}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Runs every candidate `runs` times in turn and prints min, median, max of CPU and wall time. */
function compare(title: string, candidates: { name: string; run: () => Cost }[]): void {
  print(
    `\n${title}: CPU µs, wall µs per message (min median max of ${RUNS}), file bytes per message`,
  )
  const costs = candidates.map(() => [] as Cost[])
  for (let run = 0; run < RUNS; run++) {
    for (const [i, candidate] of candidates.entries()) {
      costs[i]!.push(candidate.run())
      Bun.gc(true)
    }
  }
  for (const [i, candidate] of candidates.entries()) {
    const cpu = spread(costs[i]!.map((cost) => cost.cpuUs))
    const wall = spread(costs[i]!.map((cost) => cost.wallUs))
    print(
      `  ${candidate.name.padEnd(38)} | ${cpu} | ${wall} | ${costs[i]![0]!.fileBytes.toFixed(0)}`,
    )
  }
}

function compareLayouts(layouts: readonly Layout[]): void {
  for (const isDurable of [true, false]) {
    for (const perCommit of [16, 64, 256]) {
      const messages = isDurable ? perCommit * 256 : 32_768
      const setting = {
        perCommit,
        messages,
        isDurable,
        pageBytes: PAGE_BYTES,
        walPages: WAL_AUTOCHECKPOINT_PAGES,
      }
      compare(
        `${perCommit} messages per commit, ${isDurable ? 'fsync' : 'no fsync'}`,
        layouts.map((layout) => ({ name: layout.name, run: () => measure(layout, setting) })),
      )
    }
  }
}

function comparePages(): void {
  const layout = LAYOUTS[0]!
  for (const isDurable of [true, false]) {
    for (const perCommit of [1, 16, 256]) {
      const candidates = [4096, 8192, 16384].flatMap((pageBytes) =>
        [1, 4, 16].map((walMiB) => {
          const walPages = (walMiB * 1024 * 1024) / pageBytes
          const messages = isDurable ? Math.min(65_536, perCommit * 1024) : 65_536
          const setting = { perCommit, messages, isDurable, pageBytes, walPages }
          return {
            name: `page ${pageBytes}, checkpoint at ${walMiB} MiB`,
            run: () => measure(layout, setting),
          }
        }),
      )
      compare(`${perCommit} per commit, ${isDurable ? 'fsync' : 'no fsync'}`, candidates)
    }
  }
}

function compareReads(pageBytes: number): void {
  const path = join(mkdtempSync(join(WORK, 'read-')), 'segment.db')
  const db = openDatabase(path)
  db.pragma(`page_size = ${pageBytes}`)
  db.pragma('journal_mode = WAL')
  const commit = byCore('native')(db)
  const load = makeLoad({ perCommit: 256, messages: 65_536, hasBlocks: false })
  for (const [i, batch] of load.batches.entries()) commit(batch, i * 256)
  const reader = openDatabase(path, { isReadOnly: true })
  const native = attachNative(reader)!
  const twin = attachTwin(reader)
  const payload = reader.prepare('SELECT payload FROM entries WHERE position = ?').pluck()
  const begin = reader.prepare('BEGIN')
  const end = reader.prepare('COMMIT')
  const unchecked = (positions: number[]): Buffer => {
    begin.run()
    const body = Buffer.concat(positions.map((position) => payload.get(position) as Buffer))
    end.run()
    return body
  }
  const time = (read: (positions: number[]) => unknown) => (): Cost => {
    const startWallMs = systemClock.monoMs()
    const startCpu = process.cpuUsage()
    let messages = 0
    for (let first = 0; first + 32 * QUEUES <= load.messages; first += 31 * QUEUES + 1) {
      read(Array.from({ length: 32 }, (_, i) => first + i * QUEUES))
      messages += 32
    }
    const cpu = process.cpuUsage(startCpu)
    return {
      cpuUs: (cpu.user + cpu.system) / messages,
      wallUs: ((systemClock.monoMs() - startWallMs) * 1000) / messages,
      fileBytes: 0,
    }
  }
  compare(`32 messages of one queue at a time, pages of ${pageBytes}`, [
    { name: 'mq_read, checked', run: time((positions) => native.read(positions, 262_144)) },
    { name: 'JavaScript, unchecked', run: time(unchecked) },
    { name: 'JavaScript, checked (twin)', run: time((positions) => twin.read(positions, 262_144)) },
  ])
}

const parts = process.argv.slice(2)
const runsAt = parts.indexOf('--runs')
const RUNS = runsAt < 0 ? 7 : Number(parts.splice(runsAt, 2)[1])
const WORK = mkdtempSync(join(process.env['MQ_BENCH_DIR'] ?? tmpdir(), 'mq-row-layout-'))
const BUILD = join(import.meta.dir, '../build/bench')
const EXTENSION = join(BUILD, 'rowlayout.so')

mkdirSync(BUILD, { recursive: true })
const root = join(import.meta.dir, '..')
const sources = ['bench/row_layout.c', 'native/mqcore.c', 'native/crc32c.c']
const headers = 'node_modules/better-sqlite3/deps/sqlite3'
const flags = ['-std=c11', '-O2', '-fPIC', '-shared', '-I', headers]
const built = spawnSync('cc', [...flags, ...sources, '-o', EXTENSION], {
  cwd: root,
  stdio: 'inherit',
})
if (built.status !== 0) throw new Error('the C compiler failed')
try {
  const wants = (part: string): boolean => parts.length === 0 || parts.includes(part)
  if (wants('layouts')) compareLayouts(LAYOUTS)
  if (wants('columns')) compareLayouts(COLUMNS)
  if (wants('pages')) comparePages()
  if (wants('reads')) for (const pageBytes of [4096, 8192, 16384]) compareReads(pageBytes)
} finally {
  rmSync(WORK, { recursive: true, force: true })
}
