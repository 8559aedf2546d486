// What a broker knows besides its messages: topics, the ids of deleted ones, consumer groups and
// their committed offsets. Derived from the log alone and in log order, so that a snapshot plus the
// changes after it always gives the same state. Nothing here looks at a clock or touches a file.
//
// Promises: a topic id is never used twice; what was deleted is remembered by id and name; the data
// version moves with every change of what the broker registers and with nothing else.

import { describeError, MqError } from '../core/errors.ts'
import { TOMBSTONE_GROUPS_MAX, TWIN_IDS_MAX } from '../core/limits.ts'
import type { GroupConfig } from '../remoting/group-config.ts'
import type { TopicChange } from '../remoting/topic-change.ts'
import { type DataVersion, planFromText, type TopicConfig } from '../remoting/topic-config.ts'
import type { BuriedTopic, TwinBirths } from '../remoting/topic-life.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { StateMachine } from '../store/message-store.ts'
import {
  type ChangeQueues,
  decodeChange,
  type OffsetEntry,
  type PutTopic,
  type StateChange,
} from './state-changes.ts'
import { type KnownTombstones, type Tombstone, Tombstones } from './tombstones.ts'

export interface Topic extends TopicConfig {
  id: number
  createdMs: number
  /** One past the highest queue id it ever had: a shrunk topic still holds messages up to there. */
  queueIdEnd: number
  /** The change of its queues it is in, or the last one it was in. */
  change?: TopicChange
  /** Groups that had read a deleted topic of this name here: they still have offsets in it. */
  heirs?: string[]
}

export interface Group {
  name: string
  createdMs: number
  /** Absent until an administrator sets it. */
  config?: GroupConfig
}

const SNAPSHOT_VERSION = 2
/** Without birth ids, and read all the same: Topics gives them some. */
const SNAPSHOT_VERSION_WITHOUT_BIRTHS = 1

interface StateSnapshot {
  version: number
  nextTopicId: number
  dataVersion: DataVersion
  topics: Topic[]
  tombstones: Tombstone[]
  groups: Group[]
  offsets: OffsetEntry[]
  /** Absent in folders written before brokers could be drained. */
  isDraining?: boolean
  /** Absent in folders written before deletions were shared. */
  isForgetful?: boolean
}

export class BrokerState implements StateMachine {
  readonly #topics = new Map<string, Topic>()
  readonly #topicsById = new Map<number, Topic>()
  readonly #groups = new Map<string, Group>()
  /** Group → queue → committed offset. */
  readonly #offsets = new Map<string, Map<QueueKey, number>>()
  readonly #tombstones = new Tombstones()
  /** 0 is left out: state changes carry it in the log. */
  #nextTopicId = 1
  #dataVersion: DataVersion = { stateVersion: 0, timestampMs: 0, counter: 0 }
  #isDraining = false

  /** Set once the log is replayed: told of each later change of the topics. */
  onTopicChanged: (name: string) => void = () => {}
  /** Set once the log is replayed: told of each topic that is deleted from then on. */
  onTopicDeleted: (topic: Topic) => void = () => {}
  /** Set once the log is replayed: told of each order to drain or to come back. */
  onDrainingSet: () => void = () => {}

  get topics(): ReadonlyMap<string, Topic> {
    return this.#topics
  }
  get groups(): ReadonlyMap<string, Group> {
    return this.#groups
  }
  get tombstones(): KnownTombstones {
    return this.#tombstones
  }
  get dataVersion(): DataVersion {
    return this.#dataVersion
  }
  get nextTopicId(): number {
    return this.#nextTopicId
  }
  /** Whether producers are to stay away: topics are registered without their write permission. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  topicById(id: number): Topic | undefined {
    return this.#topicsById.get(id)
  }

  /** What the log says; offsets.ts knows what is newer. */
  committedOffset(group: string, queue: QueueKey): number | null {
    return this.#offsets.get(group)?.get(queue) ?? null
  }

  offsetsOf(group: string): ReadonlyMap<QueueKey, number> {
    return this.#offsets.get(group) ?? new Map()
  }

  hasQueue(queue: QueueKey): boolean {
    return this.#topicsById.has(Math.floor(queue / 0x1_0000_0000))
  }

  /** Whether noting them would change anything. */
  hasNewTwins(births: TwinBirths): boolean {
    const topic = this.#topics.get(births.name)
    if (topic === undefined || topic.birthId !== births.birthId) return false
    return this.#twinsOf(topic, births.twinIds).length > (topic.twinIds?.length ?? 0)
  }

  apply(bytes: Uint8Array): void {
    this.#apply(decodeChange(bytes))
  }

