// What administration answers. A result gathered from several peers names those that did not answer;
// nothing is hidden by leaving it out.

import type { MqError } from '../core/errors.ts'
import type { SubscriptionDifference } from '../remoting/group-view.ts'
import type { ClusterInfo, TopicRoute } from '../remoting/route.ts'
import type { TopicChange as TopicQueueChange } from '../remoting/topic-change.ts'
import type { PlannedQueues } from '../remoting/topic-config.ts'
import type { MessageQueue } from './message.ts'
import type { Ownership } from './ownership.ts'

export interface PeerFailure {
  /** The address that was asked. */
  peer: string
  /** What it was asked for, as a sentence says it: "the topic list". */
  purpose: string
  error: MqError
}

export interface Gathered<T> {
  value: T
  failures: PeerFailure[]
}

/** One answer of one peer. */
export interface PeerAnswer<T> {
  peer: string
  value: T
}

/** What one nameserver knows; `value` is null if it could not be asked (`error`) or knows nothing. */
export interface NameserverView<T> {
  nameserver: string
  value: T | null
  error: MqError | null
}

export type RouteView = NameserverView<TopicRoute>
export type ClusterView = NameserverView<ClusterInfo>

/** A broker as a nameserver of this product describes it; Apache's cannot. */
export interface BrokerRegistration {
  brokerName: string
  cluster: string
  brokerId: number
  address: string
  lastHeartbeatAgeMs: number
  expiryMs: number
  topicCount: number
  /** It asks producers to stay away. */
  isDraining: boolean
}

export interface Registrations {
  /** Null: this nameserver does not tell ages (it is Apache's). */
  brokers: BrokerRegistration[] | null
  scanCount: number | null
  /** Null: it does not tell. */
  version: string | null
  /** Its wall clock, and when the answer was here by ours; null: it does not tell. */
  clock: { theirMs: number; ourMs: number; roundTripMs: number } | null
}

export type RegistrationsView = NameserverView<Registrations>

export interface BrokerSummary {
  cluster: string
  brokerName: string
  brokerId: number
  address: string
  /** The nameservers that list it. */
  seenBy: string[]
}

export interface ProbeResult {
  address: string
  isReachable: boolean
  elapsedMs: number
  error: MqError | null
}

export interface TopicSummary {
  topic: string
  /** Made by a server for its own use, or a retry or dead-letter topic of a group. */
  isSystem: boolean
  seenBy: string[]
}

export interface TopicPlacement {
  brokerName: string
  address: string
  readQueueCount: number
  writeQueueCount: number
  permission: number
}

export interface QueueStats extends MessageQueue {
  minOffset: number
  maxOffset: number
  /** Null: no message, or the broker does not tell. */
  lastStoreTimeMs: number | null
}

export interface TopicDescription {
  topic: string
  placements: TopicPlacement[]
  queues: QueueStats[]
  /** What its maker wanted on brokers that do not have it (yet). */
  missing: PlannedQueues[]
  /** How far a change of its queues is; null if there is none on its way. */
  change: { phase: TopicQueueChange['phase']; queueCount: number } | null
}

export interface TopicCreation {
  topic: string
  /** In all, spread evenly over the brokers. */
  queueCount: number
  /** Only needed where there are several clusters. */
  cluster?: string
  /** Bits of PERMISSION; read and write if absent. */
  permission?: number
  isOrdered?: boolean
}

export interface TopicChange {
  topic: string
  queueCount?: number
  permission?: number
}

export interface GroupSummary {
  group: string
  topics: string[]
  memberCount: number
}

export interface GroupMember {
  clientId: string
  address: string
  language: string
  version: number
  /** Brokers that hold a connection of it. */
  brokers: string[]
  /** What it says it holds; null: it could not be asked. */
  heldQueueCount: number | null
  /** What this member wants, whatever the others do; empty if nobody can tell. */
  subscriptions: { topic: string; expression: string }[]
}

export interface GroupQueue extends QueueStats {
  /** Null: never committed. */
  committedOffset: number | null
  /** Messages from the committed offset (or the first there is) to the end. */
  lag: number
  /** The first of `owners`, or null. */
  owner: string | null
  /** The members that say they hold it. */
  owners: string[]
  ownership: Ownership
  /** Who should hold it by the average allocation, if all members saw what is seen from here. */
  expectedOwner: string | null
}

export interface GroupDescription {
  group: string
  /** CLUSTERING or BROADCASTING; null while nobody is connected. */
  messageModel: string | null
  members: GroupMember[]
  subscriptions: { topic: string; expression: string }[]
  /** Topics that members want differently: what the owner of a queue does not want is skipped. */
  unequalSubscriptions: SubscriptionDifference[]
  queues: GroupQueue[]
  queuesWithoutOwner: number
  queuesWithTwoOwners: number
}

export interface OffsetChange extends MessageQueue {
  before: number | null
  after: number
}
