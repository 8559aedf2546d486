// Goal: whoever watches is told the newest version of each topic, once, and what it costs is bounded by
// what is watched. Method: a table of small stories over plain values; random histories against the
// rule "after the pushes everybody with room knows the truth".

import { describe, expect, test } from 'bun:test'
import { MqError } from '../../src/core/errors.ts'
import { WATCH_COUNT_MAX, WATCHED_TOPICS_MAX } from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'
import { Watchers } from '../../src/nameserver/watchers.ts'

/** Versions by topic, and who has room: all but those named. */
class World {
  readonly versions = new Map<string, string>([
    ['t', 't1'],
    ['u', 'u1'],
  ])
  readonly full = new Set<string>()
  readonly watchers = new Watchers<string>()
  asked = 0

  watch(watcher: string, known: Record<string, string>): void {
    this.watchers.watch(watcher, new Map(Object.entries(known)))
  }

  change(topic: string, version: string): void {
    this.versions.set(topic, version)
    this.watchers.noteChanged(topic)
  }

  /** "watcher topic=version" of everything that is to be told now. */
  pushes(): string[] {
    const told: string[] = []
    const view = {
      versionOf: (topic: string): string => {
        this.asked++
        return this.versions.get(topic) ?? 'none'
      },
      hasRoom: (watcher: string): boolean => !this.full.has(watcher),
    }
    for (const push of this.watchers.pushes(view)) {
      if (push !== null) told.push(`${push.watcher} ${push.topic}=${push.version}`)
    }
    return told
  }
}

describe('who is told what', () => {
  const stories: [string, (world: World) => void, string[]][] = [
    ['nobody watches', (w) => w.change('t', 't2'), []],
    ['knows nothing yet', (w) => w.watch('a', { t: '' }), ['a t=t1']],
    ['knows it already', (w) => w.watch('a', { t: 't1' }), []],
    ['knows an older one', (w) => w.watch('a', { t: 't0' }), ['a t=t1']],
    ['a topic nobody has', (w) => w.watch('a', { x: '' }), ['a x=none']],
    ['it is known that nobody has it', (w) => w.watch('a', { x: 'none' }), []],
    [
      'a change of one of two topics',
      (w) => {
        w.watch('a', { t: 't1', u: 'u1' })
        w.change('u', 'u2')
      },
      ['a u=u2'],
    ],
    [
      'three changes at once are one push',
      (w) => {
        w.watch('a', { t: 't1' })
        for (const version of ['t2', 't3', 't4']) w.change('t', version)
      },
      ['a t=t4'],
    ],
    [
      'there and back is no change',
      (w) => {
        w.watch('a', { t: 't1' })
        w.change('t', 't2')
        w.change('t', 't1')
      },
      [],
    ],
    [
      'each watcher on its own',
      (w) => {
        w.watch('a', { t: 't1' })
        w.watch('b', { t: 't2' })
        w.change('t', 't2')
      },
      ['a t=t2'],
    ],
    [
      'a new set replaces the earlier one',
      (w) => {
        w.watch('a', { t: 't1' })
        w.watch('a', { u: 'u1' })
        w.change('t', 't2')
        w.change('u', 'u2')
      },
      ['a u=u2'],
    ],
    [
      'an empty set ends it',
      (w) => {
        w.watch('a', { t: '' })
        w.watch('a', {})
        w.change('t', 't2')
      },
      [],
    ],
    [
      'one that is gone is told nothing',
      (w) => {
        w.watch('a', { t: '' })
        w.watchers.forget('a')
        w.change('t', 't2')
      },
      [],
    ],
  ]

  for (const [title, story, expected] of stories) {
    test(title, () => {
      const world = new World()
      story(world)
      expect(world.pushes()).toEqual(expected)
      expect(world.pushes()).toEqual([])
      expect(world.watchers.hasWork).toBe(false)
    })
  }
})

test('R22: a slow watcher is told the newest only, and holds up nobody', () => {
  const world = new World()
  world.watch('slow', { t: 't1', u: 'u1' })
  world.watch('quick', { t: 't1' })
  world.full.add('slow')
  for (let i = 2; i <= 100; i++) {
    world.change('t', `t${i}`)
    world.change('u', `u${i}`)
    expect(world.pushes()).toEqual([`quick t=t${i}`])
  }
  expect(world.watchers.hasWork).toBe(true)
  world.full.clear()
  expect(world.pushes().sort()).toEqual(['slow t=t100', 'slow u=u100'])
  expect(world.watchers.hasWork).toBe(false)
})

test('whoever stops in the middle goes on where it was, with the newest', () => {
  const world = new World()
  for (const watcher of ['a', 'b', 'c']) world.watch(watcher, { t: '' })
  const view = { versionOf: () => world.versions.get('t') as string, hasRoom: () => true }
  for (const push of world.watchers.pushes(view)) {
    expect(push).toEqual({ watcher: 'a', topic: 't', version: 't1' })
    break
  }
  world.change('t', 't2')
  expect(world.pushes()).toEqual(['b t=t2', 'c t=t2', 'a t=t2'])
})

test('limits: topics of one watcher, and of all together', () => {
  const world = new World()
  const topics = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`topic-${i}`, '']))
  expect(() => world.watch('a', topics(WATCHED_TOPICS_MAX + 1))).toThrow(MqError)
  expect(world.watchers.watcherCount).toBe(0)
  const set = topics(WATCHED_TOPICS_MAX)
  const watcherCount = Math.floor(WATCH_COUNT_MAX / WATCHED_TOPICS_MAX)
  for (let i = 0; i < watcherCount; i++) world.watch(`w${i}`, set)
  expect(() => world.watch('one more', set)).toThrow('being watched already')
  // Its own earlier set does not count against the new one.
  world.watch('w0', set)
  world.watchers.forget('w0')
  world.watch('one more', set)
  expect(world.watchers.watchCount).toBe(watcherCount * WATCHED_TOPICS_MAX)
})

test('random histories: afterwards everybody knows what is true, and nothing is left behind', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const world = new World()
    const known = new Map<string, Map<string, string>>()
    const topics = ['t', 'u', 'v']
    const names = ['a', 'b', 'c', 'd']
    const note = (pushes: readonly string[]): void => {
      for (const push of pushes) {
        const [watcher = '', topic = '', version = ''] = push.split(/[ =]/)
        known.get(watcher)?.set(topic, version)
      }
    }
    for (let i = 0; i < 300; i++) {
      const name = names[random.below(4)] as string
      const topic = topics[random.below(3)] as string
      switch (random.below(6)) {
        case 0: {
          const set = new Map(topics.slice(random.below(3)).map((each) => [each, '']))
          world.watchers.watch(name, set)
          known.set(name, new Map(set))
          break
        }
        case 1:
          world.watchers.forget(name)
          known.delete(name)
          break
        case 2:
          if (!world.full.delete(name)) world.full.add(name)
          break
        case 3:
          note(world.pushes())
          break
        default:
          world.change(topic, `${topic}${random.below(4)}`)
      }
    }
    world.full.clear()
    note(world.pushes())
    for (const [watcher, set] of known) {
      for (const [topic, version] of set) {
        const truth = world.versions.get(topic) ?? 'none'
        expect(version, `seed ${seed}: ${watcher} ${topic}`).toBe(truth)
      }
      world.watchers.forget(watcher)
    }
    expect(world.watchers.watchCount).toBe(0)
    expect(world.watchers.hasWork).toBe(false)
  }
})
