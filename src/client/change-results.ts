// A change of a topic's queues as its caller sees it: what to ask for, what is told meanwhile, and
// the two ways in which it ends early.

import { MqError } from '../core/errors.ts'
import type { ChangeStep, QueuePause } from '../remoting/topic-change.ts'
import type { PeerFailure } from './admin-results.ts'
import type { GroupWait } from './change-progress.ts'

export const CHANGE_LIMIT_MS = 600_000
/** RocketMQ's clients ask for routes every 30 s; ours are told, or ask as often. */
export const CHANGE_SETTLE_MS = 35_000

export type ChangeProgressStep = ChangeStep | 'own' | 'drain' | 'settle' | 'consume'

export interface ChangeProgress {
  step: ChangeProgressStep
  elapsedMs: number
  /** Groups that are waited for; empty where none are. */
  waits: GroupWait[]
}

export interface TopicChangeOptions {
  topic: string
  /** In all. */
  queueCount: number
  /** 'drain' unless given. */
  order?: 'drain' | 'none'
  /** For all of it; waiting for groups ends then. */
  limitMs?: number
  /** How long clients that only ask for routes now and then are given to notice. */
  settleMs?: number
  /**
   * Groups without members are not waited for, and the others no longer than the limit; a change that
   * was begun goes on without brokers that are away.
   */
  isForced?: boolean
  /** Goes on without these, which never come back; groups are waited for all the same. */
  lostBrokers?: readonly string[]
  onStep?: (progress: ChangeProgress) => void
}

export interface QueuePauseAt extends QueuePause {
  brokerName: string
}

/** The limit is over, and these groups were still waited for. */
export function timedOut(
  step: ChangeProgressStep,
  waits: readonly GroupWait[],
  { topic, queueCount, limitMs = CHANGE_LIMIT_MS }: TopicChangeOptions,
): MqError {
  const who = waits
    .map(({ group, messageCount, memberCount }) => {
      const members = memberCount === 0 ? ', no members' : ''
      return `${group} (${messageCount} messages${members})`
    })
    .join(', ')
  const what = step === 'drain' ? 'what was sent before the change' : 'the queues that go'
  return new MqError(
    'TIMED_OUT',
    `after ${limitMs} ms these groups have not consumed ${what} of ${topic}: ${who}`,
    {
      hint: `go on with the same command, or without them: mq topic alter ${topic} --queues ${queueCount} --force`,
    },
  )
}

/** A broker did not do its part. */
export function interrupted(
  step: ChangeStep,
  { peer, error }: PeerFailure,
  { topic, queueCount }: TopicChangeOptions,
): MqError {
  return new MqError(
    error.code === 'NOT_SUPPORTED' ? 'NOT_SUPPORTED' : 'PARTIAL',
    `the change of ${topic} stopped before "${step}" was done everywhere: ${peer}: ${error.message}`,
    {
      hint: `go on with the same command: mq topic alter ${topic} --queues ${queueCount} (a broker that is lost for good is left out by: --without BROKER)`,
      cause: error,
    },
  )
}
