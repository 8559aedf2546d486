// Goal: the autopsy tells a torn tail, which a power cut explains, from damage, which it does not.
// Method: write-ahead logs that SQLite wrote, then cut, zeroed and flipped in every region; and what
// SQLite itself would have made of them, as the reason why this file exists.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/random.ts'
import { openDatabase } from '../../src/store/sqlite.ts'
import { examineWal } from '../../src/store/wal-autopsy.ts'

const PAGE_BYTES = 4096
const FRAME_BYTES = PAGE_BYTES + 24
const COMMITS = 40
const folder = mkdtempSync(join(tmpdir(), 'mq-wal-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Recorded {
  database: Buffer
  wal: Buffer
  frameCount: number
}

/** COMMITS transactions of one to three frames; with `isReset`, over the remains of a longer log. */
function record(isReset: boolean): Recorded {
  const path = join(folder, `${isReset}.db`)
  const db = openDatabase(path)
  db.pragma(`page_size = ${PAGE_BYTES}`)
  db.pragma('journal_mode = WAL')
  db.pragma('wal_autocheckpoint = 0')
  db.exec('CREATE TABLE t (x)')
  const insert = db.prepare('INSERT INTO t VALUES (?)')
  if (isReset) {
    for (let i = 0; i < 3 * COMMITS; i++) insert.run('o'.repeat(3000))
    db.pragma('wal_checkpoint(RESTART)')
  }
  for (let i = 0; i < COMMITS; i++) insert.run('n'.repeat(1000 + 100 * (i % 70)))
  const wal = readFileSync(`${path}-wal`)
  const database = readFileSync(path)
  db.close()
  const { committedFrames } = examineWal(wal)
  return { database, wal, frameCount: committedFrames }
}

const plain = record(false)
const reset = record(true)

function flipped(wal: Buffer, at: number): Buffer {
  const copy = Buffer.from(wal)
  copy[at] = copy[at]! ^ 4
  return copy
}

function frameAt(frame: number): number {
  return 32 + frame * FRAME_BYTES
}

/** Frames that end a transaction. */
function commitFrames({ wal, frameCount }: Recorded): number[] {
  const frames = Array.from({ length: frameCount }, (_, frame) => frame)
  return frames.filter((frame) => wal.readUInt32BE(frameAt(frame) + 4) !== 0)
}

describe('sound', () => {
  test('a whole log, also over the remains of a longer one', () => {
    expect(examineWal(plain.wal).verdict).toBe('sound')
    expect(plain.frameCount).toBeGreaterThan(COMMITS)
    expect(examineWal(reset.wal).verdict).toBe('sound')
    expect(reset.wal.length).toBeGreaterThan(frameAt(reset.frameCount))
  })

  test('no log, an empty one, a header alone', () => {
    expect(examineWal(Buffer.alloc(0)).verdict).toBe('sound')
    expect(examineWal(Buffer.alloc(20)).verdict).toBe('sound')
    expect(examineWal(plain.wal.subarray(0, 32)).verdict).toBe('sound')
  })

  test('damage in what an earlier reset left behind means nothing', () => {
    const at = frameAt(reset.frameCount) + 2000
    expect(examineWal(flipped(reset.wal, at))).toEqual(examineWal(reset.wal))
  })
})

describe('torn', () => {
  test('the last transaction unfinished: cut anywhere, zeroed anywhere', () => {
    const commits = commitFrames(plain)
    const before = commits[commits.length - 2]! + 1
    const random = seededRandom(5)
    for (let round = 0; round < 50; round++) {
      const start = frameAt(before)
      const at = start + random.below(plain.wal.length - start)
      const cut = examineWal(plain.wal.subarray(0, at))
      expect(cut.verdict).not.toBe('corrupt')
      expect(cut.committedFrames).toBe(before)
      const hole = Buffer.from(plain.wal)
      hole.fill(0, at, Math.min(at + 512, hole.length))
      expect(examineWal(hole).verdict).not.toBe('corrupt')
      expect(examineWal(hole).committedFrames).toBeGreaterThanOrEqual(before)
    }
  })

  test('what a full disk left of a rolled back transaction', () => {
    // Frames of the current salts without a commit among them.
    const commits = commitFrames(plain)
    const rolledBack = Buffer.from(plain.wal)
    const last = commits[commits.length - 1]!
    rolledBack.writeUInt32BE(0, frameAt(last) + 4)
    const finding = examineWal(rolledBack)
    expect(finding.verdict).toBe('torn')
    expect(finding.committedFrames).toBe(commits[commits.length - 2]! + 1)
  })
})

describe('corrupt', () => {
  test('one bit anywhere before the last transaction', () => {
    for (const recorded of [plain, reset]) {
      const commits = commitFrames(recorded)
      const end = frameAt(commits[commits.length - 2]! + 1)
      const random = seededRandom(9)
      for (let round = 0; round < 200; round++) {
        const at = 32 + random.below(end - 32)
        const finding = examineWal(flipped(recorded.wal, at))
        expect(`${at}: ${finding.verdict}`).toBe(`${at}: corrupt`)
        expect(finding.badFrame).toBe(Math.floor((at - 32) / FRAME_BYTES))
      }
    }
  })

  test('a bit in the header hides everything', () => {
    for (const at of [0, 3, 9, 17, 22, 26, 31]) {
      expect(examineWal(flipped(plain.wal, at)).verdict).toBe('corrupt')
    }
  })

  test('SQLite itself drops the rest without a word', () => {
    const path = join(folder, 'trusting.db')
    writeFileSync(path, plain.database)
    writeFileSync(`${path}-wal`, flipped(plain.wal, frameAt(plain.frameCount >> 1) + 500))
    const db = openDatabase(path)
    const count = db.prepare('SELECT count(*) FROM t').pluck().get() as number
    expect(count).toBeLessThan(COMMITS)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    db.close()
  })
})

test('any bytes get a verdict', () => {
  const random = seededRandom(77)
  for (let round = 0; round < 500; round++) {
    const noise = Buffer.from(random.hex(random.below(9000)), 'hex')
    if (round % 2 === 0) plain.wal.copy(noise, 0, 0, Math.min(noise.length, 32))
    expect(['sound', 'torn', 'corrupt']).toContain(examineWal(noise).verdict)
  }
})
