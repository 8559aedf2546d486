// Goal: the list behind the seeds follows the name service, and what worked once stays (R33).
// Method: a name service of one table under virtual time; broken on purpose: with REFRESH_MS_MIN at 0,
// with the last good list dropped on a failure, and with a failure reported at every try.

import { beforeEach, describe, expect, test } from 'bun:test'
import { REFRESH_MS_MAX, REFRESH_MS_MIN, SeedList } from '../../src/remoting/seed-list.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { NameTable } from '../support/name-table.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

let clock: VirtualClock
let names: NameTable
let lines: string[]
let changes: (readonly string[])[]
let list: SeedList

beforeEach(() => {
  clock = new VirtualClock()
  names = new NameTable()
  changes = []
  const recording = recordingLogger(clock)
  lines = recording.lines
  list = new SeedList({
    resolver: names,
    clock,
    logger: recording.logger,
    onChange: (addresses) => changes.push(addresses),
  })
})

function set(seeds: readonly string[], resolver?: NameTable): Promise<readonly string[]> {
  return clock.runFor(list.set(seeds, resolver), 20_000) as Promise<readonly string[]>
}

const warnings = (): string[] => lines.filter((line) => line.includes('cannot look up'))

describe('addresses', () => {
  test('R33: every address of a name is used, beside what was given as it is', async () => {
    names.set('mq.test', ['10.0.0.2', '10.0.0.1', 'fd00::1'])
    expect(await set(['dns:mq.test:9876', '10.0.0.1:9876', 'other:1'])).toEqual([
      '10.0.0.1:9876',
      '10.0.0.2:9876',
      '[fd00::1]:9876',
      'other:1',
    ])
    expect(changes).toEqual([])
  })

  test('without names nobody is asked, now or later', async () => {
    expect(await set(['a:1', 'b:2', 'a:1'])).toEqual(['a:1', 'b:2'])
    await clock.advance(REFRESH_MS_MAX * 2)
    expect(names.asked).toEqual([])
  })
})

describe('refresh', () => {
  test('R33: a record that is added or removed counts once the time to live is over', async () => {
    names.set('mq.test', ['10.0.0.1'], 8_000)
    await set(['dns:mq.test:1'])
    names.set('mq.test', ['10.0.0.2', '10.0.0.1'], 8_000)
    await clock.advance(7_900)
    expect(changes).toEqual([])
    await clock.advance(200)
    expect(changes).toEqual([['10.0.0.1:1', '10.0.0.2:1']])
    names.set('mq.test', ['10.0.0.2'], 8_000)
    await clock.advance(8_100)
    expect(changes.at(-1)).toEqual(['10.0.0.2:1'])
  })

  test('R33: an order that rotates is no change', async () => {
    names.set('mq.test', ['10.0.0.1', '10.0.0.2'])
    await set(['dns:mq.test:1'])
    names.set('mq.test', ['10.0.0.2', '10.0.0.1'])
    await clock.advance(30_000)
    expect(names.asked.length).toBeGreaterThan(2)
    expect(changes).toEqual([])
  })

  test.each([
    [0, REFRESH_MS_MIN],
    [60_000, 60_000],
    [86_400_000, REFRESH_MS_MAX],
  ])('R33: a time to live of %p ms is asked again after %p ms', async (ttlMs, expectedMs) => {
    names.set('mq.test', ['10.0.0.1'], ttlMs)
    await set(['dns:mq.test:1'])
    await clock.advance(expectedMs - 1)
    expect(names.asked.length).toBe(1)
    await clock.advance(2)
    expect(names.asked.length).toBe(2)
  })
})

