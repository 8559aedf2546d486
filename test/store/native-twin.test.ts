// Goal: the native core and its TypeScript twin are the same thing. Method: both get the same random
// batches, bad batches, damage and questions (the seed is printed) and must leave the same rows, give
// the same answers and the same errors; each reads what the other wrote.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { AssertionError } from '../../src/core/assert.ts'
import { describeError, MqError } from '../../src/core/errors.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { encodeIndexBlock } from '../../src/store/index-block.ts'
import { attachNative } from '../../src/store/native.ts'
import { attachTwin, entryCrc, unpackBatch } from '../../src/store/native-twin.ts'
import { SCHEMA } from '../../src/store/schema.ts'
import { type Database, openDatabase } from '../../src/store/sqlite.ts'
import type { StorageCore } from '../../src/store/storage-core.ts'
import { packEntry } from '../support/packed.ts'
import { randomBatch, randomBlock } from '../support/random-batch.ts'
import { testSeed } from '../support/seed.ts'

const seed = testSeed()
const KINDS = ['native', 'twin'] as const

interface Side {
  db: Database
  core: StorageCore
  /** What reads here as the other kind of core does. */
  other: StorageCore
}

function openSide(kind: 'native' | 'twin'): Side {
  const db = openDatabase(':memory:')
  for (const sql of SCHEMA) db.exec(sql)
  const native = attachNative(db)
  if (native === null) throw new Error('build/native/mqcore.so is missing: run make native')
  const twin = attachTwin(db)
  return kind === 'native' ? { db, core: native, other: twin } : { db, core: twin, other: native }
}

let sides: { native: Side; twin: Side }

function openSides(): void {
  sides = { native: openSide('native'), twin: openSide('twin') }
}

function closeSides(): void {
  sides.native.db.close()
  sides.twin.db.close()
}

beforeEach(openSides)
afterEach(closeSides)

function inTransaction<T>(db: Database, action: () => T): T {
  return db.transaction(action)()
}

/** The result, or the kind and text of what was thrown. */
function outcomeOf(action: () => unknown): unknown {
  try {
    const result = action()
    return result instanceof Uint8Array ? Buffer.from(result).toString('hex') : result
  } catch (error) {
    if (error instanceof MqError) return `${error.code} ${error.message}`
    if (error instanceof AssertionError) return error.message
    return describeError(error)
  }
}

/** Does the same on both sides, expects the same outcome and returns it. */
function same(action: (side: Side) => unknown): unknown {
  const native = outcomeOf(() => action(sides.native))
  expect(native).toEqual(outcomeOf(() => action(sides.twin)))
  return native
}

function rows(db: Database): unknown {
  return {
    entries: db.prepare('SELECT * FROM entries ORDER BY position').all(),
    blocks: db.prepare('SELECT * FROM index_blocks ORDER BY 1, 2, 3').all(),
  }
}

/** Appends random batches on both sides and returns where the log ends. */
function fill(random: Random, batches: number): { next: number; chain: number } {
  let next = random.below(3) * 2 ** 33
  let chain = random.below(2 ** 32)
  for (let i = 0; i < batches; i++) {
    const { batch, entries } = randomBatch(random)
    const at = { firstPosition: next, chain, epoch: random.below(2 ** 32) }
    const result = same(({ db, core }) => inTransaction(db, () => core.append(batch, at)))
    expect(result).toBeNumber()
    chain = result as number
    next += entries
  }
  return { next, chain }
}

function minPosition(): number {
  return sides.twin.db.prepare('SELECT min(position) FROM entries').pluck().get() as number
}

test('appending leaves the same rows', () => {
  for (let run = 0; run < 25; run++) {
    closeSides()
    openSides()
    fill(seededRandom(seed + run), 6)
    expect(rows(sides.native.db)).toEqual(rows(sides.twin.db))
  }
})

test('each reads and verifies what the other wrote', () => {
  const random = seededRandom(seed)
  const { next } = fill(random, 40)
  const first = minPosition()
  for (const kind of KINDS) {
    const { core, other } = sides[kind]
    expect(core.verify({ from: first, to: next })).toBe(next - first)
    expect(other.verify({ from: first, to: next })).toBe(next - first)
  }
  for (let run = 0; run < 300; run++) {
    const count = random.below(33)
    const positions = Array.from({ length: count }, () => first + random.below(next - first))
    const bytesMax = random.below(2) === 0 ? 2 ** 40 : random.below(20_000)
    same(({ core }) => core.read(positions, bytesMax))
    same(({ other }) => other.read(positions, bytesMax))
  }
})

