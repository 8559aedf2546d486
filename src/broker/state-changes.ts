// What can happen to a broker's state. Each change is one entry of the log, as UTF-8 JSON, and means
// the same on every replay: it carries its own time and decides nothing by itself. A log written by
// a newer version may hold kinds this one does not know; going on without them would be a wrong
// state, so they are refused.

import { describeError, MqError } from '../core/errors.ts'
import type { GroupConfig } from '../remoting/group-config.ts'
import type { TopicChange } from '../remoting/topic-change.ts'
import type { PlannedQueues, TopicConfig } from '../remoting/topic-config.ts'
import type { BuriedTopic, TwinBirths } from '../remoting/topic-life.ts'

/** The topic is made, or altered if there is one of that name. Its id is given when it is applied. */
export interface PutTopic {
  kind: 'put-topic'
  name: string
  readQueueCount: number
  writeQueueCount: number
  permission: number
  systemFlag: number
  isOrdered: boolean
  /** What a new topic is born with; absent for topics of servers, and in older logs. */
  birthId?: string
  plan?: PlannedQueues[]
  twinIds?: string[]
  atMs: number
}

/** Ends the topic on this broker only. One of the same name made later has another id. */
export interface DeleteTopic {
  kind: 'delete-topic'
  name: string
  id: number
  atMs: number
}

/** These topics are deleted everywhere: those that are here end, and none of them can come back. */
export interface BuryTopics {
  kind: 'bury-topics'
  topics: BuriedTopic[]
  atMs: number
}

/** The topic was born elsewhere too: what the nameservers saw there belongs to the same topic. */
export interface NoteTwins extends TwinBirths {
  kind: 'note-twins'
  atMs: number
}

/** The group is made if there is none; with settings, they replace those it has. */
export interface PutGroup {
  kind: 'put-group'
  name: string
  config?: GroupConfig
  atMs: number
}

/** The group and its offsets. */
export interface DeleteGroup {
  kind: 'delete-group'
  name: string
  atMs: number
}

/** [group, topic id, queue id, the next offset to consume] */
export type OffsetEntry = [group: string, topicId: number, queueId: number, offset: number]

/** Positions of consumer groups; a group that commits exists from then on. */
export interface CommitOffsets {
  kind: 'commit-offsets'
  offsets: OffsetEntry[]
  atMs: number
}

/** From now on the broker asks producers to stay away, or to come back: see draining.ts. */
export interface SetDraining {
  kind: 'set-draining'
  isDraining: boolean
  atMs: number
}

/** A step of a change of the topic's queues (queue-change.ts): the topic as it is from then on. */
export interface ChangeQueues extends TopicConfig {
  kind: 'change-queues'
  change: TopicChange
  atMs: number
}

export type StateChange =
  | PutTopic
  | DeleteTopic
  | BuryTopics
  | NoteTwins
  | PutGroup
  | DeleteGroup
  | CommitOffsets
  | SetDraining
  | ChangeQueues

const KINDS: ReadonlySet<string> = new Set<StateChange['kind']>([
  'put-topic',
  'delete-topic',
  'bury-topics',
  'note-twins',
  'put-group',
  'delete-group',
  'commit-offsets',
  'set-draining',
  'change-queues',
])

export function encodeChange(change: StateChange): Uint8Array {
  return Buffer.from(JSON.stringify(change))
}

/** Throws DATA_CORRUPT. The fields of a known kind are ours and were checked by the entry's CRC. */
export function decodeChange(bytes: Uint8Array): StateChange {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  let change: unknown
  try {
    change = JSON.parse(text)
  } catch (cause) {
    throw new MqError('DATA_CORRUPT', `a state change does not parse: ${describeError(cause)}`, {
      cause,
    })
  }
  const kind = typeof change === 'object' && change !== null ? (change as StateChange).kind : null
  if (kind !== null && KINDS.has(kind)) return change as StateChange
  throw new MqError('DATA_CORRUPT', `unknown state change "${String(kind).slice(0, 60)}"`, {
    hint: 'this data folder was written by a newer mq: start it with that version',
  })
}
