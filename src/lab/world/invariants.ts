// What must hold in every world, whatever went wrong in it. Each is a pure check over the recorded
// history, with a name under which a failure is reported and planted bugs are looked for.

import type { History, QueueText, Settled, Timed } from './history.ts'

export interface Invariant {
  name: string
  says: string
  /** Empty if it holds; else what broke it, worst first. */
  check(history: History): string[]
}

type Of<Kind extends Timed['kind']> = Extract<Timed, { kind: Kind }>

function all<Kind extends Timed['kind']>(history: History, kind: Kind): Of<Kind>[] {
  return history.events.filter((event): event is Of<Kind> => event.kind === kind)
}

export const INVARIANTS: readonly Invariant[] = [
  {
    name: 'acknowledged-is-stored',
    says: 'an acknowledged message is in the log where its receipt says, with the same content',
    check: ({ events, settled }) => {
      if (settled === null) return []
      const rewinds = new Rewinds(events)
      return events.flatMap((event) => {
        if (event.kind !== 'acknowledged' || rewinds.mayBeLost(event)) return []
        const id = settled.stored.get(event.queue)?.get(event.offset)
        if (id === event.id) return []
        return [`${event.id} was acknowledged as ${at(event)}, the log has ${id ?? 'nothing'}`]
      })
    },
  },
  {
    name: 'acknowledged-is-delivered',
    says: 'an acknowledged message reaches every group that reads its topic, at least once',
    check: (history) => {
      const { events, settled } = history
      if (settled === null) return []
      const rewinds = new Rewinds(events)
      const delivered = new Set(
        all(history, 'delivered').map((event) => `${event.group} ${event.id}`),
      )
      return all(history, 'acknowledged').flatMap((event) => {
        if (settled.lostQueues.has(event.queue) || rewinds.mayBeSkipped(event)) return []
        return readersOf(settled, event.topic)
          .filter((group) => !delivered.has(`${group} ${event.id}`))
          .map((group) => `${event.id}, acknowledged as ${at(event)}, never reached ${group}`)
      })
    },
  },
  {
    name: 'offset-is-stable',
    says: 'an offset of a queue never shows two different messages',
    check: ({ events, settled }) => {
      const seen = new Map<string, string>()
      const wrong: string[] = []
      const rewinds = new Rewinds(events)
      const look = (queue: QueueText, offset: number, id: string, where: string): void => {
        // Pulled before the power cut, handed out after it: an offset of a time that never was.
        if (rewinds.mayBeLost({ id })) return
        const known = seen.get(`${queue} ${offset}`)
        if (known === undefined) seen.set(`${queue} ${offset}`, id)
        else if (known !== id) wrong.push(`${queue} ${offset} was ${known}, and ${where} ${id}`)
      }
      for (const event of events) {
        if (event.kind === 'delivered') look(event.queue, event.offset, event.id, event.member)
        if (event.kind !== 'rewound') continue
        for (let o = event.fromOffset; o < event.toOffset; o++) seen.delete(`${event.queue} ${o}`)
      }
      for (const [queue, offsets] of settled?.stored ?? []) {
        for (const [offset, id] of offsets) look(queue, offset, id, 'the log')
      }
      return wrong
    },
  },
  {
    name: 'delivered-in-order',
    says: 'a group sees the offsets of a queue in order and leaves none out',
    check: ({ events }) => {
      const next = new Map<string, number>()
      const wrong: string[] = []
      const rewinds = new Rewinds(events)
      for (const event of events) {
        if (event.kind !== 'delivered') continue
        const key = `${event.group} ${event.queue}`
        const expected = next.get(key) ?? 0
        if (event.offset > expected && !rewinds.reuses(event.queue, expected)) {
          const { group, member, queue, offset } = event
          wrong.push(`${member} of ${group} got ${queue} ${offset}, but nobody got ${expected}`)
        }
        next.set(key, Math.max(expected, event.offset + 1))
      }
      return wrong
    },
  },
  {
    name: 'keys-in-order',
    says: 'messages of one producer with one key lie in their queue in the order they were sent',
    check: (history) => {
      const last = new Map<string, Of<'acknowledged'>>()
      const wrong: string[] = []
      const rewinds = new Rewinds(history.events)
      const keyed = all(history, 'acknowledged').filter(({ key }) => key !== null)
      for (const event of keyed.sort((a, b) => a.sequence - b.sequence)) {
        if (rewinds.mayBeLost(event)) continue
        const lane = `${event.producer} ${event.key} ${event.queue}`
        const before = last.get(lane)
        if (before !== undefined && before.offset >= event.offset) {
          wrong.push(`${event.id} is at ${at(event)}, ${before.id} before it at ${before.offset}`)
        }
        last.set(lane, event)
      }
      return wrong
    },
  },
  {
    name: 'stored-as-often-as-sent',
    says: 'a message lies in the logs no more often than its producer sent it',
    check: (history) => {
      const copies = new Map<string, number>()
      for (const offsets of history.settled?.stored.values() ?? []) {
        for (const id of offsets.values()) copies.set(id, (copies.get(id) ?? 0) + 1)
      }
      return all(history, 'acknowledged').flatMap(({ id, attempts }) => {
        const count = copies.get(id) ?? 0
        return count > attempts ? [`${id} was sent ${attempts} times and is stored ${count}`] : []
      })
    },
  },
  {
    name: 'no-success-after-sync-error',
    says: 'a broker whose log failed acknowledges nothing any more',
    check: ({ events }) => {
      const failed = new Set<string>()
      return events.flatMap((event) => {
        if (event.kind === 'log-failed') failed.add(event.run)
        if (event.kind !== 'send-answered' || !failed.has(event.run)) return []
        return [`${event.run} answered a send with success after its log had failed`]
      })
    },
  },
  {
    name: 'committed-is-processed',
    says: 'a committed offset never passes a message that no member of the group has processed',
    check: ({ events }) => {
      const done = new Map<string, Progress>()
      const wrong: string[] = []
      const rewinds = new Rewinds(events)
      for (const event of events) {
        if (event.kind !== 'processed' && event.kind !== 'committed') continue
        const key = `${event.group} ${event.queue}`
        const progress = done.get(key) ?? new Progress()
        done.set(key, progress)
        if (event.kind === 'processed') progress.add(event.offset)
        else if (event.offset > progress.next && !rewinds.reuses(event.queue, progress.next)) {
          const { group, queue, offset } = event
          wrong.push(`${group} committed ${offset} of ${queue}, processed up to ${progress.next}`)
        }
      }
      return wrong
    },
  },
  {
    name: 'one-owner',
    says: 'once things have settled every queue has exactly one owner in each group',
    check: ({ settled }) =>
      [...(settled?.owners ?? [])].flatMap(([group, queues]) =>
        [...queues]
          .filter(([, members]) => members.length !== 1)
          .map(
            ([queue, members]) => `${queue} has ${members.join(', ') || 'no owner'} in ${group}`,
          ),
      ),
  },
  {
    name: 'copies-agree',
    says: 'once things have settled every copy of a fact says what its owner says (R42, R19)',
    check: ({ settled }) =>
      (settled?.copies ?? [])
        .filter(({ owned, copied }) => owned !== copied)
        .map(
          ({ fact, owner, copy, owned, copied }) =>
            `${fact}: ${owner} says ${owned || 'nothing'}, ${copy} says ${copied || 'nothing'}`,
        ),
  },
  {
    name: 'recovered-is-logged',
    says: 'a broker that has started knows what its log says, no more and no less',
    check: (history) =>
      all(history, 'recovered')
        .filter(({ logged, known }) => logged !== known)
        .map(({ run, logged, known }) => `${run}: its log says ${logged}, it knows ${known}`),
  },
  {
    name: 'buffers-are-bounded',
    says: 'no buffer ever holds more than its limit',
    check: ({ buffers }) =>
      [...buffers.values()]
        .filter(({ most, limit }) => most > limit)
        .map(({ name, most, limit }) => `${name} held ${most}, the limit is ${limit}`),
  },
  {
    name: 'life-goes-on',
    says: 'once faults have ended every producer can send and every group catches up',
    check: ({ settled }) => settled?.stuck ?? [],
  },
]

