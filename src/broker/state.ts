// What a broker knows besides its messages: topics, the ids of deleted ones, consumer groups and
// their committed offsets. Derived from the log alone and in log order, so that a snapshot plus the
// changes after it always gives the same state. Nothing here looks at a clock or touches a file.
//
// Promises: a topic id is never used twice; what was deleted is remembered by id and name; the data
// version moves with every change of what the broker registers and with nothing else.

import { describeError, MqError } from '../core/errors.ts'
import type { GroupConfig } from '../remoting/group-config.ts'
import type { DataVersion, TopicConfig } from '../remoting/topic-config.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { StateMachine } from '../store/message-store.ts'
import { decodeChange, type OffsetEntry, type PutTopic, type StateChange } from './state-changes.ts'

export interface Topic extends TopicConfig {
  id: number
  createdMs: number
  /** One past the highest queue id it ever had: a shrunk topic still holds messages up to there. */
  queueIdEnd: number
}

export interface Tombstone {
  id: number
  name: string
  deletedMs: number
}

export interface Group {
  name: string
  createdMs: number
  /** Absent until an administrator sets it. */
  config?: GroupConfig
}

const SNAPSHOT_VERSION = 1

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
}

export class BrokerState implements StateMachine {
  readonly #topics = new Map<string, Topic>()
  readonly #topicsById = new Map<number, Topic>()
  readonly #groups = new Map<string, Group>()
  /** Group → queue → committed offset. */
  readonly #offsets = new Map<string, Map<QueueKey, number>>()
  #tombstones: Tombstone[] = []
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
  get tombstones(): readonly Tombstone[] {
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

  apply(bytes: Uint8Array): void {
    this.#apply(decodeChange(bytes))
  }

  #apply(change: StateChange): void {
    switch (change.kind) {
      case 'put-topic':
        this.#putTopic(change)
        break
      case 'delete-topic':
        this.#deleteTopic(change.id, change.atMs)
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
    }
  }

  #putTopic(change: PutTopic): void {
    const { kind: _, atMs, ...config } = change
    const old = this.#topics.get(change.name)
    const queueCount = Math.max(change.readQueueCount, change.writeQueueCount)
    this.#addTopic({
      ...config,
      id: old?.id ?? this.#nextTopicId++,
      createdMs: old?.createdMs ?? atMs,
      queueIdEnd: Math.max(old?.queueIdEnd ?? 0, queueCount),
    })
    this.#topicsChanged(change.name, atMs)
  }

  #addTopic(topic: Topic): void {
    this.#topics.set(topic.name, topic)
    this.#topicsById.set(topic.id, topic)
  }

  /** By id: a deletion that was asked for twice must not take the topic's successor with it. */
  #deleteTopic(id: number, atMs: number): void {
    const topic = this.#topicsById.get(id)
    if (topic === undefined) return
    const { name } = topic
    this.#topics.delete(name)
    this.#topicsById.delete(id)
    this.#tombstones.push({ id, name, deletedMs: atMs })
    for (const offsets of this.#offsets.values()) {
      for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) {
        offsets.delete(queueKey(id, queueId))
      }
    }
    this.#topicsChanged(name, atMs)
    this.onTopicDeleted(topic)
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
      tombstones: this.#tombstones,
      groups: [...this.#groups.values()],
      offsets: [...this.#offsetEntries()],
      isDraining: this.#isDraining,
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
    this.#tombstones = snapshot.tombstones
    for (const topic of snapshot.topics) this.#addTopic(topic)
    for (const group of snapshot.groups) this.#groups.set(group.name, group)
    for (const entry of snapshot.offsets) this.#commitOffset(entry, 0)
    this.#dataVersion = snapshot.dataVersion
    this.#isDraining = snapshot.isDraining ?? false
  }
}

function parseSnapshot(bytes: Uint8Array): StateSnapshot {
  let snapshot: StateSnapshot
  try {
    snapshot = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new MqError('DATA_CORRUPT', `the state snapshot does not parse: ${describeError(cause)}`)
  }
  if (snapshot.version !== SNAPSHOT_VERSION) {
    throw new MqError('DATA_CORRUPT', `unknown version ${snapshot.version} of the state snapshot`, {
      hint: 'this data folder was written by a newer mq: start it with that version',
    })
  }
  return snapshot
}
