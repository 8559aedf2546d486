// What is wrong with a group, in sentences: queues that nobody consumes, or two members do, and members
// that want different messages. Pure.

import type { GroupDescription, GroupQueue } from '../client/admin-results.ts'
import { queueName } from '../client/message.ts'
import type { Ownership } from '../client/ownership.ts'
import { printable } from '../core/logger.ts'
import { describeDifference } from '../remoting/group-view.ts'

const SHOWN_QUEUES_MAX = 20

export function groupWarnings(group: GroupDescription): string[] {
  const warnings: string[] = []
  const nobody = queuesWith(group, 'none')
  if (nobody !== null) warnings.push(`nobody of group ${group.group} holds ${nobody}`)
  const several = queuesWith(group, 'several')
  if (several !== null) warnings.push(`more than one of group ${group.group} holds ${several}`)
  for (const difference of group.unequalSubscriptions) {
    warnings.push(
      `members of group ${group.group} subscribe differently, so messages are skipped that only some of them want: ${describeDifference(difference)}`,
    )
  }
  // Clients write what they like into a subscription; each warning is one line all the same.
  return warnings.map(printable)
}

/** "orders@broker-b:0, orders@broker-b:1", or null if there is none. */
export function queuesWith(group: GroupDescription, ownership: Ownership): string | null {
  const found = group.queues.filter((queue: GroupQueue) => queue.ownership === ownership)
  if (found.length === 0) return null
  const names = found.slice(0, SHOWN_QUEUES_MAX).map(queueName).join(', ')
  const rest = found.length - SHOWN_QUEUES_MAX
  return rest > 0 ? `${names} and ${rest} more` : names
}
