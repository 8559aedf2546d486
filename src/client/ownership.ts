// Who holds which queue of a group, as its members themselves say. Members share queues out each by its
// own view of members and routes, so it can happen that nobody holds a queue, or two do. Pure.

import { type MessageQueue, queueName } from './message.ts'

/**
 * `none` and `several` are what should not last. `unknown`: nobody says so, but some member could not
 * be asked. `idle`: nobody should hold it: the group is offline, does not want the topic now, or the
 * queue is closed to readers. `each`: every member reads all (broadcasting).
 */
export type Ownership = 'one' | 'none' | 'several' | 'unknown' | 'idle' | 'each'

/** Queue name → the members that hold it, sorted. */
export function holdersOf(
  reports: readonly { clientId: string; queues: readonly MessageQueue[] | null }[],
): Map<string, string[]> {
  const holders = new Map<string, string[]>()
  for (const { clientId, queues } of reports) {
    for (const name of new Set((queues ?? []).map(queueName))) {
      holders.set(name, [...(holders.get(name) ?? []), clientId].sort())
    }
  }
  return holders
}

export function ownershipOf(question: {
  holderCount: number
  isBroadcast: boolean
  /** Whether any member is there to hold it, wants its topic, and readers share it out. */
  isWanted: boolean
  /** Some member could not be asked. */
  hasSilentMember: boolean
}): Ownership {
  const { holderCount, isBroadcast, isWanted, hasSilentMember } = question
  if (isBroadcast) return 'each'
  if (holderCount > 1) return 'several'
  if (holderCount === 1) return 'one'
  if (!isWanted) return 'idle'
  return hasSilentMember ? 'unknown' : 'none'
}
