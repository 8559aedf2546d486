// The table of a nameserver: brokers come and go, and with them the routes of their topics. Pure and
// synchronous: it owns no timer and no socket and is given the time. It promises that every broker in
// a route is registered and alive, that a broker's topics vanish with its last replica, and that
// `version` changes whenever an answer could.

import { MqError } from '../core/errors.ts'
import { REGISTRATION_COUNT_MAX, ROUTE_ENTRY_COUNT_MAX } from '../core/limits.ts'
import { MASTER_ID, PERMISSION } from '../remoting/codes.ts'
import type { BrokerAddresses, TopicQueues, TopicRoute } from '../remoting/route.ts'
import { type DataVersion, isSameVersion } from '../remoting/topic-config.ts'
import type { RegistrationNews } from '../remoting/topic-life.ts'
import { type LiveBroker, LiveBrokers, type Owner } from './live-brokers.ts'
import {
  checkRegistration,
  isRoutable,
  type Registration,
  topicQueues,
} from './registration-rules.ts'
import { TopicLives } from './topic-lives.ts'
import { type Birth, isSameQueues, TopicTable } from './topic-table.ts'

/**
 * A broker that says the same again is taken at its word for this long; then it is looked at in full,
 * for the sake of what is remembered only as long as it is heard of (topic-lives.ts).
 */
const SETTLED_MS_MAX = 300_000

export interface RegistrationResult {
  /** Where a replica finds its master; null for a master, or when there is none. */
  master: LiveBroker | null
  /** Topics left out because of their name, their queue count, or for want of room. */
  refusedTopics: string[]
  /** Topics left out because they were deleted while the broker was away. */
  buriedTopics: string[]
  /** What the broker does not know yet; null for brokers that would not understand it. */
  news: RegistrationNews | null
}

export class RouteTable {
  readonly #brokers = new LiveBrokers()
  readonly #topics: TopicTable
  readonly #lives = new TopicLives()
  #version = 0
  /** Counts registrations that said something new: others may have to be told of it. */
  #epoch = 0

  /** `onRouteChanged` hears of each topic whose route may say something else now. */
  constructor(onRouteChanged: (topic: string) => void = () => {}) {
    this.#topics = new TopicTable(onRouteChanged)
  }

  /** Grows with every change of what routes and lists say. */
  get version(): number {
    return this.#version
  }

  get brokers(): Pick<LiveBrokers, 'count' | 'all' | 'clusters' | 'replicas' | 'has'> {
    return this.#brokers
  }

  get topics(): Pick<
    TopicTable,
    'topicCount' | 'entryCount' | 'names' | 'countsByBroker' | 'queuesOf'
  > {
    return this.#topics
  }

  /**
   * Whether this is, bit by bit, what the broker said before, with nothing else changed since: then
   * it is noted as a sign of life, and all is done. This is what nearly every registration is, and
   * looking at each of a thousand topics every 30 s would be most of what a nameserver does.
   */
  repeats(
    broker: { brokerName: string; brokerId: number; digest: string },
    owner: Owner,
    nowMs: number,
  ): boolean {
    const live = this.#brokers.get(broker.brokerName, broker.brokerId)
    const settled = live?.settled ?? null
    if (live === null || settled === null || live.digest !== broker.digest) return false
    const isStale = settled.tableVersion !== this.#version || settled.epoch !== this.#epoch
    if (isStale || nowMs - settled.atMs > SETTLED_MS_MAX) return false
    live.lastHeartbeatMs = nowMs
    live.owner = owner
    return true
  }

