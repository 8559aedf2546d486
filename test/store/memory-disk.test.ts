// Goal: the simulated disk loses what a real one may lose, and nothing else. Method: numbered state
// entries, one per write; crashes and power cuts at every moment; then a look at what is left.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { packState } from '../support/packed.ts'

const COMMIT_MS = 4
const SYNC_DELAY_MS = 500

interface Place {
  clock: VirtualClock
  disk: MemoryDisk
  log: MemoryLog
}

async function place(options: { seed: number; syncDelayMs?: number }): Promise<Place> {
  const clock = new VirtualClock()
  const { syncDelayMs = null } = options
  const disk = new MemoryDisk({ random: seededRandom(options.seed), syncDelayMs })
  const log = new MemoryLog({ disk, clock, commitMs: COMMIT_MS })
  await log.open()
  return { clock, disk, log }
}

function entries(disk: MemoryDisk): string[] {
  return [...disk.entriesFrom(0)].map(({ payload }) => Buffer.from(payload).toString())
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `e${i}`)
}

/** Writes one entry after the other for `forMs`; returns how many were acknowledged. */
async function write({ clock, log }: Place, forMs: number): Promise<number> {
  let count = 0
  const loop = async (): Promise<void> => {
    for (;;) {
      await log.append(packState(`e${count}`))
      count++
    }
  }
  void loop()
  await clock.advance(forMs)
  return count
}

test('a power cut keeps what was acknowledged; the write under way is there or not', async () => {
  const kept = new Set<number>()
  for (let seed = 1; seed <= 20; seed++) {
    const it = await place({ seed })
    const count = await write(it, 50)
    expect(it.log.cutPower()).toEqual([])
    const left = entries(it.disk)
    expect(left.slice(0, count)).toEqual(numbered(count))
    kept.add(left.length - count)
  }
  expect([...kept].sort()).toEqual([0, 1])
})

test('a killed process leaves all that was acknowledged, also where syncs come later', async () => {
  const kept = new Set<number>()
  for (let seed = 1; seed <= 20; seed++) {
    const it = await place({ seed, syncDelayMs: SYNC_DELAY_MS })
    const count = await write(it, 50)
    it.log.crashAnywhere()
    kept.add(entries(it.disk).length - count)
  }
  expect([...kept].sort()).toEqual([0, 1])
})

test('with late syncs a power cut takes an end of at most the delay, and says what it took', async () => {
  let lostMost = 0
  for (let seed = 1; seed <= 40; seed++) {
    const it = await place({ seed, syncDelayMs: SYNC_DELAY_MS })
    const count = await write(it, 3_000)
    const lost = it.log.cutPower().map(({ payload }) => Buffer.from(payload).toString())
    const left = entries(it.disk)
    // A prefix, and together with what was lost all there was.
    expect(left).toEqual(numbered(left.length))
    if (lost.length > 0) expect([...left, ...lost]).toEqual(numbered(count))
    else expect(left.length).toBeGreaterThanOrEqual(count)
    expect(lost.length).toBeLessThanOrEqual(SYNC_DELAY_MS / COMMIT_MS + 1)
    lostMost = Math.max(lostMost, lost.length)
  }
  expect(lostMost).toBeGreaterThan(50)
})

test('what was kept by one power cut is still there after the next', async () => {
  const it = await place({ seed: 7, syncDelayMs: SYNC_DELAY_MS })
  await write(it, 1_000)
  it.log.cutPower()
  const left = entries(it.disk)
  const again = new MemoryLog({ disk: it.disk, clock: it.clock, commitMs: COMMIT_MS })
  await again.open()
  again.cutPower()
  expect(entries(it.disk)).toEqual(left)
})

test('a roll that is cut short leaves the old segment, with or without the new one', async () => {
  const counts = new Set<number>()
  for (let seed = 1; seed <= 30; seed++) {
    const { clock, disk, log } = await place({ seed })
    await clock.runFor(log.append(packState('e0')), 100)
    void log.roll(Buffer.from('state'), new Uint8Array(0))
    await clock.advance(COMMIT_MS / 2)
    log.cutPower()
    counts.add(disk.segments.length)
    expect(entries(disk)).toEqual(['e0'])
  }
  expect([...counts].sort()).toEqual([1, 2])
})

test('full, failing and slow devices', async () => {
  const { clock, disk, log } = await place({ seed: 3 })
  disk.conditions.isFull = true
  await expect(clock.runFor(log.append(packState('x')), 100)).rejects.toThrow('write 1')
  disk.conditions.isFull = false
  disk.conditions.slowMs = 1_000
  const startedMs = clock.monoMs()
  await clock.runFor(log.append(packState('e0')), 5_000)
  expect(clock.monoMs() - startedMs).toBe(1_000 + COMMIT_MS)
  disk.conditions.slowMs = 0
  disk.conditions.nextFailure = 'written'
  await expect(clock.runFor(log.append(packState('e1')), 100)).rejects.toMatchObject({
    code: 'DISK_FAILED',
  })
  await expect(log.append(packState('x'))).rejects.toMatchObject({ code: 'DISK_FAILED' })
  log.crash()
  expect(entries(disk)).toEqual(['e0', 'e1'])
})
