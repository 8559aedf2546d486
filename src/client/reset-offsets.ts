// Setting a group to another offset of one queue.

import { MqError } from '../core/errors.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import { decodeQueuePositions } from '../remoting/offset-tables.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import type { OffsetChange } from './admin-results.ts'
import type { Caller } from './nameserver-calls.ts'
import {
  commitOffset,
  fetchCommittedOffset,
  fetchStartOffset,
  type QueueAt,
} from './queue-calls.ts'
import type { StartPosition } from './start-position.ts'

const NOW = -1

/** Asks the broker to do it, which moves connected members too; commits in its place if it cannot. */
export async function resetQueue(
  caller: Caller,
  at: QueueAt,
  options: { group: string; to: StartPosition },
): Promise<OffsetChange> {
  const { group, to } = options
  const [before, after] = await Promise.all([
    fetchCommittedOffset(caller, at, { group, isExact: true }),
    fetchStartOffset(caller, at, to),
  ])
  const { topic, queueId } = at.queue
  const answer = await caller.channels.invoke(at.address, REQUEST.resetOffset, {
    fields: { group, topic, queueId, offset: after, timestamp: timestampOf(to), isForce: true },
    timeoutMs: caller.timeoutMs,
  })
  if (answer.code === RESPONSE.success) {
    const set = decodeQueuePositions(answer.body).find((position) => position.queueId === queueId)
    // Brokers before 5.x know times only, and go where the time leads.
    if (set === undefined || set.offset === after) return { ...at.queue, before, after }
    throw new MqError('PARTIAL', `the broker set offset ${set.offset} instead of ${after}`, {
      hint: 'stop the members of the group and try again',
    })
  }
  if (answer.code !== RESPONSE.consumerNotOnline && answer.code !== RESPONSE.notSupported) {
    throw errorFromResponse(answer, at.address)
  }
  // Nobody is connected, or the broker leaves it to clients: the committed offset is all there is.
  await commitOffset(caller, at, { group, offset: after })
  return { ...at.queue, before, after }
}

function timestampOf(to: StartPosition): number {
  if (to.kind === 'time') return to.timestampMs
  return to.kind === 'start' ? 0 : NOW
}
