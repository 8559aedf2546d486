// Notices groups whose members subscribe differently, which loses messages in silence: says it in the
// log once for every change of what differs, and remembers since when, for administrators. A look at a
// group that did not change costs one comparison of two numbers, and one whose members want the same, as
// nearly all do, one comparison of two texts per member.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { describeDifference, differingSubscriptions } from '../remoting/group-view.ts'
import { RemoteWarnings } from '../remoting/remote-warnings.ts'
import type { ConsumerGroup, ConsumerGroups } from './consumer-groups.ts'

/** Of what differs, in the log and in memory: members may name a thousand topics, and write pages. */
const TEXT_LENGTH_MAX = 1_000

interface Seen {
  /** Of the group, when it was looked at. */
  changeCount: number
  /** What differs, as the log said it; null: nothing. */
  text: string | null
  sinceMs: number
}

export interface SubscriptionWatchOptions<Owner extends object> {
  clock: Clock
  logger: Logger
  groups: ConsumerGroups<Owner>
}

export class SubscriptionWatch<Owner extends object> {
  readonly #options: SubscriptionWatchOptions<Owner>
  readonly #warnings: RemoteWarnings
  readonly #seen = new Map<string, Seen>()

  constructor(options: SubscriptionWatchOptions<Owner>) {
    this.#options = options
    this.#warnings = new RemoteWarnings(options.clock, options.logger)
  }

  /** To be called when a member of `name` came, went or sent a heartbeat. */
  look(name: string): void {
    const { groups, clock } = this.#options
    const group = groups.get(name)
    if (group === null) {
      this.#seen.delete(name)
      return
    }
    const before = this.#seen.get(name)
    if (before?.changeCount === group.changeCount) return
    const text = differenceText(group)
    const { changeCount } = group
    const wasUnequal = before !== undefined && before.text !== null
    const sinceMs = text !== null && wasUnequal ? before.sinceMs : clock.monoMs()
    this.#seen.set(name, { changeCount, text, sinceMs })
    if (text !== null && text !== before?.text) {
      this.#warnings.warn(
        `members of group ${name} subscribe differently, so messages are skipped that only some of them want: ${text}`,
      )
    } else if (text === null && wasUnequal) {
      this.#warnings.info(`members of group ${name} subscribe to the same again`)
    }
  }

  /** Null: the members of the group want the same. */
  unequalForMs(name: string): number | null {
    const seen = this.#seen.get(name)
    if (seen === undefined || seen.text === null) return null
    return Math.round(this.#options.clock.monoMs() - seen.sinceMs)
  }
}

/** Null: nothing differs. */
function differenceText(group: ConsumerGroup<object>): string | null {
  const members = [...group.members.values()]
  const key = members[0]?.subscriptionsKey
  if (members.every(({ subscriptionsKey }) => subscriptionsKey === key)) return null
  const differences = differingSubscriptions(members)
  if (differences.length === 0) return null
  const text = differences.map(describeDifference).join('; ')
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}…`
}
