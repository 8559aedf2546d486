// What a change of a topic's queues means at one broker: its next state at each step, which sends it
// admits, and what it holds back from readers. Pure.
//
// The point of it is the order of each key. Producers that hash keys send with each request which list
// of queues they computed with. Before the fence a broker takes only the old list, after it only the
// new one, so that one offset in each queue, the cut, parts what was sent by the old list from what
// was sent by the new. Groups get what lies behind the cuts once they have consumed what lies before
// them, in all queues of all brokers. No key can overtake itself, whatever the hash.
//
// Several may lead changes at once. A broker never goes back to an older attempt, and is past its fence
// in one change only: so a change whose leader saw every broker prepared is the only one that can be
// fenced anywhere (docs/TOPICS.md tells why).

import { PERMISSION, TOPIC_FLAG } from '../remoting/codes.ts'
import {
  type ChangePlan,
  isSameChange,
  queueCountOn,
  type TopicChange,
} from '../remoting/topic-change.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'

/**
 * After a change producers that still compute with the old list are refused for this long. They ask
 * for the route every 30 s. Not for ever: the old list may become the right one again, for instance
 * when a broker that was added is lost.
 */
export const STALE_LAYOUT_MS = 60_000

/** A topic at one broker, with the change it is in. */
export interface ChangingTopic {
  config: TopicConfig
  change: TopicChange
}

export interface AtBroker {
  brokerName: string
  nowMs: number
}

/** What a plan means to a broker that is, or was, in a change already. */
export function preparation(
  known: TopicChange | undefined,
  plan: ChangePlan,
  { isForced }: { isForced: boolean },
): 'begin' | 'renew' | 'refuse' {
  if (known === undefined) return 'begin'
  if (plan.attempt === known.attempt && isSameChange(known, plan)) {
    return known.phase === 'abandoned' ? 'begin' : 'renew'
  }
  if (isForced) return plan.attempt < known.attempt ? 'refuse' : 'begin'
  return plan.attempt <= known.attempt || known.phase === 'fenced' ? 'refuse' : 'begin'
}

/** `known` is undefined where the topic is new. */
export function prepared(
  known: TopicConfig | undefined,
  plan: ChangePlan,
  { topic, brokerName, nowMs }: AtBroker & { topic: string },
): ChangingTopic {
  const after = queueCountOn(plan.after, brokerName)
  const config = known ?? {
    name: topic,
    readQueueCount: 1,
    // A broker knows no topic without queues; one that takes no writes comes to the same.
    writeQueueCount: Math.max(after, 1),
    permission: PERMISSION.read,
    systemFlag: 0,
    isOrdered: false,
    ...(plan.birthId === null ? {} : { birthId: plan.birthId }),
  }
  return {
    config: {
      ...config,
      readQueueCount: Math.max(known?.readQueueCount ?? 0, after, 1),
      permission: config.permission | (after > 0 ? PERMISSION.read : 0),
      systemFlag: withChanging(config.systemFlag, plan.order === 'drain'),
    },
    change: {
      ...plan,
      phase: 'prepared',
      sinceMs: nowMs,
      cuts: [],
      untilMs: nowMs + plan.holdMs,
      releasedGroups: [],
      isReleased: false,
      isClosed: false,
    },
  }
}

/** `cuts`: by queue id, one past the last message that any producer was told of or will be. */
export function fenced(
  config: TopicConfig,
  change: TopicChange,
  { brokerName, nowMs, cuts }: AtBroker & { cuts: number[] },
): ChangingTopic {
  const after = queueCountOn(change.after, brokerName)
  return {
    config: {
      ...config,
      ...(after > 0 ? { writeQueueCount: after } : {}),
      permission:
        after > 0 ? config.permission | PERMISSION.write : config.permission & ~PERMISSION.write,
    },
    change: {
      ...change,
      phase: 'fenced',
      sinceMs: nowMs,
      cuts: change.order === 'drain' ? cuts : [],
      untilMs: nowMs + change.holdMs,
    },
  }
}

/** The queues that go are gone for clients; their messages stay on the disk until they are too old. */
export function retired(
  config: TopicConfig,
  change: TopicChange,
  { brokerName }: { brokerName: string },
): ChangingTopic {
  const after = queueCountOn(change.after, brokerName)
  const isGone = after === 0
  return {
    config: {
      ...config,
      readQueueCount: isGone ? config.readQueueCount : after,
      permission: isGone ? 0 : config.permission,
    },
    change,
  }
}

export function finished(config: TopicConfig, change: TopicChange, nowMs: number): ChangingTopic {
  return {
    config: { ...config, systemFlag: withChanging(config.systemFlag, false) },
    change: { ...change, phase: 'finished', sinceMs: nowMs, isReleased: true, cuts: [] },
  }
}

/** Nobody leads it any more: producers go by the route again, and nothing is held back. */
export function abandoned(config: TopicConfig, change: TopicChange, nowMs: number): ChangingTopic {
  const next = finished(config, change, nowMs)
  return { ...next, change: { ...next.change, phase: 'abandoned' } }
}

/** The change a topic is in; null if there is none, or it is over. */
export function runningChange(topic: { change?: TopicChange } | undefined): TopicChange | null {
  const change = topic?.change
  if (change === undefined) return null
  return change.phase === 'prepared' || change.phase === 'fenced' ? change : null
}

/** What to do with a send whose producer computed with the list of this tag. */
export function admission(
  change: TopicChange,
  tag: string,
  nowMs: number,
): 'accept' | 'refuse' | 'fence' {
  if (change.order === 'none') return 'accept'
  switch (change.phase) {
    case 'prepared':
      // Another broker is past its fence already. Taking this message before the own fence would put
      // it among the old ones.
      if (tag === change.after.tag) return 'fence'
      return tag === change.before.tag ? 'accept' : 'refuse'
    case 'fenced':
      return tag === change.after.tag ? 'accept' : 'refuse'
    case 'finished':
      if (tag !== change.before.tag || tag === change.after.tag) return 'accept'
      return nowMs - change.sinceMs < STALE_LAYOUT_MS ? 'refuse' : 'accept'
    case 'abandoned':
      return 'accept'
  }
}

/** The first offset of a queue that a group must not be given yet; infinite if there is none. */
export function heldFrom(
  change: TopicChange | undefined,
  { queueId, group, nowMs }: { queueId: number; group: string; nowMs: number },
): number {
  if (change === undefined || !isHolding(change, nowMs)) return Number.POSITIVE_INFINITY
  if (change.releasedGroups.includes(group)) return Number.POSITIVE_INFINITY
  return change.cuts[queueId] ?? 0
}

/** Whether messages are held back from anybody. */
export function isHolding(change: TopicChange, nowMs: number): boolean {
  if (change.phase !== 'fenced' || change.order !== 'drain' || change.isReleased) return false
  return nowMs < change.untilMs
}

function withChanging(systemFlag: number, isChanging: boolean): number {
  return isChanging ? systemFlag | TOPIC_FLAG.isChanging : systemFlag & ~TOPIC_FLAG.isChanging
}
