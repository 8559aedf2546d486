// The contract suite of AppendLog (src/store/append-log.ts): what any log promises, in words that
// know no implementation. memory-log.test.ts and sqlite-log.test.ts run it; so what the simulation
// believes about the disk is what the disk does.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { AssertionError } from '../../src/core/assert.ts'
import { MqError } from '../../src/core/errors.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { type AppendLog, ENTRY_KIND, type LogEntry, queueKey } from '../../src/store/append-log.ts'
import { decodeIndexBlock } from '../../src/store/index-block.ts'
import { packBlock, packMessage, packState } from '../support/packed.ts'
import { storedMessages } from '../support/stored-draft.ts'

/** One place where a log lives, and as many handles on it as a test opens. */
export interface LogPlace {
  /** A new handle, not opened yet. */
  log(options?: { segmentBytes?: number }): AppendLog
  /** The place as it is if the process that has this open handle dies now. */
  crashed(log: AppendLog): Promise<LogPlace>
  /** Damages a stored entry while no handle is open. */
  damage(position: number): void
  /** Removes everything. */
  remove(): void
}

const QUEUE = queueKey(7, 1)
const NONE = new Uint8Array(0)
const STATE = Buffer.from('{"topics":[]}')

/** Messages of one queue for the positions from `first` on, one offset each. */
export function messages(first: number, count: number): Buffer {
  const packed = Array.from({ length: count }, (_, i) =>
    packMessage({ queue: QUEUE, position: first + i, queueOffset: first + i }),
  )
  return Buffer.concat(packed)
}

function bodies(bytes: Uint8Array): string[] {
  return storedMessages(bytes).map((message) => message.body)
}

export function described(entry: LogEntry): string {
  if (entry.kind === ENTRY_KIND.state) return Buffer.from(entry.payload).toString('utf8')
  return bodies(entry.payload)[0]!
}

export async function opened(place: LogPlace, segmentBytes?: number): Promise<AppendLog> {
  const log = place.log(segmentBytes === undefined ? {} : { segmentBytes })
  await log.open()
  return log
}

/** What calling an operation came to: 'ok', 'assertion' or the code of the error. */
export async function outcomeOf(operation: () => unknown): Promise<string> {
  try {
    await operation()
    return 'ok'
  } catch (error) {
    if (error instanceof AssertionError) return 'assertion'
    if (error instanceof MqError) return error.code
    throw error
  }
}

/** In this order on one log: what reads, what writes, what ends. */
export const OPERATIONS: Record<string, (log: AppendLog) => unknown> = {
  readPayloads: (log) => log.readPayloads([0]),
  readEntry: (log) => log.readEntry(0),
  findIndexBlock: (log) => log.findIndexBlock(QUEUE, 0),
  findIndexBlockByTime: (log) => log.findIndexBlockByTime(QUEUE, 0),
  isRollDue: (log) => log.isRollDue,
  segments: (log) => log.segments(),
  append: (log) => log.append(packState('another')),
  checkpoint: (log) => log.checkpoint(STATE, NONE),
  roll: (log) => log.roll(STATE, NONE),
  dropOldestSegment: (log) => log.dropOldestSegment(),
  open: (log) => log.open(),
  close: (log) => log.close(),
}

/** state → the operations that are not 'ok' in it, and what they come to. */
const REFUSED: Record<string, Record<string, string>> = {
  new: {
    readPayloads: 'assertion',
    readEntry: 'assertion',
    findIndexBlock: 'assertion',
    findIndexBlockByTime: 'assertion',
    append: 'assertion',
    checkpoint: 'assertion',
    roll: 'assertion',
    dropOldestSegment: 'assertion',
  },
  open: { open: 'assertion' },
  busy: {
    append: 'assertion',
    checkpoint: 'assertion',
    roll: 'assertion',
    dropOldestSegment: 'assertion',
    open: 'assertion',
    close: 'assertion',
  },
  closed: {
    readPayloads: 'assertion',
    readEntry: 'assertion',
    findIndexBlock: 'assertion',
    findIndexBlockByTime: 'assertion',
    append: 'assertion',
    checkpoint: 'assertion',
    roll: 'assertion',
    dropOldestSegment: 'assertion',
    open: 'assertion',
  },
  corrupt: { readPayloads: 'DATA_CORRUPT', readEntry: 'DATA_CORRUPT', open: 'assertion' },
}

