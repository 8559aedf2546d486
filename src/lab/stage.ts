// What a scenario plays on: the cluster, the timeline, and the producers and consumers it set up, which
// the stage closes whatever happens.

import { Admin } from '../client/admin.ts'
import type { Client } from '../client/client.ts'
import type { LabClientPlan, LabCluster } from './lab-cluster.ts'
import { type ListingChange, watchListing } from './listing-watch.ts'
import { type GroupPlan, LoadGroup } from './load-group.ts'
import { type LoadPlan, LoadProducer } from './load-producer.ts'
import { WARM_UP_MS } from './scenario.ts'
import type { Timeline } from './timeline.ts'
import { lasting } from './words.ts'

const JOIN_LIMIT_MS = 60_000

export interface StageOptions {
  lab: LabCluster
  timeline: Timeline
  /** Messages a second of each producer. */
  perSecond: number
  /** Part of every name the scenario makes, for clusters that are not its own. */
  suffix: string
  /** How far it is, for somebody who waits. */
  onProgress: (text: string) => void
}

type ProducerPlan = Partial<LoadPlan> & {
  topic: string
  client?: Omit<LabClientPlan, 'name'>
}

export class Stage {
  readonly lab: LabCluster
  readonly timeline: Timeline
  readonly perSecond: number
  /** Asks all nameservers; for administration and for looking. */
  readonly observer: Client
  readonly admin: Admin
  readonly producers: LoadProducer[] = []
  readonly groups: LoadGroup[] = []
  readonly #options: StageOptions
  readonly #clients: Client[] = []
  readonly #topics: string[] = []

  constructor(options: StageOptions) {
    this.#options = options
    this.lab = options.lab
    this.timeline = options.timeline
    this.perSecond = options.perSecond
    this.observer = this.client({ name: 'observer' })
    this.admin = new Admin(this.observer)
  }

  client(plan: LabClientPlan): Client {
    const client = this.lab.newClient(plan)
    this.#clients.push(client)
    return client
  }

  name(base: string): string {
    return base + this.#options.suffix
  }

  progress(text: string): void {
    this.#options.onProgress(text)
  }

  /** The topic, spread evenly over all brokers, once every nameserver shows it. */
  async createTopic(base: string, queueCount: number): Promise<string> {
    const topic = this.name(base)
    const { value } = await this.admin.topics.create({ topic, queueCount })
    this.#topics.push(topic)
    const brokers = value.map(
      ({ brokerName, writeQueueCount }) => `${writeQueueCount} on ${brokerName}`,
    )
    this.timeline.event('topic', `${topic}: ${queueCount} queues, ${brokers.join(', ')}`)
    return topic
  }

  /** A producer with its own connections, not yet under load. */
  addProducer(name: string, { client, ...plan }: ProducerPlan): LoadProducer {
    const own = this.client({ name, ...client })
    const producer = new LoadProducer(name, own, { perSecond: this.perSecond, ...plan })
    this.producers.push(producer)
    return producer
  }

  /** Members with their own connections, once they share `queueCount` queues, each with one owner. */
  async addGroup(
    plan: GroupPlan,
    options: { members: readonly LabClientPlan[]; queueCount: number },
  ): Promise<LoadGroup> {
    const { clock, intervals } = this.lab
    const group = new LoadGroup(clock, { rebalanceIntervalMs: intervals.rebalanceMs, ...plan })
    this.groups.push(group)
    for (const member of options.members) {
      await this.lab.scatter()
      await group.join(member.name, this.client(member))
    }
    const tookMs = await this.lab.until(() => group.ownsEachOnce(options.queueCount), JOIN_LIMIT_MS)
    const names = options.members.map(({ name }) => name).join(' and ')
    const own = options.members.length === 1 ? 'owns' : 'own'
    this.timeline.fact({
      title: 'group',
      expected: `every one of the ${options.queueCount} queues has one owner`,
      seen: `${names} ${tookMs === null ? 'did not share them out' : `${own} all queues after ${lasting(tookMs)}`}`,
      isMet: tookMs !== null,
    })
    return group
  }

  /** The group most scenarios look at: two members that share the queues of `topic`. */
  addPair(topic: string, queueCount: number): Promise<LoadGroup> {
    const members = [{ name: 'consumer-1' }, { name: 'consumer-2' }]
    return this.addGroup({ group: this.name('lab-group'), topic }, { members, queueCount })
  }

  /** Starts producers (all made so far if not told otherwise), at different moments of a tick. */
  async startLoad(producers: readonly LoadProducer[] = this.producers): Promise<void> {
    const pauseMs = 1_000 / this.perSecond / Math.max(1, producers.length)
    for (const producer of producers) {
      producer.start()
      await this.lab.wait(pauseMs)
      await this.lab.scatter()
    }
    const names = producers.map(({ name }) => name).join(', ')
    this.timeline.event('load', `${this.perSecond}/s from each of: ${names}`)
  }

  /**
   * Some load before anything goes wrong. Real producers began together and so ask for routes together:
   * the moment is one when nobody has just asked, or there would be nothing to see.
   */
  async warmUp(): Promise<void> {
    const { routePullMs } = this.lab.intervals
    const pulls = Math.ceil(Math.max(0, WARM_UP_MS - routePullMs / 4) / routePullMs)
    await this.lab.wait(pulls * routePullMs + routePullMs / 4)
  }

  async stopLoad(): Promise<void> {
    await Promise.all(this.producers.map((producer) => producer.stop()))
  }

  /** How long until every nameserver lists, or no longer lists, a broker. */
  async watch(
    brokerName: string,
    wanted: { isListed: boolean; limitMs: number },
    nameservers: readonly string[] = this.lab.nameservers,
  ): Promise<ListingChange[]> {
    const { lab } = this
    const changes = await watchListing(
      {
        channels: this.observer.channels,
        clock: lab.clock,
        nameservers: nameservers.map((name) => lab.nameserverAddress(name)),
        brokerName,
        // What takes minutes need not be known to the millisecond.
        ...(wanted.limitMs > 10_000 ? { askIntervalMs: 50 } : {}),
      },
      wanted,
    )
    return changes.map(({ afterMs }, i) => ({ nameserver: nameservers[i] as string, afterMs }))
  }

  async close(): Promise<void> {
    await this.stopLoad()
    if (!this.lab.canStartBrokers) await this.#removeTopics()
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  /** Somebody else's cluster is left as it was, as far as its brokers can be reached. */
  async #removeTopics(): Promise<void> {
    for (const topic of this.#topics) {
      try {
        await this.admin.topics.delete(topic)
      } catch {
        this.timeline.event('left over', `the topic ${topic}; mq topic delete ${topic}`, 'warn')
      }
    }
  }
}
