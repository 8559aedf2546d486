// Who produces for which group right now, as their heartbeats say. Pure and in memory only.

import type { Client, Connected } from './consumer-groups.ts'

export class ProducerGroups<Owner extends object> {
  readonly #groups = new Map<string, Map<Owner, Connected<Owner>>>()

  heartbeat(client: Client<Owner>, group: string, nowMs: number): void {
    let members = this.#groups.get(group)
    if (members === undefined) {
      members = new Map()
      this.#groups.set(group, members)
    }
    members.set(client.owner, { ...client, lastHeartbeatMs: nowMs })
  }

  members(group: string): Connected<Owner>[] {
    return [...(this.#groups.get(group)?.values() ?? [])]
  }

  leave(group: string, owner: Owner): void {
    const members = this.#groups.get(group)
    members?.delete(owner)
    if (members?.size === 0) this.#groups.delete(group)
  }

  removeOwner(owner: Owner): void {
    for (const group of [...this.#groups.keys()]) this.leave(group, owner)
  }

  /** Connections of which some membership was silent for longer than `expiryMs`. */
  expiredOwners(options: { nowMs: number; expiryMs: number }): Owner[] {
    const owners = new Set<Owner>()
    for (const members of this.#groups.values()) {
      for (const { owner, lastHeartbeatMs } of members.values()) {
        if (options.nowMs - lastHeartbeatMs > options.expiryMs) owners.add(owner)
      }
    }
    return [...owners]
  }
}
