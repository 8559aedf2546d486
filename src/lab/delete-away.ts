// A topic is deleted while one of its brokers is away. The tombstone outlives the absence: the broker
// that comes back with the topic on its disk buries it too. A topic of the same name made afterwards is
// another one: nothing of the old is in it.

import type { LoadGroup } from './load-group.ts'
import type { LoadProducer } from './load-producer.ts'
import { type Scenario, type ScenarioOptions, WARM_UP_MS } from './scenario.ts'
import { sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting, listed } from './words.ts'

const QUEUE_COUNT = 8
const SLACK_MS = 1_500
const NEW_MESSAGES = 200
const DELIVERY_LIMIT_MS = 30_000

export const deleteAway: Scenario = {
  name: 'delete',
  summary:
    'a topic is deleted while a broker is away, which does not bring it back; then made anew',
  lengthMs: ({ routePullMs, heartbeatMs }) =>
    WARM_UP_MS + 6_000 + 2 * routePullMs + 2 * heartbeatMs,
  run: (stage, options) => new DeleteAway(stage, options).run(),
}

class DeleteAway {
  readonly #stage: Stage
  readonly #away: string
  readonly #topic: string

  constructor(stage: Stage, { brokerName }: ScenarioOptions) {
    this.#stage = stage
    this.#away = brokerName
    this.#topic = stage.name('lab-orders')
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const { lab, timeline } = stage
    await stage.createTopic('lab-orders', QUEUE_COUNT)
    const topic = this.#topic
    const group = await stage.addPair(topic, QUEUE_COUNT)
    const old = stage.addProducer('old', { topic })
    await stage.startLoad()
    await stage.warmUp()
    await lab.killBroker(this.#away)
    const awayMs = timeline.nowMs()
    timeline.event('kill', `${this.#away}: SIGKILL, with messages of ${topic} on its disk`, 'bad')
    await lab.wait(SLACK_MS)
    await this.#delete()
    await this.#refused(old)
    await old.stop()
    await this.#staysDead(awayMs)
    await this.#anew(group, old)
    sendsTable(stage, { group, producers: stage.producers })
  }

  async #delete(): Promise<void> {
    const { timeline, admin } = this.#stage
    const { value, failures } = await admin.topics.delete(this.#topic)
    timeline.event('delete', `${this.#topic}, deleted on ${listed(value)}`, 'warn')
    const shown = await this.#shownBy()
    const named = failures.map(({ peer, error }) => `${peer}: ${error.message}`)
    timeline.fact({
      requirement: 'R50',
      title: 'deleted',
      expected: 'no nameserver shows the topic any more, and what could not be told is named',
      seen: `shown by ${listed(shown)}; not told: ${listed(named)}`,
      isMet: shown.length === 0 && !value.includes(this.#away),
    })
  }

  /** For a running producer, which has the old route: its sends are refused with that reason. */
  async #refused(old: LoadProducer): Promise<void> {
    const { lab, timeline } = this.#stage
    const { routePullMs } = lab.intervals
    const deletedMs = lab.clock.monoMs()
    const before = old.failures.length
    await lab.wait(routePullMs + 2 * SLACK_MS)
    const failures = old.failures.slice(before)
    const late = [...old.acknowledged.values()].filter(({ atMs }) => atMs > deletedMs + SLACK_MS)
    const reasons = [...new Set(failures.map(({ message }) => message))]
    timeline.fact({
      requirement: 'R50',
      title: 'refused',
      expected: 'from then on every send is refused because the topic does not exist',
      seen: `${failures.length} refused, ${late.length} acknowledged; ${reasons.slice(0, 2).join(' / ')}`,
      isMet: failures.length > 0 && late.length === 0,
    })
  }

  async #staysDead(awayMs: number): Promise<void> {
    const { lab, timeline, admin } = this.#stage
    const { heartbeatMs } = lab.intervals
    await lab.startBroker(this.#away)
    timeline.event('back', `${this.#away}: started again, with the topic on its disk`, 'good')
    timeline.window({
      lane: this.#away,
      title: 'away',
      fromMs: awayMs,
      toMs: timeline.nowMs(),
      tone: 'bad',
    })
    const seen = new Set<string>()
    const beats = 2
    const endMs = lab.clock.monoMs() + beats * heartbeatMs + SLACK_MS
    while (lab.clock.monoMs() < endMs) {
      for (const name of await this.#shownBy()) seen.add(name)
      await lab.wait(Math.min(1_000, heartbeatMs / 10))
    }
    const listedTopics = (await admin.topics.list()).value.map(({ topic }) => topic)
    timeline.fact({
      requirement: 'R50',
      title: 'stays dead',
      expected: `${this.#away} registers (${beats} beats, ${lasting(beats * heartbeatMs)}) and does not bring the topic back`,
      seen: `shown by ${listed(seen)} in that time; ${listedTopics.includes(this.#topic) ? 'still' : 'not'} in the list of topics`,
      isMet: seen.size === 0 && !listedTopics.includes(this.#topic),
    })
  }

  /** R51: the same name, and nothing else in common. */
  async #anew(group: LoadGroup, old: LoadProducer): Promise<void> {
    const { lab, timeline } = this.#stage
    const stage = this.#stage
    const topic = await stage.createTopic('lab-orders', QUEUE_COUNT)
    const { routePullMs, rebalanceMs } = lab.intervals
    const before = new Set(group.deliveries.keys())
    const fresh = stage.addProducer('new', { topic })
    for (let i = 0; i < NEW_MESSAGES; i++) fresh.send()
    await lab.until(() => fresh.acknowledged.size === NEW_MESSAGES, DELIVERY_LIMIT_MS)
    const reader = await stage.addGroup(
      { group: stage.name('lab-group-new'), topic },
      { members: [{ name: 'consumer-3' }], queueCount: QUEUE_COUNT },
    )
    const limitMs = routePullMs + rebalanceMs + DELIVERY_LIMIT_MS
    const isThere = (): boolean =>
      [group, reader].every((each) => each.missing(fresh.acknowledged.keys()).length === 0)
    const tookMs = await lab.until(isThere, limitMs)
    const offsets = [...fresh.acknowledged.values()].map(({ queueOffset }) => queueOffset)
    const ghosts = [...reader.deliveries.keys()].filter((id) => old.acknowledged.has(id))
    const late = [...group.deliveries.keys()].filter(
      (id) => !before.has(id) && old.acknowledged.has(id),
    )
    timeline.fact({
      requirement: 'R51',
      title: 'made anew',
      expected: `offsets begin at 0; all ${NEW_MESSAGES} new messages reach the old group and a new one, no old one reaches either`,
      seen: `offsets from ${Math.min(...offsets)}; ${fresh.acknowledged.size} sent, ${
        tookMs === null ? 'not all delivered' : `delivered to both after ${lasting(tookMs)}`
      }; ${ghosts.length + late.length} old ones seen`,
      isMet:
        tookMs !== null &&
        Math.min(...offsets) === 0 &&
        fresh.acknowledged.size === NEW_MESSAGES &&
        ghosts.length + late.length === 0,
    })
  }

  /** The nameservers that give a route for the topic. */
  async #shownBy(): Promise<string[]> {
    const { lab, admin } = this.#stage
    const views = await admin.cluster.routes(this.#topic)
    return lab.nameservers.filter((_, i) => (views[i]?.value?.queues.length ?? 0) > 0)
  }
}
