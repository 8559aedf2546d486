// The two questions of a change of queues to one broker, typed.

import { MqError } from '../core/errors.ts'
import { REQUEST } from '../remoting/codes.ts'
import {
  type ChangePlan,
  type ChangeStep,
  type ChangeView,
  decodeChangeView,
  decodePauses,
  encodeChangePlan,
  type QueueLayout,
  type QueuePause,
} from '../remoting/topic-change.ts'
import type { Caller } from './nameserver-calls.ts'

/** A broker answers once a step is on its disk and told to the nameservers it can reach. */
const STEP_TIMEOUT_MS = 10_000

/** Null: the broker has no such topic. Rejects with NOT_SUPPORTED where the broker is another product. */
export async function fetchChangeView(
  caller: Caller,
  address: string,
  topic: string,
): Promise<ChangeView | null> {
  try {
    const answer = await caller.channels.call(address, REQUEST.describeQueueChange, {
      fields: { topic },
      timeoutMs: caller.timeoutMs,
    })
    return decodeChangeView(answer.body)
  } catch (error) {
    if (error instanceof MqError && error.code === 'TOPIC_NOT_FOUND') return null
    throw error
  }
}

/** The queues that hold at a broker for producers by key; null if it goes by the route. */
export async function fetchLayout(
  caller: Caller,
  address: string,
  topic: string,
): Promise<QueueLayout | null> {
  const change = (await fetchChangeView(caller, address, topic))?.change ?? null
  if (change === null) return null
  if (change.phase === 'abandoned') return null
  return change.phase === 'prepared' ? change.before : change.after
}

/** One step at one broker; tells how long messages were held there, where the step ends that. */
export async function takeStep(
  caller: Caller,
  address: string,
  options: {
    topic: string
    step: ChangeStep
    plan: ChangePlan
    group?: string
    isForced?: boolean
  },
): Promise<QueuePause[]> {
  const { topic, step, plan, group, isForced } = options
  const body = step === 'prepare' ? { body: encodeChangePlan(plan) } : {}
  const answer = await caller.channels.call(address, REQUEST.changeQueues, {
    fields: {
      topic,
      step,
      attempt: plan.attempt,
      ...(group === undefined ? {} : { consumerGroup: group }),
      ...(isForced === true ? { force: true } : {}),
    },
    ...body,
    timeoutMs: STEP_TIMEOUT_MS,
  })
  return decodePauses(answer.body)
}
