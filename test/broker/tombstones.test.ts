// Goal: deletions are remembered for as long as promised, in bounded memory, and forgotten by what the
// log says alone. Method: the table itself, with times and counts at its limits.

import { describe, expect, test } from 'bun:test'
import { Tombstones } from '../../src/broker/tombstones.ts'
import { drawBirthId, workOutBirthId } from '../../src/broker/topic-births.ts'
import {
  TOMBSTONE_AGE_MS_MAX,
  TOMBSTONE_COUNT_MAX,
  TOMBSTONE_GRACE_MS,
} from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'

const DAY_MS = 86_400_000

function buried(birthId: string, deletedMs: number, name = 't') {
  return { id: 0, name, deletedMs, birthId }
}

describe('age', () => {
  test('what is registered ends a little before what is remembered', () => {
    const tombstones = new Tombstones()
    tombstones.add(buried('x', 0), 0)
    expect(tombstones.buried(TOMBSTONE_AGE_MS_MAX).length).toBe(1)
    expect(tombstones.buried(TOMBSTONE_AGE_MS_MAX + 1)).toEqual([])
    const endMs = TOMBSTONE_AGE_MS_MAX + TOMBSTONE_GRACE_MS
    tombstones.add(buried('y', endMs), endMs)
    expect(tombstones.has('x')).toBe(true)
    tombstones.add(buried('z', endMs + 1), endMs + 1)
    expect(tombstones.has('x')).toBe(false)
    expect(tombstones.isForgetful).toBe(false)
  })

  test('from outside, nothing is taken in that has ended', () => {
    const tombstones = new Tombstones()
    const grave = { name: 't', birthId: 'x', deletedMs: 0 }
    expect(tombstones.hasRoomFor(grave, TOMBSTONE_AGE_MS_MAX)).toBe(true)
    expect(tombstones.hasRoomFor(grave, TOMBSTONE_AGE_MS_MAX + 1)).toBe(false)
  })
})

describe('count', () => {
  test('the oldest go first, and none of them is taken in again', () => {
    const tombstones = new Tombstones()
    for (let at = 1; at <= TOMBSTONE_COUNT_MAX; at++) tombstones.add(buried(`x${at}`, at), at)
    expect(tombstones.isForgetful).toBe(false)
    tombstones.add(buried('new', DAY_MS), DAY_MS)
    expect(tombstones.list.length).toBe(TOMBSTONE_COUNT_MAX)
    expect(tombstones.has('x1')).toBe(false)
    expect(tombstones.has('x2')).toBe(true)
    expect(tombstones.isForgetful).toBe(true)
    // Otherwise two brokers would hand each other what both drop, for ever.
    expect(tombstones.hasRoomFor({ name: 't', birthId: 'x1', deletedMs: 1 }, DAY_MS)).toBe(false)
    expect(tombstones.hasRoomFor({ name: 't', birthId: 'n2', deletedMs: DAY_MS }, DAY_MS)).toBe(
      true,
    )
  })
})

test('what ended on this broker only is not told to others', () => {
  const tombstones = new Tombstones()
  tombstones.add({ ...buried('x', 1), isLocal: true }, 1)
  expect(tombstones.buried(1)).toEqual([])
  expect(tombstones.has('x')).toBe(false)
  expect(tombstones.endedHere('x')).toBe(true)
})

describe('a birth id that is worked out', () => {
  const random = seededRandom(1)

  test('is the same wherever the same is known, and another one after each deletion', () => {
    const [a, b] = [new Tombstones(), new Tombstones()]
    const seen = new Set<string>()
    for (let round = 0; round < 5; round++) {
      const id = workOutBirthId('t', a, random)
      expect(workOutBirthId('t', b, random)).toBe(id)
      expect(seen.has(id)).toBe(false)
      seen.add(id)
      // In another order, and with other topics between.
      a.add(buried(id, round), round)
      a.add(buried(`other-${round}`, round), round)
      b.add(buried(`strange-${round}`, round, 'u'), round)
      b.add(buried(`other-${round}`, round), round)
      b.add(buried(id, round), round)
    }
    expect(workOutBirthId('u', a, random)).not.toBe(workOutBirthId('t', a, random))
  })

  test('is drawn where deletions were forgotten: it could be one of them', () => {
    const tombstones = new Tombstones()
    tombstones.restore([], true)
    const ids = [1, 2].map(() => workOutBirthId('t', tombstones, random))
    expect(ids[0]).not.toBe(ids[1] as string)
    expect(drawBirthId(random)).toMatch(/^[0-9a-f]{16}$/)
  })
})
