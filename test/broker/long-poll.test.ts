// Goal: a parked pull leaves exactly once: by an answer, at its deadline, or with its connection; and
// there are never more than allowed. Method: each way alone, then random mixtures under printed seeds
// against a plain list.

import { describe, expect, test } from 'bun:test'
import { LongPoll, type ParkedPull } from '../../src/broker/long-poll.ts'
import { seededRandom } from '../../src/core/random.ts'

interface TestPull extends ParkedPull {
  id: number
}

const client = { name: 'client' }
const ROOM = { countMax: 10, countPerOwnerMax: 10 }

function pullOf(id: number, options: Partial<TestPull> = {}): TestPull {
  return { id, queue: 1, owner: client, deadlineMs: 15_000, ...options }
}

describe('a parked pull', () => {
  test('is offered to arrivals in its queue only, until it is answered', () => {
    const polls = new LongPoll<TestPull>(ROOM)
    polls.park(pullOf(1))
    polls.park(pullOf(2, { queue: 2 }))
    const offered: number[] = []
    const offer = (queue: number, isAnswered: boolean): void =>
      polls.offer(queue, (pull) => {
        offered.push(pull.id)
        return isAnswered
      })
    offer(3, true)
    offer(1, false)
    offer(1, true)
    offer(1, true)
    expect(offered).toEqual([1, 1])
    expect(polls.queues()).toEqual([2])
    expect(polls.count).toBe(1)
  })

  test('leaves at its deadline, at most a slot late and never early', () => {
    const polls = new LongPoll<TestPull>(ROOM)
    expect(polls.nextDeadlineMs()).toBeNull()
    polls.park(pullOf(1, { deadlineMs: 1_001 }))
    polls.park(pullOf(2, { deadlineMs: 1_200 }))
    expect(polls.nextDeadlineMs()).toBe(1_100)
    expect(polls.takeExpired(1_099)).toEqual([])
    expect(polls.takeExpired(1_100).map((pull) => pull.id)).toEqual([1])
    expect(polls.nextDeadlineMs()).toBe(1_200)
    expect(polls.takeExpired(1_200).map((pull) => pull.id)).toEqual([2])
    expect(polls.takeExpired(9_999)).toEqual([])
  })

  test('leaves with its connection, even while it is being offered', () => {
    const polls = new LongPoll<TestPull>(ROOM)
    polls.park(pullOf(1))
    polls.park(pullOf(2))
    let offers = 0
    polls.offer(1, () => {
      offers++
      polls.removeOwner(client)
      return true
    })
    expect([offers, polls.count]).toEqual([1, 0])
    polls.removeOwner(client)
    expect(polls.count).toBe(0)
  })

  test('is refused above the limit, and there is room again when one left', () => {
    const polls = new LongPoll<TestPull>({ countMax: 2, countPerOwnerMax: 2 })
    expect([pullOf(1), pullOf(2), pullOf(3)].map((pull) => polls.park(pull))).toEqual([
      true,
      true,
      false,
    ])
    polls.takeAll()
    expect(polls.park(pullOf(3))).toBe(true)
  })

  test('does not take the room of other connections', () => {
    const polls = new LongPoll<TestPull>({ countMax: 10, countPerOwnerMax: 1 })
    expect(polls.park(pullOf(1))).toBe(true)
    expect(polls.park(pullOf(2))).toBe(false)
    expect(polls.park(pullOf(3, { owner: {} }))).toBe(true)
  })
})

test('random mixtures agree with a plain list', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const owners = [{}, {}, {}]
    const polls = new LongPoll<TestPull>({ countMax: 40, countPerOwnerMax: 40 })
    let model: TestPull[] = []
    for (let i = 0; i < 400; i++) {
      const nowMs = i * 10
      const owner = owners[random.below(3)]!
      const queue = random.below(4)
      const choice = random.below(8)
      if (choice === 0) {
        const isAnswered = (pull: TestPull): boolean => pull.id % 3 === 0
        polls.offer(queue, isAnswered)
        model = model.filter((pull) => pull.queue !== queue || !isAnswered(pull))
      } else if (choice === 1) {
        const due = (pull: TestPull): boolean => Math.ceil(pull.deadlineMs / 100) * 100 <= nowMs
        const expired = polls.takeExpired(nowMs).map((pull) => pull.id)
        expect(expired.sort(), `seed ${seed}`).toEqual(
          model
            .filter(due)
            .map((p) => p.id)
            .sort(),
        )
        model = model.filter((pull) => !due(pull))
      } else if (choice === 2) {
        polls.removeOwner(owner)
        model = model.filter((pull) => pull.owner !== owner)
      } else {
        const pull = pullOf(i, { queue, owner, deadlineMs: nowMs + random.below(1_000) })
        expect(polls.park(pull)).toBe(model.length < 40)
        if (model.length < 40) model.push(pull)
      }
      expect(polls.count, `seed ${seed} step ${i}`).toBe(model.length)
      expect(polls.queues().sort()).toEqual([...new Set(model.map((p) => p.queue))].sort())
    }
  }
})