test('reading gives the payloads as they were packed', () => {
  const random = seededRandom(seed + 9)
  const { batch } = randomBatch(random)
  const at = { firstPosition: 5, chain: 1, epoch: 2 }
  const stored = unpackBatch(batch).filter((entry) => entry.kind < 128)
  const positions = stored.map((_, i) => 5 + i)
  for (const kind of KINDS) {
    const { db, core } = sides[kind]
    inTransaction(db, () => core.append(batch, at))
    const payloads = Buffer.concat(stored.map((entry) => entry.payload))
    expect(Buffer.from(core.read(positions, 2 ** 40))).toEqual(payloads)
  }
})

describe('a bad batch is refused alike and changes nothing', () => {
  const block = encodeIndexBlock(randomBlock(seededRandom(seed)))
  const good = packEntry(1, queueKey(3, 1), Buffer.from('good'))
  const cases: [string, Buffer][] = [
    ['an unknown kind', packEntry(3, queueKey(0, 0), good)],
    ['kind zero', packEntry(0, queueKey(0, 0), good)],
    ['a topic id of 2^21', packEntry(1, queueKey(2 ** 21, 0), good)],
    ['state with a topic', packEntry(2, queueKey(1, 0), good)],
    ['state with a queue', packEntry(2, queueKey(0, 1), good)],
    ['no index block', packEntry(128, queueKey(0, 1), good)],
    ['a foreign index block', packEntry(128, queueKey(0, 0), block)],
    ['a header that is cut', good.subarray(0, 9)],
    ['a payload that is cut', good.subarray(0, good.length - 1)],
    ['a reserved byte', Buffer.from(good).fill(1, 6, 7)],
    ['a huge length', Buffer.from(good).fill(0xff, 0, 4)],
  ]
  for (const [name, bad] of cases) {
    test(name, () => {
      const { next, chain } = fill(seededRandom(seed), 2)
      const before = rows(sides.native.db)
      const at = { firstPosition: next, chain, epoch: 0 }
      const outcome = same(({ db, core }) =>
        inTransaction(db, () => outcomeOf(() => core.append(Buffer.concat([good, bad]), at))),
      )
      expect(outcome).toStartWith('assertion failed: ')
      expect(rows(sides.native.db)).toEqual(before)
      expect(rows(sides.twin.db)).toEqual(before)
    })
  }

  test('one that does not follow the last entry', () => {
    const { next, chain } = fill(seededRandom(seed), 2)
    for (const at of [
      { firstPosition: next + 1, chain, epoch: 0 },
      { firstPosition: next - 1, chain, epoch: 0 },
      { firstPosition: next, chain: (chain + 1) % 2 ** 32, epoch: 0 },
    ]) {
      const outcome = same(({ db, core }) => inTransaction(db, () => core.append(good, at)))
      expect(outcome).toBe('assertion failed: batch: does not follow the last entry')
    }
  })

  test('one outside a transaction', () => {
    const at = { firstPosition: 0, chain: 0, epoch: 0 }
    const outcome = same(({ core }) => core.append(good, at))
    expect(outcome).toBe('assertion failed: mq_append: not inside a transaction')
  })

  test('any bytes', () => {
    const random = seededRandom(seed)
    for (let run = 0; run < 300; run++) {
      const { batch } = randomBatch(random)
      for (let i = 0; i <= random.below(3); i++) {
        batch[random.below(batch.length)] = random.below(256)
      }
      const bytes = batch.subarray(0, batch.length - random.below(2) * random.below(20))
      const at = { firstPosition: 0, chain: 0, epoch: 0 }
      same(({ db, core }) => {
        db.exec('BEGIN')
        try {
          return core.append(bytes, at)
        } finally {
          db.exec('ROLLBACK')
        }
      })
    }
  })
})

test('a constraint of the database passes through as it is', () => {
  const { next, chain } = fill(seededRandom(seed), 1)
  const bad = packEntry(1, queueKey(1, 1), Buffer.from('x'))
  const at = { firstPosition: next, chain, epoch: 0 }
  for (const kind of KINDS) {
    const { db, core } = sides[kind]
    db.exec(`CREATE TRIGGER stop BEFORE INSERT ON entries BEGIN SELECT raise(ABORT, 'full'); END`)
    const code = (action: () => unknown): unknown => {
      try {
        return action()
      } catch (error) {
        return (error as { code?: unknown }).code
      }
    }
    expect(code(() => inTransaction(db, () => core.append(bad, at)))).toBe(
      'SQLITE_CONSTRAINT_TRIGGER',
    )
  }
})