  #apply(change: StateChange): void {
    switch (change.kind) {
      case 'put-topic':
        this.#putTopic(change)
        break
      case 'delete-topic':
        this.#removeHere(change.id, change.atMs)
        break
      case 'bury-topics':
        for (const topic of change.topics) this.#bury(topic, change.atMs)
        break
      case 'note-twins':
        this.#noteTwins(change, change.atMs)
        break
      case 'put-group':
        this.#putGroup(change.name, change.atMs, change.config)
        break
      case 'delete-group':
        this.#groups.delete(change.name)
        this.#offsets.delete(change.name)
        break
      case 'commit-offsets':
        for (const entry of change.offsets) this.#commitOffset(entry, change.atMs)
        break
      case 'set-draining':
        this.#setDraining(change.isDraining, change.atMs)
        break
      case 'change-queues':
        this.#changeQueues(change)
    }
  }

  /** A topic of the same name but another birth is another topic: it is not altered by this. */
  #putTopic(change: PutTopic): void {
    const { kind: _, atMs, birthId: askedId, twinIds, ...config } = change
    const old = this.#topics.get(change.name)
    if (askedId !== undefined && (old?.birthId ?? askedId) !== askedId) return
    if (this.#tombstones.has(askedId)) return
    const birthId = old?.birthId ?? askedId
    const heirs = old === undefined ? this.#tombstones.groupsOf(change.name) : (old.heirs ?? [])
    const queueCount = Math.max(change.readQueueCount, change.writeQueueCount)
    this.#addTopic({
      ...config,
      ...(birthId === undefined ? {} : { birthId }),
      ...withTwins(this.#twinsOf({ birthId, twinIds: old?.twinIds }, twinIds)),
      ...(heirs.length === 0 ? {} : { heirs }),
      id: old?.id ?? this.#nextTopicId++,
      createdMs: old?.createdMs ?? atMs,
      queueIdEnd: Math.max(old?.queueIdEnd ?? 0, queueCount),
      ...(old?.change === undefined ? {} : { change: old.change }),
    })
    this.#topicsChanged(change.name, atMs)
  }

  /** While queues change nobody may make them after an older plan; then the change is the plan. */
  #changeQueues({ kind: _, change, plan: __, ...config }: ChangeQueues): void {
    const { phase, after } = change
    const plan =
      phase === 'finished' ? { plan: planFromText(after.queues.replaceAll(';', ',')) } : {}
    this.#putTopic({ kind: 'put-topic', ...config, ...plan })
    const topic = this.#topics.get(config.name)
    // Its birth may be another than the one whose queues were to change.
    if (topic === undefined || (config.birthId ?? topic.birthId) !== topic.birthId) return
    this.#addTopic({ ...topic, change })
  }

  #noteTwins(births: TwinBirths, atMs: number): void {
    const topic = this.#topics.get(births.name)
    if (topic === undefined || !this.hasNewTwins(births)) return
    this.#addTopic({ ...topic, ...withTwins(this.#twinsOf(topic, births.twinIds)) })
    this.#topicsChanged(births.name, atMs)
  }

  /** With those that are new. One that was buried is no part of the topic. */
  #twinsOf(
    { birthId, twinIds = [] }: { birthId?: string | undefined; twinIds?: string[] | undefined },
    more: readonly string[] = [],
  ): string[] {
    const all = [...new Set([...twinIds, ...more])]
    return all
      .filter((twinId) => twinId !== birthId && !this.#tombstones.has(twinId))
      .slice(0, TWIN_IDS_MAX)
  }

  #addTopic(topic: Topic): void {
    this.#topics.set(topic.name, topic)
    this.#topicsById.set(topic.id, topic)
  }

  /** By id: a deletion that was asked for twice must not take the topic's successor with it. */
  #removeHere(id: number, atMs: number): void {
    const topic = this.#topicsById.get(id)
    if (topic === undefined) return
    const { name, birthId } = topic
    const birth = birthId === undefined ? {} : { birthId, isLocal: true }
    const groups = this.#remove(topic)
    this.#tombstones.add({ id, name, deletedMs: atMs, ...birth, ...groups }, atMs)
    this.#topicsChanged(name, atMs)
    this.onTopicDeleted(topic)
  }

  #bury({ name, birthId, deletedMs }: BuriedTopic, atMs: number): void {
    if (this.#tombstones.has(birthId)) return
    const known = this.#topics.get(name)
    const topic = known?.birthId === birthId ? known : undefined
    const groups = topic === undefined ? {} : this.#remove(topic)
    this.#tombstones.add({ id: topic?.id ?? 0, name, deletedMs, birthId, ...groups }, atMs)
    if (known !== undefined && topic === undefined) {
      const { twinIds: _, ...single } = known
      this.#addTopic({ ...single, ...withTwins(this.#twinsOf(known)) })
    }
    this.#topicsChanged(name, atMs)
    if (topic !== undefined) this.onTopicDeleted(topic)
  }

  /** The topic and the offsets in it; says which groups had some, or were still to be sent back. */
  #remove({ id, name, queueIdEnd, heirs = [] }: Topic): { groups?: string[] } {
    this.#topics.delete(name)
    this.#topicsById.delete(id)
    const groups = new Set(heirs)
    for (const [group, offsets] of this.#offsets) {
      for (let queueId = 0; queueId < queueIdEnd; queueId++) {
        if (offsets.delete(queueKey(id, queueId))) groups.add(group)
      }
    }
    return groups.size === 0 ? {} : { groups: [...groups].slice(0, TOMBSTONE_GROUPS_MAX) }
  }

  #topicsChanged(name: string, atMs: number): void {
    this.#countVersion(atMs)
    this.onTopicChanged(name)
  }

  /** An order that changes nothing counts too: it may repair what a nameserver believes. */
  #setDraining(isDraining: boolean, atMs: number): void {
    this.#isDraining = isDraining
    this.#countVersion(atMs)
    this.onDrainingSet()
  }

  #countVersion(atMs: number): void {
    const { stateVersion, counter } = this.#dataVersion
    this.#dataVersion = { stateVersion, timestampMs: atMs, counter: counter + 1 }
  }

  #putGroup(name: string, atMs: number, config?: GroupConfig): void {
    const known = this.#groups.get(name)
    if (known !== undefined && config === undefined) return
    const createdMs = known?.createdMs ?? atMs
    this.#groups.set(name, { name, createdMs, ...(config === undefined ? {} : { config }) })
  }

  #commitOffset([group, topicId, queueId, offset]: OffsetEntry, atMs: number): void {
    const topic = this.#topicsById.get(topicId)
    if (topic === undefined || queueId >= topic.queueIdEnd) return
    this.#putGroup(group, atMs)
    let offsets = this.#offsets.get(group)
    if (offsets === undefined) {
      offsets = new Map()
      this.#offsets.set(group, offsets)
    }
    offsets.set(queueKey(topicId, queueId), offset)
  }

  snapshot(): Uint8Array {
    const snapshot: StateSnapshot = {
      version: SNAPSHOT_VERSION,
      nextTopicId: this.#nextTopicId,
      dataVersion: this.#dataVersion,
      topics: [...this.#topics.values()],
      tombstones: [...this.#tombstones.list],
      groups: [...this.#groups.values()],
      offsets: [...this.#offsetEntries()],
      isDraining: this.#isDraining,
      isForgetful: this.#tombstones.isForgetful,
    }
    return Buffer.from(JSON.stringify(snapshot))
  }

  *#offsetEntries(): Generator<OffsetEntry> {
    for (const [group, offsets] of this.#offsets) {
      for (const [queue, offset] of offsets) {
        yield [group, Math.floor(queue / 0x1_0000_0000), queue >>> 0, offset]
      }
    }
  }

  /** Into an empty state, once, before any change. */
  restore(bytes: Uint8Array): void {
    const snapshot = parseSnapshot(bytes)
    this.#nextTopicId = snapshot.nextTopicId
    this.#tombstones.restore(snapshot.tombstones, snapshot.isForgetful ?? false)
    for (const topic of snapshot.topics) this.#addTopic(topic)
    for (const group of snapshot.groups) this.#groups.set(group.name, group)
    for (const entry of snapshot.offsets) this.#commitOffset(entry, 0)
    this.#dataVersion = snapshot.dataVersion
    this.#isDraining = snapshot.isDraining ?? false
  }
}

function withTwins(twinIds: string[]): { twinIds?: string[] } {
  return twinIds.length === 0 ? {} : { twinIds }
}

function parseSnapshot(bytes: Uint8Array): StateSnapshot {
  let snapshot: StateSnapshot
  try {
    snapshot = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new MqError('DATA_CORRUPT', `the state snapshot does not parse: ${describeError(cause)}`)
  }
  const { version } = snapshot
  if (version !== SNAPSHOT_VERSION && version !== SNAPSHOT_VERSION_WITHOUT_BIRTHS) {
    throw new MqError('DATA_CORRUPT', `unknown version ${version} of the state snapshot`, {
      hint: 'this data folder was written by a newer mq: start it with that version',
    })
  }
  return snapshot
}
