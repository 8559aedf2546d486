// Which topics are buried, and which are still on their way to a broker that is to have them. Pure, in
// memory, and fed by registrations alone: the brokers keep what lasts (broker/tombstones.ts), so a
// nameserver that starts empty knows all of it again after one heartbeat.
//
// It is how a deletion or a creation that was interrupted comes to its end: any broker that has seen
// it registers it, and every other one is told in the answer to its own registration.

import {
  REGISTRATION_NEWS_MAX,
  ROUTE_ENTRY_COUNT_MAX,
  TOMBSTONE_COUNT_MAX,
  TOMBSTONE_UNHEARD_MS_MAX,
} from '../core/limits.ts'
import { isTopicName } from '../core/names.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BuriedTopic, RegistrationNews } from '../remoting/topic-life.ts'

interface Grave extends BuriedTopic {
  /** When a broker last registered it. */
  heardMs: number
}

interface PlannedTopic {
  topic: TopicConfig
  queueCounts: ReadonlyMap<string, number>
  offeredBy: Set<string>
}

/** What a broker registers, as far as it matters here. */
export interface Offer {
  brokerName: string
  topics: readonly TopicConfig[]
  buried?: readonly BuriedTopic[]
}

export class TopicLives {
  readonly #graves = new Map<string, Grave>()
  /** By birth id. */
  readonly #planned = new Map<string, PlannedTopic>()
  /** Topic-on-broker pairs of all plans. */
  #plannedCount = 0

  get buriedCount(): number {
    return this.#graves.size
  }

  get plannedCount(): number {
    return this.#plannedCount
  }

  /** Returns those that were not known to be buried. */
  bury(buried: readonly BuriedTopic[], nowMs: number): BuriedTopic[] {
    const fresh: BuriedTopic[] = []
    for (const topic of buried) {
      if (!this.#graves.has(topic.birthId)) fresh.push(topic)
      // Anew, so that what has not been heard of for longest comes first.
      this.#graves.delete(topic.birthId)
      this.#graves.set(topic.birthId, { ...topic, heardMs: nowMs })
      this.#forgetPlan(topic.birthId)
    }
    for (const birthId of this.#graves.keys()) {
      if (this.#graves.size <= TOMBSTONE_COUNT_MAX) break
      this.#graves.delete(birthId)
    }
    return fresh
  }

  isBuried(birthId: string | undefined): boolean {
    return birthId !== undefined && this.#graves.has(birthId)
  }

  /** Tombstones end: brokers stop registering them, and soon after they are gone here too. */
  forget(nowMs: number): void {
    for (const [birthId, { heardMs }] of this.#graves) {
      if (nowMs - heardMs <= TOMBSTONE_UNHEARD_MS_MAX) return
      this.#graves.delete(birthId)
    }
  }

  /** Replaces what the broker planned before. */
  notePlans({ brokerName, topics }: Offer): void {
    this.forgetBroker(brokerName)
    for (const topic of topics) {
      const { birthId, plan } = topic
      if (birthId === undefined || plan === undefined || this.isBuried(birthId)) continue
      if (!isTopicName(topic.name)) continue
      const { queueCounts: known, offeredBy = new Set<string>() } = this.#planned.get(birthId) ?? {}
      const queueCounts = new Map(plan.map((part) => [part.brokerName, part.queueCount]))
      const count = this.#plannedCount - (known?.size ?? 0) + queueCounts.size
      if (count > ROUTE_ENTRY_COUNT_MAX) continue
      this.#plannedCount = count
      offeredBy.add(brokerName)
      this.#planned.set(birthId, { topic, queueCounts, offeredBy })
    }
  }

  forgetBroker(brokerName: string): void {
    for (const [birthId, { offeredBy }] of this.#planned) {
      if (offeredBy.delete(brokerName) && offeredBy.size === 0) this.#forgetPlan(birthId)
    }
  }

  #forgetPlan(birthId: string): void {
    this.#plannedCount -= this.#planned.get(birthId)?.queueCounts.size ?? 0
    this.#planned.delete(birthId)
  }

  /** What to answer a broker that understands it, the newest deletions first. */
  newsFor(offer: Offer): Omit<RegistrationNews, 'twins'> {
    return { buried: this.#unknownTo(offer), missing: this.#missingFrom(offer) }
  }

  #unknownTo({ buried = [] }: Offer): BuriedTopic[] {
    const known = new Set(buried.map(({ birthId }) => birthId))
    const unknown: BuriedTopic[] = []
    for (const { name, birthId, deletedMs } of this.#graves.values()) {
      if (!known.has(birthId)) unknown.push({ name, birthId, deletedMs })
    }
    return unknown.sort((a, b) => b.deletedMs - a.deletedMs).slice(0, REGISTRATION_NEWS_MAX)
  }

  #missingFrom({ brokerName, topics }: Offer): TopicConfig[] {
    const missing: TopicConfig[] = []
    if (this.#planned.size === 0) return missing
    const names = new Set(topics.map(({ name }) => name))
    for (const { topic, queueCounts } of this.#planned.values()) {
      const queueCount = queueCounts.get(brokerName)
      if (queueCount === undefined || names.has(topic.name)) continue
      missing.push({ ...topic, readQueueCount: queueCount, writeQueueCount: queueCount })
      if (missing.length === REGISTRATION_NEWS_MAX) break
    }
    return missing
  }
}
