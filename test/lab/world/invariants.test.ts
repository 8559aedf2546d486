// Goal: each invariant says no to a history that breaks it and yes to one that does not. Method: short
// histories by hand.

import { describe, expect, test } from 'bun:test'
import { History, type HistoryEvent, type Settled } from '../../../src/lab/world/history.ts'
import { INVARIANTS } from '../../../src/lab/world/invariants.ts'

const QUEUE = 't@b:0'

function acknowledged(id: string, offset: number, more: object = {}): HistoryEvent {
  const sequence = offset
  return {
    kind: 'acknowledged',
    id,
    topic: 't',
    producer: 'p#1',
    sequence,
    key: null,
    queue: QUEUE,
    offset,
    attempts: 1,
    ...more,
  }
}

function delivered(id: string, offset: number): HistoryEvent {
  return { kind: 'delivered', group: 'g', member: 'm#1', queue: QUEUE, offset, id }
}

function processed(offset: number): HistoryEvent {
  return { kind: 'processed', group: 'g', queue: QUEUE, offset }
}

function committed(offset: number): HistoryEvent {
  return { kind: 'committed', group: 'g', queue: QUEUE, offset }
}

function rewound(fromOffset: number, toOffset: number, ids: string[]): HistoryEvent {
  return { kind: 'rewound', queue: QUEUE, fromOffset, toOffset, ids }
}

function settled(stored: Record<number, string>, more: Partial<Settled> = {}): Settled {
  const offsets = new Map(Object.entries(stored).map(([offset, id]) => [Number(offset), id]))
  return {
    stored: new Map([[QUEUE, offsets]]),
    owners: new Map(),
    copies: [],
    lostQueues: new Set(),
    subscriptions: new Map([['g', ['t']]]),
    stuck: [],
    ...more,
  }
}

function found(name: string, events: HistoryEvent[], end: Settled | null = null): string[] {
  const invariant = INVARIANTS.find((each) => each.name === name)
  if (invariant === undefined) throw new Error(`there is no invariant ${name}`)
  const history = new History(() => 0)
  for (const event of events) history.note(event)
  history.settled = end
  return invariant.check(history)
}

/** name → what holds, and what does not. */
const CASES: Record<
  string,
  { fine: [HistoryEvent[], Settled?]; broken: [HistoryEvent[], Settled?] }
> = {
  'acknowledged-is-stored': {
    fine: [[acknowledged('a', 0)], settled({ 0: 'a' })],
    broken: [[acknowledged('a', 0)], settled({ 0: 'b' })],
  },
  'acknowledged-is-delivered': {
    fine: [[acknowledged('a', 0), delivered('a', 0)], settled({})],
    broken: [[acknowledged('a', 0), delivered('b', 0)], settled({})],
  },
  'offset-is-stable': {
    fine: [[delivered('a', 0), delivered('a', 0)], settled({ 0: 'a' })],
    broken: [[delivered('a', 0)], settled({ 0: 'b' })],
  },
  'delivered-in-order': {
    fine: [[delivered('a', 0), delivered('b', 1), delivered('a', 0), delivered('c', 2)]],
    broken: [[delivered('a', 0), delivered('c', 2)]],
  },
  'keys-in-order': {
    fine: [[acknowledged('a', 4, { key: 'k' }), acknowledged('b', 5, { key: 'k' })]],
    broken: [
      [
        acknowledged('a', 5, { key: 'k', sequence: 1 }),
        acknowledged('b', 4, { key: 'k', sequence: 2 }),
      ],
    ],
  },
  'stored-as-often-as-sent': {
    fine: [[acknowledged('a', 0, { attempts: 2 })], settled({ 0: 'a', 1: 'a' })],
    broken: [[acknowledged('a', 0)], settled({ 0: 'a', 1: 'a' })],
  },
  'no-success-after-sync-error': {
    fine: [
      [
        { kind: 'send-answered', run: 'b#1' },
        { kind: 'log-failed', run: 'b#1' },
        { kind: 'send-answered', run: 'b#2' },
      ],
    ],
    broken: [
      [
        { kind: 'log-failed', run: 'b#1' },
        { kind: 'send-answered', run: 'b#1' },
      ],
    ],
  },
  'committed-is-processed': {
    fine: [[processed(1), processed(0), committed(2), committed(1)]],
    broken: [[processed(0), processed(2), committed(3)]],
  },
  'one-owner': {
    fine: [[], settled({}, { owners: new Map([['g', new Map([[QUEUE, ['m']]])]]) })],
    broken: [[], settled({}, { owners: new Map([['g', new Map([[QUEUE, ['m', 'n']]])]]) })],
  },
  'copies-agree': {
    fine: [[], settled({}, { copies: [copy('x', 'x')] })],
    broken: [[], settled({}, { copies: [copy('x', 'y')] })],
  },
  'recovered-is-logged': {
    fine: [[{ kind: 'recovered', run: 'b#1', logged: 'x', known: 'x' }]],
    broken: [[{ kind: 'recovered', run: 'b#1', logged: 'x', known: 'y' }]],
  },
  'life-goes-on': {
    fine: [[], settled({})],
    broken: [[], settled({}, { stuck: ['nobody can send'] })],
  },
}

function copy(owned: string, copied: string): Settled['copies'][number] {
  return { fact: 'f', owner: 'o', copy: 'c', owned, copied }
}

describe('each invariant tells right from wrong', () => {
  for (const [name, { fine, broken }] of Object.entries(CASES)) {
    test(name, () => {
      expect(found(name, ...fine)).toEqual([])
      expect(found(name, ...broken)).toHaveLength(1)
    })
  }

  test('buffers-are-bounded', () => {
    const history = new History(() => 0)
    const invariant = INVARIANTS.find(({ name }) => name === 'buffers-are-bounded')
    history.noteBuffer('b', 5, 5)
    expect(invariant?.check(history)).toEqual([])
    history.noteBuffer('b', 6, 5)
    expect(invariant?.check(history)).toEqual(['b held 6, the limit is 5'])
  })

  test('all of them are tried here', () => {
    const names = [...Object.keys(CASES), 'buffers-are-bounded'].sort()
    expect(INVARIANTS.map(({ name }) => name).sort()).toEqual(names)
  })
})

describe('what is allowed', () => {
  test('a power cut with flush=async takes what it says, and nothing else', () => {
    const lost = rewound(1, 3, ['b', 'c'])
    const events = [acknowledged('a', 0), acknowledged('b', 1), lost]
    expect(found('acknowledged-is-stored', events, settled({ 0: 'a', 1: 'd' }))).toEqual([])
    expect(found('acknowledged-is-stored', events, settled({ 1: 'd' }))).toHaveLength(1)
  })

  test('… and its offsets may be given away again, also to those who never see them', () => {
    const lost = rewound(1, 2, ['b'])
    const again = [delivered('a', 0), delivered('b', 1), lost, acknowledged('d', 1)]
    expect(found('offset-is-stable', [...again, delivered('d', 1)], settled({}))).toEqual([])
    expect(found('acknowledged-is-delivered', again, settled({}))).toEqual([])
  })

  test('messages of a broker that is gone for good need not be delivered, but must be on its disk', () => {
    const end = settled({}, { lostQueues: new Set([QUEUE]) })
    expect(found('acknowledged-is-delivered', [acknowledged('a', 0)], end)).toEqual([])
    expect(found('acknowledged-is-stored', [acknowledged('a', 0)], end)).toHaveLength(1)
  })
})
