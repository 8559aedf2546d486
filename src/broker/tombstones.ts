// The topics a broker knows to be deleted, newest last. Derived from its log like the rest of its
// state, and bounded in count and age by what the log says alone, so that every replay forgets the same.
//
// A tombstone ends when it is older than any broker may be away (TOMBSTONE_AGE_MS_MAX). Until then it
// is registered with the broker's topics: whoever offers that birth id still is told to bury it too.

import {
  TOMBSTONE_AGE_MS_MAX,
  TOMBSTONE_COUNT_MAX,
  TOMBSTONE_GRACE_MS,
  TOMBSTONE_GROUPS_MAX,
} from '../core/limits.ts'
import type { BuriedTopic } from '../remoting/topic-life.ts'

export interface Tombstone {
  /** The topic's number on this broker; 0 if the broker never had it and was told of its end. */
  id: number
  name: string
  deletedMs: number
  /** Absent for topics of servers, and for those deleted before topics had one. */
  birthId?: string
  /** The topic ended on this broker only (RocketMQ's tools delete broker by broker). */
  isLocal?: boolean
  /** Groups that had read the topic here; those are sent to the start of its successor. */
  groups?: string[]
}

/** To be looked at; only the log changes them. */
export type KnownTombstones = Omit<Tombstones, 'add' | 'restore'>

export class Tombstones {
  #list: Tombstone[] = []
  /** By birth id, of those that ended everywhere. */
  readonly #buried = new Map<string, Tombstone>()
  #isForgetful = false

  get list(): readonly Tombstone[] {
    return this.#list
  }

  /** Whether deletions were forgotten before their time: a name's past is not known for sure then. */
  get isForgetful(): boolean {
    return this.#isForgetful
  }

  has(birthId: string | undefined): boolean {
    return birthId !== undefined && this.#buried.has(birthId)
  }

  /** What is registered: what ended everywhere, and not too long ago. */
  buried(nowMs: number): BuriedTopic[] {
    const buried: BuriedTopic[] = []
    for (const [birthId, { name, deletedMs }] of this.#buried) {
      if (nowMs - deletedMs <= TOMBSTONE_AGE_MS_MAX) buried.push({ name, birthId, deletedMs })
    }
    return buried
  }

  /** The birth ids of the topics of that name that ended, here or everywhere. */
  endedIdsOf(name: string): string[] {
    const ids = this.#list.flatMap((tombstone) =>
      tombstone.name === name && tombstone.birthId !== undefined ? [tombstone.birthId] : [],
    )
    return [...new Set(ids)].sort()
  }

  /** Whether the broker itself had a topic of that name that ended. */
  endedHereOf(name: string): boolean {
    return this.#list.some((tombstone) => tombstone.name === name && tombstone.id > 0)
  }

  groupsOf(name: string): string[] {
    const groups = this.#list.flatMap((tombstone) =>
      tombstone.name === name ? (tombstone.groups ?? []) : [],
    )
    return [...new Set(groups)].slice(-TOMBSTONE_GROUPS_MAX)
  }

  /** Whether one from outside would be kept: the oldest are not taken in only to be dropped again. */
  hasRoomFor({ deletedMs }: BuriedTopic, nowMs: number): boolean {
    if (nowMs - deletedMs > TOMBSTONE_AGE_MS_MAX) return false
    if (this.#list.length < TOMBSTONE_COUNT_MAX) return true
    return this.#list.some((tombstone) => tombstone.deletedMs < deletedMs)
  }

  /** `atMs`: when the log says it happened; what is older than its time by then ends. */
  add(tombstone: Tombstone, atMs: number): void {
    this.#put(tombstone)
    const oldestMs = atMs - TOMBSTONE_AGE_MS_MAX - TOMBSTONE_GRACE_MS
    if (this.#list.some(({ deletedMs }) => deletedMs < oldestMs)) {
      this.#keep(this.#list.filter(({ deletedMs }) => deletedMs >= oldestMs))
    }
    if (this.#list.length > TOMBSTONE_COUNT_MAX) {
      const byAge = [...this.#list].sort((a, b) => b.deletedMs - a.deletedMs)
      this.#keep(byAge.slice(0, TOMBSTONE_COUNT_MAX).reverse())
      this.#isForgetful = true
    }
  }

  /** Whether that very topic ended on this broker by itself. */
  endedHere(birthId: string | undefined): boolean {
    if (birthId === undefined) return false
    return this.#list.some((tombstone) => tombstone.isLocal && tombstone.birthId === birthId)
  }

  restore(list: readonly Tombstone[], isForgetful: boolean): void {
    this.#keep(list)
    this.#isForgetful = isForgetful
  }

  #keep(list: readonly Tombstone[]): void {
    this.#list = []
    this.#buried.clear()
    for (const tombstone of list) this.#put(tombstone)
  }

  #put(tombstone: Tombstone): void {
    this.#list.push(tombstone)
    const { birthId, isLocal } = tombstone
    if (birthId !== undefined && !isLocal) this.#buried.set(birthId, tombstone)
  }
}
