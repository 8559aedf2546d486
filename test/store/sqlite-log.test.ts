// Goal: the log on disk keeps the contract, and what only a folder can have go wrong is refused with
// the file's name: a second broker, missing or foreign files, a damaged write-ahead log.
// Method: the contract suite on real files; then each kind of damage, made by hand.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { MqError } from '../../src/core/errors.ts'
import { Logger } from '../../src/core/logger.ts'
import type { AppendLog } from '../../src/store/append-log.ts'
import { openDatabase } from '../../src/store/sqlite.ts'
import { openSqliteLog } from '../../src/store/sqlite-log.ts'
import { packState } from '../support/packed.ts'
import { SqlitePlace } from '../support/sqlite-place.ts'
import { describeAppendLog } from './append-log-contract.ts'
import { describeCrash } from './append-log-crash.ts'

// Every test waits for real fsyncs, and a busy disk takes its time.
setDefaultTimeout(60_000)

describeAppendLog('SQLite', () => new SqlitePlace())
describeCrash('SQLite', () => new SqlitePlace())

const NONE = new Uint8Array(0)
const STATE = Buffer.from('state')

let place: SqlitePlace
beforeEach(() => {
  place = new SqlitePlace()
})
afterEach(() => {
  place.remove()
})

async function filled(): Promise<AppendLog> {
  const log = place.log()
  await log.open()
  for (let i = 0; i < 20; i++) await log.append(packState(`change ${i}`))
  return log
}

function openAt(folder: string): AppendLog {
  const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'log' })
  return openSqliteLog({ folder, flush: 'sync', segmentBytes: 1e6, clock: systemClock, logger })
}

async function refusal(): Promise<MqError> {
  try {
    await place.log().open()
  } catch (error) {
    if (error instanceof MqError) return error
    throw error
  }
  throw new Error('the folder was opened')
}

describe('a folder that is not as it was left', () => {
  test('R58: a wiped folder gets a new identity', async () => {
    const log = place.log()
    const { identity } = await log.open()
    await log.append(packState('a'))
    await log.close()
    rmSync(place.folder, { recursive: true })
    const again = place.log()
    const recovery = await again.open()
    expect(recovery.identity).not.toBe(identity)
    expect(recovery.nextPosition).toBe(0)
    await again.close()
  })

  test('R58: a folder that lost its segments or its identity is refused', async () => {
    const log = await filled()
    await log.close()
    const [segment] = place.segments()
    renameSync(segment!, `${segment}.away`)
    expect((await refusal()).code).toBe('DATA_CORRUPT')
    renameSync(`${segment}.away`, segment!)
    rmSync(join(place.folder, 'identity'))
    const error = await refusal()
    expect(error.code).toBe('DATA_CORRUPT')
    expect(error.message).toContain(place.folder)
  })

  test('power gone between the first segment and the identity file: the next open finishes it', async () => {
    const log = place.log()
    const { identity } = await log.open()
    await log.close()
    rmSync(join(place.folder, 'identity'))
    const again = place.log()
    expect((await again.open()).identity).toBe(identity)
    await again.close()
    expect(readFileSync(join(place.folder, 'identity'), 'utf8').trim()).toBe(identity)
  })

  test('a missing newest segment is noticed, because the one before says that it ended', async () => {
    const log = await filled()
    await log.roll(STATE, NONE)
    await log.append(packState('newest'))
    await log.close()
    rmSync(place.segments()[1]!)
    const error = await refusal()
    expect(error.code).toBe('DATA_CORRUPT')
    expect(error.message).toContain('begins at 20 is missing')
  })

  test('a missing middle segment, a renamed and a foreign one are refused', async () => {
    const log = await filled()
    await log.roll(STATE, NONE)
    await log.append(packState('middle'))
    await log.roll(STATE, NONE)
    await log.close()
    const [first, middle] = place.segments()
    renameSync(middle!, `${middle}.away`)
    expect((await refusal()).message).toContain('ends at position 20')
    renameSync(`${middle}.away`, join(place.folder, '00000000000000000020.db'))
    renameSync(first!, join(place.folder, '00000000000000000001.db'))
    expect((await refusal()).message).toContain('was renamed')
    renameSync(join(place.folder, '00000000000000000001.db'), first!)
    writeFileSync(join(place.folder, 'identity'), `${'0'.repeat(32)}\n`)
    expect((await refusal()).message).toContain("another broker's folder")
  })

  test('a file that is no segment, or of another format, is refused by name', async () => {
    const log = await filled()
    await log.close()
    const path = place.segments()[0]!
    const bytes = readFileSync(path)
    bytes.writeUInt32BE(99, 60)
    writeFileSync(path, bytes)
    const version = await refusal()
    expect(version.code).toBe('DATA_FOLDER_UNUSABLE')
    expect(version.message).toContain('format 99')
    writeFileSync(path, 'not a database at all, but long enough to look at'.repeat(100))
    const error = await refusal()
    expect(error.code).toBe('DATA_CORRUPT')
    expect(error.message).toContain(path)
  })

  test('what an interrupted roll or retirement left behind is removed', async () => {
    const log = await filled()
    await log.close()
    const names = ['00000000000000000020.db.new', '00000000000000000020.db.new-wal']
    const orphans = ['00000000000000000007.db-wal', '00000000000000000007.db-shm']
    for (const name of [...names, ...orphans]) writeFileSync(join(place.folder, name), 'left over')
    const again = place.log()
    expect((await again.open()).nextPosition).toBe(20)
    await again.close()
    for (const name of [...names, ...orphans]) {
      expect(existsSync(join(place.folder, name))).toBe(false)
    }
  })

  test('after a clean close all is in the database files: every write-ahead log is empty', async () => {
    const log = await filled()
    await log.roll(STATE, NONE)
    await log.append(packState('newest'))
    await log.close()
    for (const path of place.segments()) {
      const walPath = `${path}-wal`
      expect(existsSync(walPath) ? statSync(walPath).size : 0).toBe(0)
    }
  })

  test('a path that cannot be a folder is refused with the path', async () => {
    writeFileSync(join(place.folder, 'file'), '')
    const log = openAt(join(place.folder, 'file'))
    await expect(log.open()).rejects.toMatchObject({ code: 'DATA_FOLDER_UNUSABLE' })
    await expect(openAt('/proc/no-such-place').open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
      message: expect.stringContaining('/proc/no-such-place'),
    })
  })
})