/** The smallest offset not yet processed. */
class Progress {
  next = 0
  readonly #ahead = new Set<number>()

  add(offset: number): void {
    if (offset < this.next) return
    this.#ahead.add(offset)
    while (this.#ahead.delete(this.next)) this.next++
  }
}

/**
 * What flush=async allows: a power cut may take what was acknowledged in the last half second, and its
 * offsets are given away again, which a consumer that was further cannot know.
 */
class Rewinds {
  readonly #rewound: Of<'rewound'>[]

  constructor(events: readonly Timed[]) {
    this.#rewound = events.filter((event): event is Of<'rewound'> => event.kind === 'rewound')
  }

  mayBeLost({ id }: { id: string }): boolean {
    return this.#rewound.some(({ ids }) => ids.includes(id))
  }

  mayBeSkipped(event: { id: string; queue: QueueText; offset: number }): boolean {
    return this.mayBeLost(event) || this.reuses(event.queue, event.offset)
  }

  reuses(queue: QueueText, offset: number): boolean {
    return this.#rewound.some(
      (event) => event.queue === queue && offset >= event.fromOffset && offset < event.toOffset,
    )
  }
}

function readersOf(settled: Settled, topic: string): string[] {
  return [...settled.subscriptions]
    .filter(([, topics]) => topics.includes(topic))
    .map(([group]) => group)
}

function at(event: { queue: QueueText; offset: number }): string {
  return `${event.queue} ${event.offset}`
}