  /** Merges a registration, never replaces: brokers also send only what changed. */
  register(registration: Registration, owner: Owner, nowMs: number): RegistrationResult {
    checkRegistration(registration)
    const { brokerName, brokerId, address } = registration
    const previous = this.#brokers.get(brokerName, brokerId)
    this.#checkConflicts(registration, previous)
    this.#dropOtherRoles(registration)
    const isSameBroker = previous !== null && previous.address === address
    const { cluster, haServerAddress, dataVersion, isDraining, expiryMs, digest } = registration
    if (digest === undefined || digest !== previous?.digest) this.#epoch++
    const live: LiveBroker = {
      cluster,
      brokerName,
      brokerId,
      address,
      haServerAddress,
      dataVersion,
      isDraining,
      lastHeartbeatMs: nowMs,
      expiryMs,
      owner,
      digest,
      settled: null,
    }
    this.#brokers.put(live)
    if (!isSameBroker) this.#noteMoved(brokerName)
    const isUnchanged = isSameBroker && isSameVersion(previous.dataVersion, dataVersion)
    this.#bury(registration, nowMs)
    const { refused, buried } = this.#mergeTopics(registration, isUnchanged)
    const master = brokerId === MASTER_ID ? null : this.#brokers.get(brokerName, MASTER_ID)
    const news = registration.buried === undefined ? null : this.#newsFor(registration)
    const leftCount = refused.length + buried.length + newsCount(news)
    if (digest !== undefined && brokerId === MASTER_ID && leftCount === 0) {
      live.settled = { tableVersion: this.#version, epoch: this.#epoch, atMs: nowMs }
    }
    return { master, refusedTopics: refused, buriedTopics: buried, news }
  }

  /** Whether that replica was registered at that address. */
  unregister(broker: { brokerName: string; brokerId: number; address: string }): boolean {
    const live = this.#brokers.get(broker.brokerName, broker.brokerId)
    if (live === null || live.address !== broker.address) return false
    this.#remove(live)
    return true
  }

  /** A sign of life. False if nobody is registered there. */
  heartbeat(broker: { brokerName: string; address: string }, nowMs: number): boolean {
    const live = this.#brokers.findByAddress(broker.brokerName, broker.address)
    if (live === null) return false
    live.lastHeartbeatMs = nowMs
    return true
  }

  dataVersionOf(broker: { brokerName: string; address: string }): DataVersion | null {
    return this.#brokers.findByAddress(broker.brokerName, broker.address)?.dataVersion ?? null
  }

  /** Removes who has been silent for too long, and returns them. */
  evictExpired(nowMs: number): LiveBroker[] {
    this.#lives.forget(nowMs)
    return this.#removeAll(this.#brokers.expired(nowMs))
  }

  /** A broker whose connection closed is gone at once, unless it has registered over a newer one. */
  connectionClosed(owner: Owner): LiveBroker[] {
    return this.#removeAll(this.#brokers.ownedBy(owner))
  }

  /** Null if no registered broker has the topic. */
  routeOf(topic: string): Omit<TopicRoute, 'orderConfig'> | null {
    const queues = this.#topics.queuesOf(topic)
    if (queues.length === 0) return null
    return { queues, brokers: queues.map((part) => this.memberGroup(part.brokerName)) }
  }

  /** The replicas of one broker; no addresses if there are none. */
  memberGroup(brokerName: string): BrokerAddresses {
    const replicas = this.#brokers.replicas(brokerName)
    return {
      cluster: replicas[0]?.cluster ?? '',
      brokerName,
      addresses: new Map(replicas.map((replica) => [replica.brokerId, replica.address])),
    }
  }

  /** Returns how many topics of the broker can no longer be written. */
  wipeWritePermission(brokerName: string): number {
    return this.#changePermissions(brokerName, (permission) => permission & ~PERMISSION.write)
  }

  addWritePermission(brokerName: string): number {
    return this.#changePermissions(brokerName, () => PERMISSION.read | PERMISSION.write)
  }

  /** Forgets the topic, on all brokers or on those of one cluster. */
  deleteTopic(topic: string, cluster: string | null): void {
    for (const { brokerName } of this.#topics.queuesOf(topic)) {
      if (cluster !== null && this.#brokers.clusterOf(brokerName) !== cluster) continue
      if (this.#topics.remove(topic, brokerName)) this.#version++
    }
  }

  /** Adds a topic by its route alone; ignored, as Apache does, if it names an unknown broker. */
  addTopic(topic: string, queues: readonly TopicQueues[]): void {
    if (!queues.every((part) => this.#brokers.has(part.brokerName))) return
    for (const part of queues) this.#putTopic(topic, part)
  }

  topicsOfCluster(cluster: string): string[] {
    return this.#topics.names((queues) => this.#brokers.clusterOf(queues.brokerName) === cluster)
  }

  #checkConflicts(registration: Registration, previous: LiveBroker | null): void {
    const { brokerName, cluster, address, topics, dataVersion } = registration
    const other = this.#brokers
      .replicas(brokerName)
      .find((replica) => replica.cluster !== cluster && replica.address !== address)
    if (other !== undefined) {
      throw new MqError(
        'NO_PERMISSION',
        `broker ${brokerName} of cluster ${other.cluster} is alive at ${other.address}`,
        { hint: `give the broker at ${address} another name` },
      )
    }
    if (previous === null) {
      // A change notice of a broker we do not know: taking it would hide all its other topics.
      if (topics.length === 1) {
        throw new MqError('INTERNAL', `${brokerName} must register with all its topics first`)
      }
      if (this.#brokers.count >= REGISTRATION_COUNT_MAX) {
        throw new MqError('BROKER_BUSY', `${REGISTRATION_COUNT_MAX} brokers are registered`)
      }
      return
    }
    // Two masters after a failover: the one with the older term must not take its place back.
    if (
      previous.address !== address &&
      previous.dataVersion.stateVersion > dataVersion.stateVersion
    ) {
      throw new MqError('NO_PERMISSION', `${previous.address} holds ${brokerName} in a newer term`)
    }
  }

  /** A replica that was promoted, or moved to another cluster, leaves its old place. */
  #dropOtherRoles(registration: Registration): void {
    const { brokerName, brokerId, address, cluster } = registration
    for (const replica of this.#brokers.replicas(brokerName)) {
      if (replica.address !== address) continue
      if (replica.brokerId === brokerId && replica.cluster === cluster) continue
      this.#brokers.remove(replica)
      this.#noteMoved(brokerName)
    }
  }

  /** Takes over what the broker has buried, and hides it whoever else still offers it. */
  #bury(registration: Registration, nowMs: number): void {
    const { brokerId, buried = [], isDraining } = registration
    for (const { name, birthId } of this.#lives.bury(buried, nowMs)) {
      if (this.#topics.removeBirth(name, birthId)) this.#version++
    }
    // A draining broker registers its topics without their permission to be written.
    if (brokerId === MASTER_ID && !isDraining) this.#lives.notePlans(registration)
  }

  #newsFor(registration: Registration): RegistrationNews {
    const isBuried = (birthId: string): boolean => this.#lives.isBuried(birthId)
    const twins = this.#topics.twinsFor(registration.brokerName, isBuried)
    return { ...this.#lives.newsFor(registration), twins }
  }

  #mergeTopics(
    registration: Registration,
    isUnchanged: boolean,
  ): { refused: string[]; buried: string[] } {
    const { brokerName, brokerId, topics, actsAsMaster } = registration
    const refused: string[] = []
    const buried: string[] = []
    const isFirstReplica = this.#brokers.replicas(brokerName)[0]?.brokerId === brokerId
    // Without a master, 5.x lets the first replica speak for the broker; older replicas never do.
    if (brokerId !== MASTER_ID && (actsAsMaster === null || !isFirstReplica)) {
      return { refused, buried }
    }
    const isReadOnly = brokerId !== MASTER_ID && actsAsMaster === true
    // Topics of one shape share one entry: there may be a million of them.
    let shared: TopicQueues | null = null
    for (const topic of topics) {
      if (this.#lives.isBuried(topic.birthId)) {
        buried.push(topic.name)
        continue
      }
      // With an unchanged version only what was deleted here comes back: wiped permissions stay.
      if (isUnchanged && this.#topics.get(topic.name, brokerName) !== null) continue
      const own = topicQueues(brokerName, topic, { isReadOnly })
      const queues: TopicQueues = shared !== null && isSameQueues(shared, own) ? shared : own
      shared = queues
      if (!this.#putTopic(topic.name, queues, topic)) refused.push(topic.name)
    }
    return { refused, buried }
  }

  #putTopic(topic: string, queues: TopicQueues, birth: Birth = {}): boolean {
    const isNew = this.#topics.get(topic, queues.brokerName) === null
    if (!isRoutable(topic, queues)) return false
    if (isNew && this.#topics.entryCount >= ROUTE_ENTRY_COUNT_MAX) return false
    if (this.#topics.put(topic, queues, birth)) this.#version++
    return true
  }

  #changePermissions(brokerName: string, change: (permission: number) => number): number {
    this.#version++
    return this.#topics.changePermissions(brokerName, change)
  }

  #noteMoved(brokerName: string): void {
    this.#version++
    this.#topics.noteMoved(brokerName)
  }

  #removeAll(brokers: LiveBroker[]): LiveBroker[] {
    for (const broker of brokers) this.#remove(broker)
    return brokers
  }

  #remove(broker: LiveBroker): void {
    const { brokerName, brokerId } = broker
    this.#brokers.remove(broker)
    this.#version++
    if (brokerId === MASTER_ID) this.#lives.forgetBroker(brokerName)
    if (this.#brokers.has(brokerName)) this.#topics.noteMoved(brokerName)
    else this.#topics.removeBroker(brokerName)
  }
}

export function newsCount(news: RegistrationNews | null): number {
  return news === null ? 0 : news.buried.length + news.missing.length + news.twins.length
}
