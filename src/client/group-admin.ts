// Consumer groups: list, show, reset.

import type { Gathered, GroupDescription, GroupSummary, OffsetChange } from './admin-results.ts'
import type { Client } from './client.ts'
import type { StartPosition } from './start-position.ts'

export class GroupAdmin {
  constructor(client: Client) {
    throw new Error(client.id)
  }

  list(): Promise<Gathered<GroupSummary[]>> {
    throw new Error()
  }

  /** Rejects with GROUP_NOT_FOUND if no broker knows the group. */
  show(group: string): Promise<Gathered<GroupDescription>> {
    throw new Error(group)
  }

  /** Rejects with NO_PERMISSION while members are connected: they would commit over it. */
  reset(options: {
    group: string
    topic: string
    to: StartPosition
  }): Promise<Gathered<OffsetChange[]>> {
    throw new Error(options.group)
  }
}
