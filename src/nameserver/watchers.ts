// Who watches which topics, and who must be told what. Pure: it knows versions, no routes, and decides
// without clock or socket. What it promises:
//
// - A watcher is told the newest version of a topic, never a queue of them: what changes again before
//   it was told replaces what it would have been told.
// - What costs memory is bounded by what is watched, not by what happens: a watcher that takes nothing
//   has at most each of its topics marked as untold, once.
// - A watcher that has the version already is not told it again.

import { MqError } from '../core/errors.ts'
import { WATCH_COUNT_MAX, WATCHED_TOPICS_MAX } from '../core/limits.ts'

export interface Push<W> {
  watcher: W
  topic: string
  version: string
}

interface Watching<W> {
  watcher: W
  /** Topic → the version it knows. */
  told: Map<string, string>
  untold: Set<string>
}

export interface WatchView<W> {
  versionOf(topic: string): string
  /** Whether the watcher has taken what it was told before. */
  hasRoom(watcher: W): boolean
}

export class Watchers<W> {
  readonly #watching = new Map<W, Watching<W>>()
  readonly #byTopic = new Map<string, Set<Watching<W>>>()
  /** Watched topics that changed since they were last looked at. */
  readonly #changed = new Set<string>()
  /** Those with untold topics, longest waiting first. */
  readonly #waiting = new Set<Watching<W>>()
  #watchCount = 0

  get watcherCount(): number {
    return this.#watching.size
  }

  /** Watcher-topic pairs. */
  get watchCount(): number {
    return this.#watchCount
  }

  get hasWork(): boolean {
    return this.#changed.size > 0 || this.#waiting.size > 0
  }

  /** Replaces what `watcher` watches; nothing ends it. Throws BROKER_BUSY above the limits. */
  watch(watcher: W, known: ReadonlyMap<string, string>): void {
    const countBefore = this.#watching.get(watcher)?.told.size ?? 0
    if (known.size > WATCHED_TOPICS_MAX) {
      throw new MqError(
        'BROKER_BUSY',
        `${known.size} topics are too many to watch over one connection`,
        { hint: `${WATCHED_TOPICS_MAX} are allowed, the others have to be asked for` },
      )
    }
    if (this.#watchCount - countBefore + known.size > WATCH_COUNT_MAX) {
      throw new MqError('BROKER_BUSY', `${this.#watchCount} topics are being watched already`)
    }
    this.forget(watcher)
    if (known.size === 0) return
    const watching: Watching<W> = { watcher, told: new Map(known), untold: new Set() }
    this.#watching.set(watcher, watching)
    this.#watchCount += known.size
    for (const topic of known.keys()) {
      const watchers = this.#byTopic.get(topic)
      if (watchers === undefined) this.#byTopic.set(topic, new Set([watching]))
      else watchers.add(watching)
      watching.untold.add(topic)
    }
    // Whether it knows the newest of each is found out with the next pushes.
    this.#waiting.add(watching)
  }

  forget(watcher: W): void {
    const watching = this.#watching.get(watcher)
    if (watching === undefined) return
    this.#watching.delete(watcher)
    this.#waiting.delete(watching)
    this.#watchCount -= watching.told.size
    for (const topic of watching.told.keys()) {
      const watchers = this.#byTopic.get(topic)
      watchers?.delete(watching)
      if (watchers?.size === 0) this.#byTopic.delete(topic)
    }
  }

  /** A route may be another than before. Cheap: what follows from it is found out once per flush. */
  noteChanged(topic: string): void {
    if (this.#byTopic.has(topic)) this.#changed.add(topic)
  }

  /**
   * What is to be told now, one step at a time, each counted as told once taken; null where a watcher
   * turned out to know. Watchers without room keep their place, and get the newest version later.
   */
  *pushes(view: WatchView<W>): Generator<Push<W> | null> {
    this.#markChanged()
    for (const watching of this.#waiting) {
      const { watcher, told, untold } = watching
      if (!view.hasRoom(watcher)) continue
      for (const topic of untold) {
        const version = view.versionOf(topic)
        const isNews = told.get(topic) !== version
        untold.delete(topic)
        if (untold.size === 0) this.#waiting.delete(watching)
        told.set(topic, version)
        yield isNews ? { watcher, topic, version } : null
        if (!view.hasRoom(watcher)) break
      }
    }
  }

  #markChanged(): void {
    for (const topic of this.#changed) {
      for (const watching of this.#byTopic.get(topic) ?? []) {
        watching.untold.add(topic)
        this.#waiting.add(watching)
      }
    }
    this.#changed.clear()
  }
}