describe('failures', () => {
  test('R33: a name that vanished leaves the last good list, said once, and back it is said', async () => {
    names.set('mq.test', ['10.0.0.1', '10.0.0.2'])
    await set(['dns:mq.test:1'])
    names.remove('mq.test')
    await clock.advance(60_000)
    expect(list.addresses).toEqual(['10.0.0.1:1', '10.0.0.2:1'])
    expect(changes).toEqual([])
    expect(warnings().length).toBe(1)
    expect(warnings()[0]).toContain('there is no name mq.test')
    expect(warnings()[0]).toContain('10.0.0.1, 10.0.0.2')
    names.set('mq.test', ['10.0.0.3'])
    await clock.advance(REFRESH_MS_MIN + 100)
    expect(changes).toEqual([['10.0.0.3:1']])
    expect(lines.at(-1)).toContain('mq.test can be looked up again')
  })

  test('R33: a name service that is down or mute is bridged the same way', async () => {
    names.set('mq.test', ['10.0.0.1'])
    await set(['dns:mq.test:1'])
    names.isDown = true
    await clock.advance(30_000)
    names.isDown = false
    names.isMute = true
    await clock.advance(60_000)
    expect(list.addresses).toEqual(['10.0.0.1:1'])
    expect(warnings().length).toBe(1)
  })

  test('R33: half an answer replaces its half, and takes nothing of the other away', async () => {
    names.set('mq.test', ['10.0.0.1', 'fd00::1'])
    await set(['dns:mq.test:1'])
    names.isComplete = false
    for (const address of ['10.0.0.2', '10.0.0.3']) {
      names.set('mq.test', [address])
      await clock.advance(11_000)
      expect(list.addresses).toEqual([`${address}:1`, '[fd00::1]:1'])
    }
  })

  test('R33: a name nobody knows yet is found when it comes; the other seeds do not wait', async () => {
    names.isMute = true
    const startedMs = clock.monoMs()
    expect(await set(['dns:mq.test:1', 'b:2'])).toEqual(['b:2'])
    expect(clock.monoMs() - startedMs).toBeLessThanOrEqual(5_100)
    names.isMute = false
    names.set('mq.test', ['10.0.0.1'])
    await clock.advance(REFRESH_MS_MIN + 100)
    expect(changes).toEqual([['10.0.0.1:1', 'b:2']])
  })

  test('R33: even the first list may come late', async () => {
    expect(await set(['dns:mq.test:1'])).toEqual([])
    names.set('mq.test', ['10.0.0.1'])
    await clock.advance(REFRESH_MS_MIN + 100)
    expect(changes).toEqual([['10.0.0.1:1']])
  })
})

describe('other seeds', () => {
  test('R32: they replace the old ones, which are asked for no more', async () => {
    names.set('old.test', ['10.0.0.1'])
    names.set('new.test', ['10.0.0.2'])
    await set(['dns:old.test:1'])
    expect(await set(['dns:new.test:1', 'c:3'])).toEqual(['10.0.0.2:1', 'c:3'])
    names.asked.length = 0
    await clock.advance(60_000)
    expect(new Set(names.asked)).toEqual(new Set(['new.test']))
  })

  test('R32: seeds that lead nowhere do not end what works', async () => {
    await set(['a:1'])
    expect(await set(['dns:typo.test:1'])).toEqual(['a:1'])
    expect(warnings().length).toBe(1)
  })

  test('R32: another resolver is asked at once, and its answers count', async () => {
    names.set('mq.test', ['10.0.0.1'])
    await set(['dns:mq.test:1'])
    const other = new NameTable()
    other.set('mq.test', ['10.0.0.9'])
    expect(await set(['dns:mq.test:1'], other)).toEqual(['10.0.0.9:1'])
    names.asked.length = 0
    await clock.advance(60_000)
    expect(names.asked).toEqual([])
  })

  test('R32: seeds set while a name is being asked for do not end its refreshes', async () => {
    names.set('mq.test', ['10.0.0.1'])
    await set(['dns:mq.test:1'])
    names.isMute = true
    await clock.advance(11_000)
    expect(names.asked.length).toBe(2)
    const again = list.set(['dns:mq.test:1', 'b:2'])
    await clock.advance(100)
    names.isMute = false
    expect(await clock.runFor(again, 20_000)).toEqual(['10.0.0.1:1', 'b:2'])
    names.set('mq.test', ['10.0.0.9'])
    await clock.advance(30_000)
    expect(list.addresses).toEqual(['10.0.0.9:1', 'b:2'])
  })

  test('stopped, it asks and tells nothing more', async () => {
    names.set('mq.test', ['10.0.0.1'])
    await set(['dns:mq.test:1'])
    list.stop()
    names.set('mq.test', ['10.0.0.2'])
    await clock.advance(60_000)
    expect(names.asked.length).toBe(1)
    expect(changes).toEqual([])
  })
})
