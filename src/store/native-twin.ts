// The native core in plain TypeScript: the specification of native/*.c, and what runs where no
// compiler was at hand. Same tables, same bytes, same errors; test/store/native-twin.test.ts compares
// them. Clear before fast.

import { AssertionError } from '../core/assert.ts'
import { writeUint64 } from '../core/big-endian.ts'
import { MqError } from '../core/errors.ts'
import { ENTRY_HEADER_BYTES, ENTRY_KIND } from './append-log.ts'
import { crc32c } from './crc32c.ts'
import { filterIndexBlock, indexBlockFault, indexBlockHeader } from './index-block.ts'
import type { Database } from './sqlite.ts'
import type { AppendPoint, StorageCore } from './storage-core.ts'

const TOPIC_ID_MAX = 2 ** 21 - 1
const ENTRY_COLUMNS = 'position, kind, epoch, topic_id, queue_id, chain, crc, payload'

/** One entry of a packed batch. */
interface PackedEntry {
  kind: number
  topicId: number
  queueId: number
  payload: Buffer
}

/** One row of table entries. */
interface EntryRow {
  position: number
  kind: number
  epoch: number
  topic_id: number
  queue_id: number
  chain: number
  crc: number
  payload: Buffer
}

/** Takes a packed batch apart. A malformed one is a fault of ours: AssertionError. */
export function unpackBatch(batch: Uint8Array): PackedEntry[] {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
  const entries: PackedEntry[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < ENTRY_HEADER_BYTES) throw malformed('batch: cut inside an entry header')
    const start = at + ENTRY_HEADER_BYTES
    const end = start + bytes.readUInt32BE(at)
    if (end > bytes.length) throw malformed('batch: cut inside a payload')
    if (bytes.readUIntBE(at + 5, 3) !== 0) throw malformed('batch: reserved bytes not zero')
    const entry = {
      kind: bytes[at + 4]!,
      topicId: bytes.readUInt32BE(at + 8),
      queueId: bytes.readUInt32BE(at + 12),
      payload: bytes.subarray(start, end),
    }
    const fault = entryFault(entry)
    if (fault !== null) throw malformed(fault)
    entries.push(entry)
    at = end
  }
  return entries
}

function entryFault(entry: PackedEntry): string | null {
  if (entry.topicId > TOPIC_ID_MAX) return 'batch: topic id too large'
  if (entry.kind === ENTRY_KIND.message) return null
  if (entry.kind === ENTRY_KIND.state) {
    return entry.topicId === 0 && entry.queueId === 0 ? null : 'batch: state with a queue'
  }
  if (entry.kind !== ENTRY_KIND.indexBlock) return 'batch: unknown kind'
  const fault = indexBlockFault(entry.payload)
  if (fault !== null) return fault
  const header = indexBlockHeader(entry.payload)
  return header.topicId === entry.topicId && header.queueId === entry.queueId
    ? null
    : 'batch: index block of another queue'
}

/** What the checksum covers besides the payload. */
export interface EntryIdentity {
  position: number
  kind: number
  epoch: number
  topicId: number
  queueId: number
  chain: number
}

/** The checksum of a stored entry. The layout is drawn in native/mqcore.h and docs/STORAGE.md. */
export function entryCrc(identity: EntryIdentity, payload: Uint8Array): number {
  const header = Buffer.allocUnsafe(25)
  writeUint64(header, 0, identity.position)
  header.writeUInt8(identity.kind, 8)
  header.writeUInt32BE(identity.epoch, 9)
  header.writeUInt32BE(identity.topicId, 13)
  header.writeUInt32BE(identity.queueId, 17)
  header.writeUInt32BE(identity.chain, 21)
  return crc32c(payload, crc32c(header))
}

function malformed(fault: string): AssertionError {
  return new AssertionError(`assertion failed: ${fault}`)
}

function damaged(position: number, what: string): MqError {
  return new MqError('DATA_CORRUPT', `entry ${position}: ${what}`)
}

function isSound(row: EntryRow): boolean {
  const numbers = [row.epoch, row.topic_id, row.queue_id, row.chain, row.crc]
  const isInRange = numbers.every((number) => number >= 0 && number <= 0xffff_ffff)
  if (!isInRange || row.kind < 0 || row.kind > 0xff) return false
  const identity = {
    position: row.position,
    kind: row.kind,
    epoch: row.epoch,
    topicId: row.topic_id,
    queueId: row.queue_id,
    chain: row.chain,
  }
  return entryCrc(identity, row.payload) === row.crc
}

