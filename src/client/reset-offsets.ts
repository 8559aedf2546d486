// Setting a group to another offset of one queue.

import { MqError } from '../core/errors.ts'
import { LANGUAGES, REQUEST, RESPONSE } from '../remoting/codes.ts'
import { decodeQueuePositions } from '../remoting/offset-tables.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import type { OffsetChange } from './admin-results.ts'
import { fetchGroupMembers } from './group-members.ts'
import type { Caller } from './nameserver-calls.ts'
import {
  commitOffset,
  fetchCommittedOffset,
  fetchStartOffset,
  type QueueAt,
} from './queue-calls.ts'
import type { StartPosition } from './start-position.ts'

const NOW = -1
/** Apache's brokers from 5.0.0 on can be told an offset; older ones know times only. */
const FIRST_VERSION_WITH_OFFSETS = 413

interface Reset {
  group: string
  to: StartPosition
}

/** Asks the broker to do it, which moves connected members too; commits in its place if it cannot. */
export async function resetQueue(
  caller: Caller,
  at: QueueAt,
  { group, to }: Reset,
): Promise<OffsetChange> {
  const [before, after] = await Promise.all([
    fetchCommittedOffset(caller, at, { group, isExact: true }),
    fetchStartOffset(caller, at, to),
  ])
  const change = { ...at.queue, before, after }
  if (!(await understands(caller, at, to))) {
    // It would go by the time sent along instead, and skip what the group has not consumed.
    await refuseWhileConnected(caller, at, group)
    await commitOffset(caller, at, { group, offset: after })
    return change
  }
  const { topic, queueId } = at.queue
  const answer = await caller.channels.invoke(at.address, REQUEST.resetOffset, {
    fields: { group, topic, queueId, offset: after, timestamp: timestampOf(to), isForce: true },
    timeoutMs: caller.timeoutMs,
  })
  if (answer.code === RESPONSE.success) {
    const set = decodeQueuePositions(answer.body).find((position) => position.queueId === queueId)
    if (set === undefined || set.offset === after) return change
    throw new MqError('PARTIAL', `the broker set offset ${set.offset} instead of ${after}`, {
      hint: 'stop the members of the group and try again',
    })
  }
  const isLeftToUs =
    answer.code === RESPONSE.consumerNotOnline ||
    answer.code === RESPONSE.notSupported ||
    // What brokers before 5.x say of a group that has not committed yet.
    (answer.code === RESPONSE.systemError && before === null)
  if (!isLeftToUs) throw errorFromResponse(answer, at.address)
  // Nobody is connected, or the broker leaves it to clients: the committed offset is all there is.
  await commitOffset(caller, at, { group, offset: after })
  return change
}

/** Whether the broker can be told this position, rather than a time. */
async function understands(caller: Caller, at: QueueAt, to: StartPosition): Promise<boolean> {
  if (to.kind !== 'last' && to.kind !== 'offset') return true
  const { topic, queueId } = at.queue
  const answer = await caller.channels.invoke(at.address, REQUEST.getMinOffset, {
    fields: { topic, queueId },
    timeoutMs: caller.timeoutMs,
  })
  return LANGUAGES[answer.language] !== 'JAVA' || answer.version >= FIRST_VERSION_WITH_OFFSETS
}

async function refuseWhileConnected(caller: Caller, at: QueueAt, group: string): Promise<void> {
  const members = await fetchGroupMembers(caller, at.address, group)
  if (members.length === 0) return
  throw new MqError(
    'NOT_SUPPORTED',
    `the broker is too old to move ${members.length} connected members to an offset`,
    { hint: 'stop the members of the group and try again, or reset to start, end or a time' },
  )
}

function timestampOf(to: StartPosition): number {
  if (to.kind === 'time') return to.timestampMs
  return to.kind === 'start' ? 0 : NOW
}
