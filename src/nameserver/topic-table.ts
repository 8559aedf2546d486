// Which broker holds how many queues of which topic. Pure. A topic that no broker holds does not
// exist here; who the brokers are is in live-brokers.ts.

import { REGISTRATION_NEWS_MAX, TWIN_IDS_MAX } from '../core/limits.ts'
import type { TopicQueues } from '../remoting/route.ts'
import { birthIdsOf, type TopicConfig } from '../remoting/topic-config.ts'
import type { TwinBirths } from '../remoting/topic-life.ts'

/** Which topic it is, of those that ever had the name. */
export type Birth = Pick<TopicConfig, 'birthId' | 'twinIds'>

interface Holding {
  queues: TopicQueues
  /** Undefined for brokers that give their topics none. */
  birthId: string | undefined
  /** As in TopicConfig. */
  twinIds: readonly string[] | undefined
}

export class TopicTable {
  readonly #topics = new Map<string, Map<string, Holding>>()
  /** Those of which brokers may know different births: very few, as a rule none. */
  readonly #divided = new Set<string>()
  readonly #onChanged: (topic: string) => void
  #entryCount = 0

  /** `onChanged` hears of every topic that some broker holds otherwise than before. */
  constructor(onChanged: (topic: string) => void) {
    this.#onChanged = onChanged
  }

  /** Topic-on-broker pairs. */
  get entryCount(): number {
    return this.#entryCount
  }

  get topicCount(): number {
    return this.#topics.size
  }

  get(topic: string, brokerName: string): TopicQueues | null {
    return this.#topics.get(topic)?.get(brokerName)?.queues ?? null
  }

  /** By broker name, so that equal tables give equal routes. */
  queuesOf(topic: string): TopicQueues[] {
    const holdings = [...(this.#topics.get(topic)?.values() ?? [])]
    const queues = holdings.map((holding) => holding.queues)
    return queues.sort((a, b) => (a.brokerName < b.brokerName ? -1 : 1))
  }

  /** Whether anything changed. */
  put(topic: string, queues: TopicQueues, birth: Birth = {}): boolean {
    const { birthId, twinIds } = birth
    let holders = this.#topics.get(topic)
    if (holders === undefined) {
      holders = new Map()
      this.#topics.set(topic, holders)
    }
    const previous = holders.get(queues.brokerName)
    const isSame = previous !== undefined && isSameQueues(previous.queues, queues)
    if (isSame && isSameBirth(previous, birth)) return false
    // One text for all holders: each of theirs would keep the registration alive that it was cut from.
    const [first] = holders.values()
    const isShared = first !== undefined && first.birthId === birthId
    holders.set(queues.brokerName, { queues, birthId: isShared ? first.birthId : birthId, twinIds })
    if (first !== undefined && birthId !== undefined && !isSameBirth(first, birth)) {
      this.#divided.add(topic)
    }
    if (isSame) return false
    if (previous === undefined) this.#entryCount++
    this.#onChanged(topic)
    return true
  }

  /** Of the broker's topics, what others were born with under that name and it does not know. */
  twinsFor(brokerName: string, isBuried: (birthId: string) => boolean): TwinBirths[] {
    const found: TwinBirths[] = []
    for (const name of this.#divided) {
      const holders = this.#topics.get(name) ?? new Map<string, Holding>()
      const births = [...holders.values()].map((holding) => new Set(birthIdsOf(holding)))
      const all = [...new Set(births.flatMap((known) => [...known]))].filter((id) => !isBuried(id))
      const unsettled = births.filter(
        (known) => known.size > 0 && !all.every((id) => known.has(id)),
      )
      if (unsettled.length === 0) this.#divided.delete(name)
      const own = holders.get(brokerName)
      if (own?.birthId === undefined || found.length === REGISTRATION_NEWS_MAX) continue
      const known = birthIdsOf(own)
      const twinIds = all.filter((id) => !known.includes(id)).slice(0, TWIN_IDS_MAX)
      if (twinIds.length > 0) found.push({ name, birthId: own.birthId, twinIds })
    }
    return found
  }

  /** Whether anybody held that very topic. Another one of the same name stays. */
  removeBirth(topic: string, birthId: string): boolean {
    const holders = [...(this.#topics.get(topic) ?? [])]
    const buried = holders.filter(([, holding]) => holding.birthId === birthId)
    for (const [brokerName] of buried) this.remove(topic, brokerName)
    return buried.length > 0
  }

  remove(topic: string, brokerName: string): boolean {
    const holders = this.#topics.get(topic)
    if (holders?.delete(brokerName) !== true) return false
    this.#entryCount--
    if (holders.size === 0) this.#topics.delete(topic)
    this.#onChanged(topic)
    return true
  }

  removeBroker(brokerName: string): void {
    for (const topic of [...this.#topics.keys()]) this.remove(topic, brokerName)
  }

  /** The broker has other addresses than before: the routes of all its topics say so. */
  noteMoved(brokerName: string): void {
    for (const [topic, holders] of this.#topics) if (holders.has(brokerName)) this.#onChanged(topic)
  }

  /** Applies `change` to every topic of one broker; returns how many topics it has. */
  changePermissions(brokerName: string, change: (permission: number) => number): number {
    let count = 0
    for (const [topic, holders] of this.#topics) {
      const holding = holders.get(brokerName)
      if (holding === undefined) continue
      count++
      const { queues } = holding
      const permission = change(queues.permission)
      if (permission === queues.permission) continue
      holders.set(brokerName, { ...holding, queues: { ...queues, permission } })
      this.#onChanged(topic)
    }
    return count
  }

  /** Broker name → how many topics it holds. */
  countsByBroker(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const holders of this.#topics.values()) {
      for (const brokerName of holders.keys()) {
        counts.set(brokerName, (counts.get(brokerName) ?? 0) + 1)
      }
    }
    return counts
  }

  /** The topics of which some broker's part satisfies the test, sorted. */
  names(test: (queues: TopicQueues) => boolean = () => true): string[] {
    const names: string[] = []
    for (const [topic, holders] of this.#topics) {
      if ([...holders.values()].some(({ queues }) => test(queues))) names.push(topic)
    }
    return names.sort()
  }
}

function isSameBirth(a: Birth | Holding, b: Birth): boolean {
  return a.birthId === b.birthId && a.twinIds?.join() === b.twinIds?.join()
}

/** Of one broker. */
export function isSameQueues(a: TopicQueues, b: TopicQueues): boolean {
  return (
    a.readQueueCount === b.readQueueCount &&
    a.writeQueueCount === b.writeQueueCount &&
    a.permission === b.permission &&
    a.systemFlag === b.systemFlag
  )
}
