// Who consumes for which group right now, as their heartbeats say. Pure and in memory only: after a
// restart every client beats again before it pulls. Members are told apart by their connection, not by
// their client id, which several may share.

import { subscriptionsKey } from '../remoting/group-view.ts'
import type { ConsumerData, Subscription } from '../remoting/heartbeat.ts'

export interface Client<Owner> {
  clientId: string
  /** Index into LANGUAGES. */
  language: number
  version: number
  /** Its connection. */
  owner: Owner
}

export interface Connected<Owner> extends Client<Owner> {
  lastHeartbeatMs: number
}

export interface Member<Owner> extends Connected<Owner> {
  /** What this member asked for, whatever the others did. */
  subscriptions: readonly Subscription[]
  /** Equal for members that want the same (group-view.ts). */
  subscriptionsKey: string
}

export interface ConsumerGroup<Owner> {
  name: string
  consumeType: string
  messageModel: string
  consumeFromWhere: string
  members: Map<Owner, Member<Owner>>
  /** Topic → what the group wants of it. */
  subscriptions: Map<string, Subscription>
  /** Grows whenever a member comes, goes, or wants something else than before. */
  changeCount: number
}

export class ConsumerGroups<Owner extends object> {
  readonly #groups = new Map<string, ConsumerGroup<Owner>>()
  readonly #groupsByOwner = new Map<Owner, Set<string>>()

  get(group: string): ConsumerGroup<Owner> | null {
    return this.#groups.get(group) ?? null
  }

  /** Names of the groups that have members, sorted. */
  names(): string[] {
    return [...this.#groups.keys()].sort()
  }

  subscribersOf(topic: string): string[] {
    return this.names().filter((name) => this.#groups.get(name)?.subscriptions.has(topic))
  }

  /** The client ids of a group, each once, sorted; every broker must answer the same. */
  clientIds(group: string): string[] {
    const members = this.#groups.get(group)?.members.values() ?? []
    return [...new Set([...members].map((member) => member.clientId))].sort()
  }

  /** Whether the others must hear of it: a new member, or other topics. */
  heartbeat(client: Client<Owner>, data: ConsumerData, nowMs: number): boolean {
    const group = this.#groupOf(data)
    const known = group.members.get(client.owner)
    const { subscriptions } = data
    const key = subscriptionsKey(subscriptions)
    group.members.set(client.owner, {
      ...client,
      lastHeartbeatMs: nowMs,
      subscriptions,
      subscriptionsKey: key,
    })
    if (known?.subscriptionsKey !== key) group.changeCount++
    this.#noteOwner(client.owner, data.group)
    const isSubscriptionChanged = replaceSubscriptions(group.subscriptions, data.subscriptions)
    return known?.clientId !== client.clientId || isSubscriptionChanged
  }

  /** Whether `owner` was a member. */
  leave(group: string, owner: Owner): boolean {
    if (this.#groups.get(group)?.members.has(owner) !== true) return false
    this.#remove(group, owner)
    return true
  }

  /** The connection is gone. Returns the groups it was a member of. */
  removeOwner(owner: Owner): string[] {
    const names = [...(this.#groupsByOwner.get(owner) ?? [])]
    for (const name of names) this.#remove(name, owner)
    return names
  }

  /** Connections of which some membership was silent for longer than `expiryMs`. */
  expiredOwners(options: { nowMs: number; expiryMs: number }): Owner[] {
    const owners = new Set<Owner>()
    for (const { members } of this.#groups.values()) {
      for (const { owner, lastHeartbeatMs } of members.values()) {
        if (options.nowMs - lastHeartbeatMs > options.expiryMs) owners.add(owner)
      }
    }
    return [...owners]
  }

  /** What the newest heartbeat says of the group holds for all of it. */
  #groupOf(data: ConsumerData): ConsumerGroup<Owner> {
    const { consumeType, messageModel, consumeFromWhere } = data
    const known = this.#groups.get(data.group)
    if (known !== undefined)
      return Object.assign(known, { consumeType, messageModel, consumeFromWhere })
    const group: ConsumerGroup<Owner> = {
      name: data.group,
      consumeType,
      messageModel,
      consumeFromWhere,
      members: new Map(),
      subscriptions: new Map(),
      changeCount: 0,
    }
    this.#groups.set(data.group, group)
    return group
  }

  #noteOwner(owner: Owner, group: string): void {
    const groups = this.#groupsByOwner.get(owner)
    if (groups === undefined) this.#groupsByOwner.set(owner, new Set([group]))
    else groups.add(group)
  }

  #remove(name: string, owner: Owner): void {
    const group = this.#groups.get(name)
    if (group?.members.delete(owner) === true) group.changeCount++
    if (group?.members.size === 0) this.#groups.delete(name)
    const groups = this.#groupsByOwner.get(owner)
    groups?.delete(name)
    if (groups?.size === 0) this.#groupsByOwner.delete(owner)
  }
}

/** Whether topics came or went. A newer version of a subscription replaces the older, never back. */
function replaceSubscriptions(
  current: Map<string, Subscription>,
  next: readonly Subscription[],
): boolean {
  let isChanged = false
  for (const subscription of next) {
    const known = current.get(subscription.topic)
    if (known === undefined) isChanged = true
    if (known === undefined || subscription.version > known.version) {
      current.set(subscription.topic, subscription)
    }
  }
  const topics = new Set(next.map((subscription) => subscription.topic))
  for (const topic of [...current.keys()]) {
    if (topics.has(topic)) continue
    current.delete(topic)
    isChanged = true
  }
  return isChanged
}
