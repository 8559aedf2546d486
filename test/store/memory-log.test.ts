// Goal: the log in memory keeps the contract, and its faults and crashes are what they say: nothing
// acknowledged is ever lost, whichever write fails. Method: the contract suite; then a fixed script
// of writes with the n-th one failing, for every n.

import { describe, expect, test } from 'bun:test'
import { MqError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import type { AppendLog } from '../../src/store/append-log.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { type MemoryFault, MemoryLog } from '../../src/store/memory-log.ts'
import { packState } from '../support/packed.ts'
import { describeAppendLog, type LogPlace, OPERATIONS, outcomeOf } from './append-log-contract.ts'
import { describeCrash } from './append-log-crash.ts'

let diskCount = 0

function memoryPlace(): LogPlace {
  const disk = new MemoryDisk({ random: seededRandom(++diskCount) })
  const place: LogPlace = {
    log: (options = {}) => new MemoryLog({ disk, ...options }),
    crashed: async (log) => {
      ;(log as MemoryLog).crashAnywhere()
      return place
    },
    damage: (position) => disk.damage(position),
    remove: () => {},
  }
  return place
}

describeAppendLog('in memory', memoryPlace)
describeCrash('in memory', memoryPlace)

const NONE = new Uint8Array(0)
const STATE = Buffer.from('state')

/** Writes that a broker does; returns what was acknowledged, and stops for good at DISK_FAILED. */
async function runScript(log: AppendLog): Promise<string[]> {
  const acknowledged: string[] = []
  const steps: (() => Promise<void>)[] = []
  for (let i = 0; i < 12; i++) {
    steps.push(async () => {
      await log.append(Buffer.concat([packState(`a${i}`), packState(`b${i}`)]))
      acknowledged.push(`a${i}`, `b${i}`)
    })
    if (i % 3 === 2) steps.push(() => log.checkpoint(STATE, NONE))
    if (i % 5 === 4) steps.push(() => log.roll(STATE, NONE))
  }
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof MqError)) throw error
      if (error.code !== 'DISK_FULL') break
    }
  }
  return acknowledged
}

const STEPS = 18

async function allEntries(disk: MemoryDisk): Promise<string[]> {
  const log = new MemoryLog({ disk })
  const { nextPosition } = await log.open()
  const texts: string[] = []
  for (let position = 0; position < nextPosition; position++) {
    texts.push(Buffer.from(log.readEntry(position)!.payload).toString())
  }
  await log.close()
  return texts
}

describe('the n-th write fails, for every n', () => {
  const faults: MemoryFault[] = [
    { code: 'DISK_FULL' },
    { code: 'DISK_FAILED' },
    { code: 'DISK_FAILED', isWritten: true },
  ]
  for (const fault of faults) {
    test(`${fault.code}${fault.isWritten ? ', written all the same' : ''}`, async () => {
      for (let n = 1; n <= STEPS; n++) {
        const disk = new MemoryDisk({ random: seededRandom(n) })
        const log = new MemoryLog({ disk })
        await log.open()
        log.failWrite(n, fault)
        const acknowledged = await runScript(log)
        log.crash()
        const stored = await allEntries(disk)
        // What was answered with an error may be there, but only behind what was acknowledged.
        expect(stored.slice(0, acknowledged.length)).toEqual(acknowledged)
        expect(stored.length - acknowledged.length).toBeLessThanOrEqual(fault.isWritten ? 2 : 0)
      }
    })
  }

  test('the script has as many writes as the loop counts to', async () => {
    const disk = new MemoryDisk({ random: seededRandom(1) })
    const log = new MemoryLog({ disk })
    await log.open()
    log.failWrite(STEPS, { code: 'DISK_FAILED' })
    log.failWrite(STEPS + 1, { code: 'DISK_FAILED' })
    await runScript(log)
    await expect(log.append(packState('x'))).rejects.toMatchObject({ code: 'DISK_FAILED' })
  })
})

const FAILED = { append: 'DISK_FAILED', checkpoint: 'DISK_FAILED', roll: 'DISK_FAILED' }

describe('operations after a write failed', () => {
  const rows: [MemoryFault['code'], Record<string, string>][] = [
    ['DISK_FULL', { open: 'assertion' }],
    ['DISK_FAILED', { ...FAILED, dropOldestSegment: 'DISK_FAILED', open: 'assertion' }],
  ]
  for (const [code, refused] of rows) {
    test(code, async () => {
      const log = new MemoryLog({ disk: new MemoryDisk({ random: seededRandom(1) }) })
      await log.open()
      await log.append(packState('a'))
      await log.roll(STATE, NONE)
      log.failWrite(1, { code })
      await expect(log.append(packState('b'))).rejects.toMatchObject({ code })
      for (const [name, operation] of Object.entries(OPERATIONS)) {
        const outcome = await outcomeOf(() => operation(log))
        expect(`${name}: ${outcome}`).toBe(`${name}: ${refused[name] ?? 'ok'}`)
      }
    })
  }
})

test('a crash loses what is under way and nothing else, and frees the disk', async () => {
  const clock = new VirtualClock()
  const disk = new MemoryDisk({ random: seededRandom(1) })
  const log = new MemoryLog({ disk, clock, commitMs: 5 })
  await log.open()
  await clock.runFor(log.append(packState('kept')), 10)
  let isSettled = false
  const underWay = log.append(packState('lost'))
  underWay.finally(() => {
    isSettled = true
  })
  await clock.advance(2)
  log.crash()
  await clock.advance(10)
  expect(isSettled).toBe(false)
  expect(await allEntries(disk)).toEqual(['kept'])
})