/** A log in the named state, with entries, a block and, if it is open, two segments. */
async function logIn(state: string, place: LogPlace): Promise<AppendLog> {
  const first = await opened(place)
  await first.append(messages(0, 4))
  const block = { queue: QUEUE, firstOffset: 0, firstPosition: 0, count: 4, firstTimeMs: 0 }
  await first.roll(STATE, packBlock(block))
  await first.append(messages(4, 2))
  await first.close()
  if (state === 'closed') return first
  if (state === 'corrupt') place.damage(0)
  const log = place.log()
  if (state === 'new') return log
  await log.open()
  return log
}

export function describeAppendLog(name: string, makePlace: () => LogPlace): void {
  describe(`AppendLog contract: ${name}`, () => {
    let place: LogPlace
    beforeEach(() => {
      place = makePlace()
    })
    afterEach(() => {
      place.remove()
    })

    test('a new log is empty and has an identity of its own', async () => {
      const log = place.log()
      const recovery = await log.open()
      expect(recovery.identity).toMatch(/^[0-9a-f]{32}$/)
      expect([recovery.minPosition, recovery.nextPosition]).toEqual([0, 0])
      expect(recovery.snapshot).toBeNull()
      expect(recovery.indexed).toEqual([])
      expect([...recovery.tail]).toEqual([])
      expect(log.readEntry(0)).toBeNull()
      await log.close()
      const again = place.log()
      expect((await again.open()).identity).toBe(recovery.identity)
      await again.close()
      const other = makePlace()
      const otherLog = other.log()
      expect((await otherLog.open()).identity).not.toBe(recovery.identity)
      await otherLog.close()
      other.remove()
    })

    test('what was appended is read back, before and after reopening', async () => {
      const log = await opened(place)
      await log.append(Buffer.concat([messages(0, 3), packState('topic a'), messages(4, 2)]))
      await log.append(packState('topic b'))
      expect(bodies(log.readPayloads([0, 2, 4]))).toEqual(['message 0', 'message 2', 'message 4'])
      expect(log.readEntry(4)).toMatchObject({
        position: 4,
        kind: ENTRY_KIND.message,
        queue: QUEUE,
      })
      expect(log.readEntry(3)).toMatchObject({ kind: ENTRY_KIND.state, queue: 0 })
      expect(log.readEntry(7)).toBeNull()
      await log.close()
      const again = place.log()
      const { nextPosition, tail } = await again.open()
      expect(nextPosition).toBe(7)
      const all = [...tail]
      expect(all.map((entry) => entry.position)).toEqual([0, 1, 2, 3, 4, 5, 6])
      expect(all.map(described).slice(2)).toEqual([
        'message 2',
        'topic a',
        'message 4',
        'message 5',
        'topic b',
      ])
      await again.close()
    })

    test('a checkpoint shortens what is replayed', async () => {
      const log = await opened(place)
      await log.append(messages(0, 3))
      await log.checkpoint(Buffer.from('first'), NONE)
      await log.append(messages(3, 2))
      await log.checkpoint(Buffer.from('second'), NONE)
      await log.append(messages(5, 2))
      await log.close()
      const again = place.log()
      const { snapshot, tail } = await again.open()
      expect(snapshot?.position).toBe(5)
      expect(Buffer.from(snapshot!.state).toString()).toBe('second')
      expect([...tail].map((entry) => entry.position)).toEqual([5, 6])
      await again.close()
    })

    test('index blocks are found by offset and by time, and the longer replaces the shorter', async () => {
      const log = await opened(place)
      const block = { queue: QUEUE, firstOffset: 0, firstPosition: 0, count: 3, firstTimeMs: 100 }
      const next = { ...block, firstOffset: 5, firstPosition: 5, firstTimeMs: 105 }
      await log.append(Buffer.concat([messages(0, 8), packBlock(block)]))
      expect(log.findIndexBlock(QUEUE, 4)).toBeNull()
      await log.append(packBlock({ ...block, count: 5 }))
      await log.checkpoint(STATE, packBlock(next))
      expect(decodeIndexBlock(log.findIndexBlock(QUEUE, 4)!).positions.length).toBe(5)
      expect(decodeIndexBlock(log.findIndexBlock(QUEUE, 5)!).firstOffset).toBe(5)
      expect(log.findIndexBlock(QUEUE, 8)).toBeNull()
      expect(log.findIndexBlock(queueKey(7, 2), 0)).toBeNull()
      expect(log.findIndexBlockByTime(QUEUE, 99)).toBeNull()
      expect(decodeIndexBlock(log.findIndexBlockByTime(QUEUE, 104)!).firstOffset).toBe(0)
      expect(decodeIndexBlock(log.findIndexBlockByTime(QUEUE, 999)!).firstOffset).toBe(5)
      await log.close()
      const again = place.log()
      const { indexed } = await again.open()
      expect(indexed).toEqual([{ queue: QUEUE, minOffset: 0, nextOffset: 8 }])
      expect(decodeIndexBlock(again.findIndexBlock(QUEUE, 7)!).firstOffset).toBe(5)
      await again.close()
    })

    test('a segment ends at its size, the next begins with the snapshot', async () => {
      const log = await opened(place, 60_000)
      const isRollDue = (): boolean => log.isRollDue
      let position = 0
      while (!isRollDue()) {
        await log.append(messages(position, 10))
        position += 10
      }
      const block = { queue: QUEUE, firstOffset: 0, firstPosition: 0, count: 10, firstTimeMs: 0 }
      await log.roll(Buffer.from('rolled'), packBlock(block))
      expect(isRollDue()).toBe(false)
      await log.append(messages(position, 5))
      const infos = log.segments()
      expect(infos.map((info) => info.basePosition)).toEqual([0, position])
      expect(infos.map((info) => info.nextPosition)).toEqual([position, position + 5])
      expect(infos[0]!.newestStoreTimeMs).toBe(position - 1)
      expect(infos[0]!.bytes).toBeGreaterThanOrEqual(60_000)
      // Across the border, in one read.
      expect(bodies(log.readPayloads([position - 1, position]))).toEqual([
        `message ${position - 1}`,
        `message ${position}`,
      ])
      await log.close()
      const again = place.log()
      const recovery = await again.open()
      expect(recovery.snapshot?.position).toBe(position)
      expect(Buffer.from(recovery.snapshot!.state).toString()).toBe('rolled')
      expect([...recovery.tail].length).toBe(5)
      expect(decodeIndexBlock(again.findIndexBlock(QUEUE, 3)!).firstOffset).toBe(0)
      expect(again.segments().map((info) => info.nextPosition)).toEqual([position, position + 5])
      expect(again.segments()[0]!.newestStoreTimeMs).toBe(position - 1)
      await again.close()
    })

    test('the oldest segment goes with its entries and blocks; the active one stays', async () => {
      const log = await opened(place)
      const block = { queue: QUEUE, firstOffset: 0, firstPosition: 0, count: 4, firstTimeMs: 0 }
      const later = { ...block, firstOffset: 4, firstPosition: 4, firstTimeMs: 4 }
      await log.append(messages(0, 4))
      await log.roll(STATE, packBlock(block))
      await log.append(messages(4, 4))
      await log.roll(STATE, packBlock(later))
      const left = await log.dropOldestSegment()
      expect(left.minPosition).toBe(4)
      expect(left.indexed).toEqual([{ queue: QUEUE, minOffset: 4, nextOffset: 8 }])
      expect(log.readEntry(3)).toBeNull()
      expect(log.findIndexBlock(QUEUE, 0)).toBeNull()
      expect(bodies(log.readPayloads([4]))).toEqual(['message 4'])
      await log.dropOldestSegment()
      expect(await outcomeOf(() => log.dropOldestSegment())).toBe('assertion')
      await log.append(messages(8, 1))
      await log.close()
      const again = place.log()
      const recovery = await again.open()
      expect([recovery.minPosition, recovery.nextPosition]).toEqual([8, 9])
      await again.close()
    })

    test('a second handle on the same place is refused until the first is closed', async () => {
      const log = await opened(place)
      const second = place.log()
      expect(await outcomeOf(() => second.open())).toBe('DATA_FOLDER_LOCKED')
      await log.append(messages(0, 1))
      await log.close()
      const third = await opened(place)
      expect(third.readEntry(0)).not.toBeNull()
      await third.close()
    })

    test('a damaged entry is reported, never served; the others are', async () => {
      const log = await opened(place)
      await log.append(messages(0, 5))
      await log.checkpoint(STATE, NONE)
      await log.close()
      place.damage(2)
      const again = await opened(place)
      expect(await outcomeOf(() => again.readPayloads([1, 2, 3]))).toBe('DATA_CORRUPT')
      expect(await outcomeOf(() => again.readEntry(2))).toBe('DATA_CORRUPT')
      expect(bodies(again.readPayloads([1, 3]))).toEqual(['message 1', 'message 3'])
      await again.close()
    })

    test('damage in what must be replayed is refused at open or when it is read', async () => {
      const log = await opened(place)
      await log.append(messages(0, 5))
      await log.close()
      place.damage(3)
      const again = place.log()
      const replayed = async (): Promise<unknown> => [...(await again.open()).tail]
      expect(await outcomeOf(replayed)).toBe('DATA_CORRUPT')
      await again.close()
    })

    for (const [state, refused] of Object.entries(REFUSED)) {
      test(`operations of a log that is ${state}`, async () => {
        const log = await logIn(state, place)
        for (const [name, operation] of Object.entries(OPERATIONS)) {
          const pending = state === 'busy' ? log.append(packState('under way')) : null
          const outcome = await outcomeOf(() => operation(log))
          await pending
          expect(`${name}: ${outcome}`).toBe(`${name}: ${refused[name] ?? 'ok'}`)
        }
        await log.close()
      })
    }

    test('random appends, checkpoints, rolls, retirements and restarts keep every entry', async () => {
      const seed = Number(Bun.env['SEED'] ?? 20_260_101)
      const random = seededRandom(seed)
      for (let round = 0; round < 5; round++) {
        const fresh = makePlace()
        try {
          await compareWithModel(fresh, random)
        } catch (error) {
          throw new Error(`seed ${seed}, round ${round}`, { cause: error })
        } finally {
          fresh.remove()
        }
      }
    })
  })
}

