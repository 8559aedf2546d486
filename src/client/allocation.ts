// Who owns which queue. Every member computes the same answer for itself from the same two lists, so
// both must be sorted the same way everywhere. Pure.

import { compareQueues, compareText, type MessageQueue } from './message.ts'

export type AllocationKind = 'average' | 'circle'

/** The queues of `self`; none if it is not among the members. */
export function allocate(options: {
  kind: AllocationKind
  queues: readonly MessageQueue[]
  members: readonly string[]
  self: string
}): MessageQueue[] {
  const queues = [...options.queues].sort(compareQueues)
  const members = [...new Set(options.members)].sort(compareText)
  const index = members.indexOf(options.self)
  if (index < 0) return []
  return options.kind === 'circle'
    ? queues.filter((_, at) => at % members.length === index)
    : averageShare(queues, members.length, index)
}

/** One run of neighbours each; the first members get one more where it does not come out even. */
function averageShare(
  queues: readonly MessageQueue[],
  memberCount: number,
  index: number,
): MessageQueue[] {
  const size = Math.floor(queues.length / memberCount)
  const rest = queues.length % memberCount
  const start = index * size + Math.min(index, rest)
  return queues.slice(start, start + size + (index < rest ? 1 : 0))
}

/** Queue name → owner, for showing a whole group. */
export function ownersOf(options: {
  kind: AllocationKind
  queues: readonly MessageQueue[]
  members: readonly string[]
  nameOf: (queue: MessageQueue) => string
}): Map<string, string> {
  const owners = new Map<string, string>()
  for (const self of options.members) {
    for (const queue of allocate({ ...options, self })) owners.set(options.nameOf(queue), self)
  }
  return owners
}
