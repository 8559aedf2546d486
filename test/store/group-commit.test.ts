// Goal: group commit under failure: a full disk rejects, rolls back and recovers; a failed one ends
// it; rolls and checkpoints that find no room change nothing. Method: the store on the log in memory
// under virtual time, with writes that the test makes fail.

import { describe, expect, test } from 'bun:test'
import { DISK_FULL_RETRY_MS } from '../../src/core/limits.ts'
import { send } from '../support/store-fixture.ts'
import { bench, bodies, COMMIT_MS, crashed, numbered, QUEUE } from '../support/virtual-store.ts'

describe('a full disk', () => {
  test('rejects what is under way and behind it, takes the numbers back, and recovers', async () => {
    const { store, clock, log, lines, failures } = await bench()
    await clock.runFor(send(store, ...numbered(1)).committed, 10)
    log.failWrite(1, { code: 'DISK_FULL' })
    const told: string[] = []
    const note = (name: string) => (error: { code: string } | null) =>
      told.push(`${name} ${error?.code}`)
    store.appendMessages(numbered(2, 7), note('under way'))
    await clock.advance(1)
    store.appendMessages(numbered(1, 8), note('forming'))
    store.appendState(Buffer.from('x'), note('state'))
    await clock.advance(COMMIT_MS)
    expect(told).toEqual(['under way DISK_FULL', 'forming DISK_FULL', 'state DISK_FULL'])
    expect(store.isReadOnly).toBe(true)
    expect(store.isFailed).toBe(false)
    expect(store.pendingBytes).toBe(0)
    expect(bodies(store)).toEqual(['m0'])
    // Refused at once, without asking the disk, until it is time to try again.
    const refused = send(store, ...numbered(1, 9)).committed
    refused.catch(() => {})
    await clock.advance(1)
    await expect(refused).rejects.toMatchObject({ code: 'DISK_FULL' })
    await clock.advance(DISK_FULL_RETRY_MS)
    const { assigned, committed } = send(store, ...numbered(1, 1))
    expect(assigned[0]).toMatchObject({ position: 1, queueOffset: 1 })
    await clock.runFor(committed, 10)
    expect(store.isReadOnly).toBe(false)
    expect(bodies(store)).toEqual(['m0', 'm1'])
    expect(lines.filter((line) => line.includes('read-only')).length).toBe(1)
    expect(failures).toEqual([])
  })

  test('a roll or checkpoint that finds no room changes nothing', async () => {
    const open = await bench({ segmentBytes: 30_000 })
    open.log.failWrite(8, { code: 'DISK_FULL' })
    const sent: string[] = []
    for (let i = 0; i < 800; i++) {
      send(open.store, ...numbered(1, i)).committed.then(
        () => sent.push(`m${i}`),
        () => {},
      )
      if (i % 20 === 19) await open.clock.advance(200)
    }
    await open.clock.advance(1000)
    const again = await crashed(open)
    const stored: string[] = []
    for (let offset = 0; offset < again.store.maxOffset(QUEUE); offset += 32) {
      stored.push(...bodies(again.store, { offset }))
    }
    expect(stored).toEqual(sent)
    expect(sent.length).toBeLessThan(800)
  })
})

describe('a failed disk', () => {
  test('fails everything for good and says so once', async () => {
    const { store, clock, log, failures } = await bench()
    await clock.runFor(send(store, ...numbered(1)).committed, 10)
    log.failWrite(1, { code: 'DISK_FAILED', isWritten: true })
    const underWay = send(store, ...numbered(1, 1)).committed
    await expect(clock.runFor(underWay, 10)).rejects.toMatchObject({ code: 'DISK_FAILED' })
    expect(store.isFailed).toBe(true)
    const later = send(store, ...numbered(1, 2)).committed
    await expect(clock.runFor(later, 10)).rejects.toMatchObject({ code: 'DISK_FAILED' })
    const checkpoint = clock.runFor(store.checkpoint(), 10)
    await expect(checkpoint).rejects.toMatchObject({ code: 'DISK_FAILED' })
    expect(failures.map((error) => error.code)).toEqual(['DISK_FAILED'])
    // What was committed can still be read, and closing works.
    expect(bodies(store)).toEqual(['m0'])
    await clock.runFor(store.close(), 10)
  })
})