describe('damage is never served', () => {
  test('a flipped bit in a payload is named by its position', () => {
    const random = seededRandom(seed)
    const { next } = fill(random, 12)
    const first = minPosition()
    for (let run = 0; run < 60; run++) {
      const position = first + random.below(next - first)
      const read = sides.twin.db.prepare('SELECT payload FROM entries WHERE position = ?').pluck()
      const payload = read.get(position) as Buffer
      if (payload.length === 0) continue
      const damaged = Buffer.from(payload)
      damaged[random.below(payload.length)]! ^= 1 << random.below(8)
      const write = (bytes: Buffer): void => {
        for (const kind of KINDS) {
          const update = sides[kind].db.prepare('UPDATE entries SET payload = ? WHERE position = ?')
          update.run(bytes, position)
        }
      }
      write(damaged)
      const outcome = same(({ core }) => core.read([position], 2 ** 40))
      expect(outcome).toBe(`DATA_CORRUPT entry ${position}: checksum mismatch`)
      expect(same(({ core }) => core.verify({ from: first, to: next }))).toBe(outcome)
      write(payload)
    }
    expect(same(({ core }) => core.verify({ from: first, to: next }))).toBe(next - first)
  })

  test('so is a change to any column', () => {
    const { next } = fill(seededRandom(seed), 12)
    const first = minPosition()
    for (const column of ['kind', 'epoch', 'topic_id', 'queue_id', 'chain', 'crc']) {
      for (const change of ['+ 1', '+ 4294967296', '- 4294967296']) {
        const update = `UPDATE entries SET ${column} = ${column} ${change} WHERE position = ?`
        const outcome = same(({ db, core }) => {
          db.exec('BEGIN')
          db.prepare(update).run(first + 1)
          try {
            return core.read([first, first + 1], 2 ** 40)
          } finally {
            db.exec('ROLLBACK')
          }
        })
        expect(outcome).toBe(`DATA_CORRUPT entry ${first + 1}: checksum mismatch`)
      }
    }
    const missing = `DATA_CORRUPT entry ${next}: missing`
    expect(same(({ core }) => core.read([first, next], 2 ** 40))).toBe(missing)
    expect(same(({ core }) => core.verify({ from: first, to: next + 5 }))).toBe(missing)
  })

  test('nor does an entry hide that was cut out or exchanged', () => {
    const { next } = fill(seededRandom(seed), 12)
    const first = minPosition()
    const position = first + 2
    same(({ db }) => db.prepare('DELETE FROM entries WHERE position = ?').run(position).changes)
    expect(same(({ core }) => core.verify({ from: first, to: next }))).toBe(
      `DATA_CORRUPT entry ${position}: missing`,
    )
    const payload = Buffer.from('sound, but another')
    const crc = entryCrc({ position, kind: 1, epoch: 1, topicId: 1, queueId: 1, chain: 1 }, payload)
    const insert = 'INSERT INTO entries VALUES (?, 1, 1, 1, 1, 1, ?, ?)'
    same(({ db }) => db.prepare(insert).run(position, crc, payload).changes)
    expect(same(({ core }) => core.verify({ from: first, to: next }))).toBe(
      `DATA_CORRUPT entry ${position}: chain broken`,
    )
  })
})

test('filtering selects the same', () => {
  const random = seededRandom(seed)
  for (let run = 0; run < 500; run++) {
    const block = randomBlock(random)
    const bytes = encodeIndexBlock(block)
    if (random.below(10) === 0) bytes[random.below(bytes.length)]! ^= 4
    const request = {
      fromOffset: Math.max(0, block.firstOffset - 2 + random.below(30)),
      countMax: random.below(40),
      tags: random.below(3) === 0 ? null : new Set([-1, 0, 1].slice(random.below(4))),
    }
    same(({ core }) => core.filter(bytes, request))
  }
})

test('checksums are the same', () => {
  const random = seededRandom(seed)
  for (let run = 0; run < 200; run++) {
    const bytes = Buffer.from(random.hex(random.below(100)), 'hex')
    same(({ core }) => core.crc32c(bytes))
  }
})