function prepareStatements(db: Database) {
  return {
    begin: db.prepare('BEGIN'),
    end: db.prepare('COMMIT'),
    last: db.prepare('SELECT position, crc FROM entries ORDER BY position DESC LIMIT 1'),
    insertEntry: db.prepare(
      `INSERT INTO entries (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertBlock: db.prepare(
      `INSERT OR REPLACE INTO index_blocks (topic_id, queue_id, first_offset, count, first_time_ms,
       last_time_ms, block) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    read: db.prepare(`SELECT ${ENTRY_COLUMNS} FROM entries WHERE position = ?`),
    readRange: db.prepare(
      `SELECT ${ENTRY_COLUMNS} FROM entries WHERE position >= ? AND position < ? ORDER BY position`,
    ),
  }
}

type Statements = ReturnType<typeof prepareStatements>

function append(statements: Statements, batch: Uint8Array, at: AppendPoint): number {
  const entries = unpackBatch(batch)
  const last = statements.last.get() as { position: number; crc: number } | undefined
  if (last && (last.position + 1 !== at.firstPosition || last.crc !== at.chain)) {
    throw malformed('batch: does not follow the last entry')
  }
  let { firstPosition: position, chain } = at
  for (const { kind, topicId, queueId, payload } of entries) {
    if (kind === ENTRY_KIND.indexBlock) {
      insertBlock(statements, payload)
      continue
    }
    const { epoch } = at
    const crc = entryCrc({ position, kind, epoch, topicId, queueId, chain }, payload)
    statements.insertEntry.run(position, kind, epoch, topicId, queueId, chain, crc, payload)
    position++
    chain = crc
  }
  return chain
}

function insertBlock(statements: Statements, block: Buffer): void {
  const header = indexBlockHeader(block)
  statements.insertBlock.run(
    header.topicId,
    header.queueId,
    header.firstOffset,
    header.count,
    header.firstStoreTimeMs,
    header.lastStoreTimeMs,
    block,
  )
}

function read(statements: Statements, positions: ArrayLike<number>, bytesMax: number): Buffer {
  const payloads: Buffer[] = []
  let bytes = 0
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i]!
    const row = statements.read.get(position) as EntryRow | undefined
    if (!row) throw damaged(position, 'missing')
    if (!isSound(row)) throw damaged(position, 'checksum mismatch')
    if (bytes > 0 && bytes + row.payload.length > bytesMax) break
    payloads.push(row.payload)
    bytes += row.payload.length
  }
  return payloads.length === 1 ? payloads[0]! : Buffer.concat(payloads)
}

function verify(statements: Statements, range: { from: number; to: number }): number {
  const before = statements.read.get(range.from - 1) as EntryRow | undefined
  let chain = before ? before.crc : null
  let expected = range.from
  for (const row of statements.readRange.iterate(range.from, range.to) as Iterable<EntryRow>) {
    if (row.position !== expected) break
    if (!isSound(row)) throw damaged(expected, 'checksum mismatch')
    if (chain !== null && chain !== row.chain) throw damaged(expected, 'chain broken')
    chain = row.crc
    expected++
  }
  if (expected < range.to) throw damaged(expected, 'missing')
  return expected - range.from
}

/** The twin on one connection. Statements are prepared once; the schema must exist. */
export function attachTwin(db: Database): StorageCore {
  let prepared: Statements | null = null
  const statements = (): Statements => {
    prepared ??= prepareStatements(db)
    return prepared
  }
  return {
    name: 'twin',
    crc32c: (bytes) => crc32c(bytes),
    append(batch, at) {
      if (!db.inTransaction) throw malformed('mq_append: not inside a transaction')
      return append(statements(), batch, at)
    },
    read(positions, bytesMax) {
      const { begin, end } = statements()
      // One read transaction for all rows: taking and leaving one costs two system calls.
      const isOwn = !db.inTransaction
      if (isOwn) begin.run()
      try {
        return read(statements(), positions, bytesMax)
      } finally {
        if (isOwn) end.run()
      }
    },
    verify: (range) => verify(statements(), range),
    filter: filterIndexBlock,
  }
}