describe('the write-ahead log', () => {
  /** The folder as a crash would leave it: copied while the log is open. */
  async function crashed(): Promise<string> {
    const log = await filled()
    const wal = `${place.segments()[0]}-wal`
    const files = readdirSync(place.folder).map((name) => join(place.folder, name))
    const copies = files
      .filter((path) => !path.endsWith('-shm'))
      .map((path) => ({ path, bytes: readFileSync(path) }))
    await log.close()
    rmSync(join(place.folder, 'acknowledged'))
    for (const { path, bytes } of copies) writeFileSync(path, bytes)
    return wal
  }

  async function reopened(): Promise<number> {
    const log = place.log()
    const { nextPosition } = await log.open()
    await log.close()
    return nextPosition
  }

  test('whole: everything in it is recovered', async () => {
    await crashed()
    expect(await reopened()).toBe(20)
  })

  test('cut in the last transaction: that one is dropped, with a warning', async () => {
    const wal = await crashed()
    const bytes = readFileSync(wal)
    bytes.fill(0, bytes.length - 3000)
    writeFileSync(wal, bytes)
    expect(await reopened()).toBe(19)
    expect(place.lines.join('\n')).toContain('is damaged; what a crash left unfinished')
  })

  test('a flipped bit in the middle is corruption, and named', async () => {
    const wal = await crashed()
    place.flipBit(wal, readFileSync(wal).length >> 1)
    const error = await refusal()
    expect(error.code).toBe('DATA_CORRUPT')
    expect(error.message).toContain(wal)
    // Refused means untouched: the second try finds the same.
    expect((await refusal()).code).toBe('DATA_CORRUPT')
  })

  test('with flush=async a gap is what a power cut may leave, and is accepted', async () => {
    const log = place.log({ flush: 'async' })
    await log.open()
    expect(existsSync(join(place.folder, 'unsynced'))).toBe(true)
    await log.close()
    expect(existsSync(join(place.folder, 'unsynced'))).toBe(false)
    const wal = await crashed()
    writeFileSync(join(place.folder, 'unsynced'), '')
    place.flipBit(wal, readFileSync(wal).length >> 1)
    expect(await reopened()).toBeLessThan(20)
    expect(existsSync(join(place.folder, 'unsynced'))).toBe(false)
  })
})

describe('a log that is shorter than it was', () => {
  test('a removed write-ahead log is noticed within a second of the commits in it', async () => {
    const log = await filled()
    const mark = join(place.folder, 'acknowledged')
    while (!existsSync(mark)) await sleep(systemClock, 50)
    const files = place.segments().map((path) => ({ path, bytes: readFileSync(path) }))
    await log.close()
    // As a crash would leave it, less the -wal file.
    for (const { path, bytes } of files) writeFileSync(path, bytes)
    const error = await refusal()
    expect(error.code).toBe('DATA_CORRUPT')
    expect(error.message).toContain('ends at position 0, but 20 was on disk before')
    rmSync(mark)
    const again = place.log()
    expect((await again.open()).nextPosition).toBe(0)
    await again.close()
  })

  test('a segment put back from an old copy is noticed', async () => {
    const log = await filled()
    await log.close()
    const path = place.segments()[0]!
    const old = readFileSync(path)
    const again = place.log()
    await again.open()
    await again.append(packState('newer'))
    await again.close()
    writeFileSync(path, old)
    expect((await refusal()).message).toContain('ends at position 20, but 21')
  })
})

test('a roll interrupted before the old segment was sealed is finished at the next open', async () => {
  const log = await filled()
  await log.roll(STATE, NONE)
  await log.close()
  const db = openDatabase(place.segments()[0]!)
  db.exec("DELETE FROM meta WHERE key IN ('next_position', 'newest_time_ms')")
  db.close()
  const again = place.log()
  await again.open()
  expect(again.segments().map((info) => info.nextPosition)).toEqual([20, 20])
  await again.close()
  const sealed = openDatabase(place.segments()[0]!)
  expect(sealed.prepare("SELECT value FROM meta WHERE key = 'next_position'").pluck().get()).toBe(
    20,
  )
  sealed.close()
})

test('a damaged newest snapshot: the one before it and a longer replay', async () => {
  const log = place.log()
  await log.open()
  await log.append(packState('a'))
  await log.checkpoint(Buffer.from('old'), NONE)
  await log.append(packState('b'))
  await log.checkpoint(Buffer.from('new'), NONE)
  await log.close()
  const db = openDatabase(place.segments()[0]!)
  db.exec("UPDATE snapshots SET state = x'00' WHERE position = 2")
  db.close()
  const again = place.log()
  const { snapshot, tail } = await again.open()
  expect(snapshot?.position).toBe(1)
  expect([...tail].length).toBe(1)
  await again.close()
})

test('reads go on while a commit waits for the disk', async () => {
  const log = await filled()
  let isCommitted = false
  const commit = log.append(packState('under way')).then(() => {
    isCommitted = true
  })
  expect(log.readEntry(3)).not.toBeNull()
  expect(isCommitted).toBe(false)
  await commit
  await log.close()
})
