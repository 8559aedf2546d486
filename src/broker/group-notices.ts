// Tells the members of a group that others came or went, so that they share the queues anew at once and
// not at their next turn (20 s). Changes that come together, as when many members start or a rack goes
// down, become one notice.

import type { Clock, Timer } from '../core/clock.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { Groups } from './groups.ts'

/** Long enough to gather a burst, too short for a person to notice. */
const NOTICE_DELAY_MS = 50

export interface GroupNoticesOptions {
  clock: Clock
  groups: Groups
  members: ConsumerGroups<Connection>
}

export class GroupNotices {
  readonly #options: GroupNoticesOptions
  readonly #changed = new Set<string>()
  #timer: Timer | null = null

  constructor(options: GroupNoticesOptions) {
    this.#options = options
  }

  changed(group: string): void {
    this.#changed.add(group)
    this.#timer ??= this.#options.clock.after(NOTICE_DELAY_MS, () => this.#send())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#changed.clear()
  }

  #send(): void {
    this.#timer = null
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const group of changed) {
      if (!this.#options.groups.config(group).isChangeNotified) continue
      const members = this.#options.members.get(group)?.members.keys() ?? []
      for (const connection of members) {
        connection.sendOneway(REQUEST.notifyConsumersChanged, { fields: { consumerGroup: group } })
      }
    }
  }
}