/** Does random things to a log and to a plain array of texts, and compares. */
async function compareWithModel(place: LogPlace, random: Random): Promise<void> {
  const texts: string[] = []
  let snapshotAt = 0
  let minPosition = 0
  const bases = [0]
  let log = await opened(place)
  for (let step = 0; step < 60; step++) {
    const dice = random.below(20)
    if (dice < 12) {
      const added = Array.from({ length: 1 + random.below(20) }, () =>
        random.hex(random.below(300)),
      )
      await log.append(Buffer.concat(added.map(packState)))
      texts.push(...added)
    } else if (dice < 14) {
      await log.checkpoint(Buffer.from(String(texts.length)), NONE)
      snapshotAt = texts.length
    } else if (dice < 16 && texts.length > bases[bases.length - 1]!) {
      await log.roll(Buffer.from(String(texts.length)), NONE)
      snapshotAt = texts.length
      bases.push(texts.length)
    } else if (dice === 16 && bases.length > 1) {
      bases.shift()
      minPosition = bases[0]!
      expect((await log.dropOldestSegment()).minPosition).toBe(minPosition)
    } else if (dice >= 18) {
      await log.close()
      log = place.log()
      const recovery = await log.open()
      expect([recovery.minPosition, recovery.nextPosition]).toEqual([minPosition, texts.length])
      expect(recovery.snapshot?.position ?? 0).toBe(snapshotAt)
      expect([...recovery.tail].map(described)).toEqual(texts.slice(snapshotAt))
    }
    const position = random.below(texts.length + 2)
    const entry = log.readEntry(position)
    const isThere = position >= minPosition && position < texts.length
    expect(entry === null ? null : described(entry)).toBe(isThere ? texts[position]! : null)
  }
  await log.close()
}
