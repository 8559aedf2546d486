// A topic gets more queues, or fewer, under keyed load whose consumers lag behind. Two topics side by
// side: one changed so that every key keeps its order (what was sent before the change is consumed first),
// one changed at once, which shows what that costs.

import { fetchRoute } from '../client/nameserver-calls.ts'
import { changeTopic, type TopicChangeOutcome } from '../client/topic-change.ts'
import { PERMISSION } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { PROTOCOL_INTERVALS } from './lab-cluster.ts'
import type { LoadGroup } from './load-group.ts'
import type { LoadProducer } from './load-producer.ts'
import { drawOwners } from './owners-picture.ts'
import { type Scenario, WARM_UP_MS } from './scenario.ts'
import { accountFor, sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting, listed } from './words.ts'

const SLACK_MS = 2_000
const KEY_COUNT = 100
/** Load before the change, so that there is a backlog worth waiting for. */
const BACKLOG_MS = 10_000
const CHANGE_LIMIT_MS = 300_000
/** Steps of a change that take less are not drawn. */
const STEP_MS_MIN = 200
/** How far behind the consumers of some queues are. */
const LAG_MS = 6_000

type Order = 'drain' | 'none'

interface Course {
  order: Order
  topic: string
  group: LoadGroup
  producers: LoadProducer[]
}

export const expand: Scenario = {
  name: 'expand',
  summary:
    'a topic grows from 8 to 12 queues under keyed load, with the order of keys kept and not',
  lengthMs,
  run: (stage) => new QueueChange(stage, { fromCount: 8, toCount: 12 }).run(),
}

export const shrink: Scenario = {
  name: 'shrink',
  summary: 'a topic shrinks from 12 to 8 queues under keyed load: read-only first, then gone',
  lengthMs,
  run: (stage) => new QueueChange(stage, { fromCount: 12, toCount: 8 }).run(),
}

function lengthMs(intervals: { routePullMs: number; rebalanceMs: number }): number {
  return (
    WARM_UP_MS + BACKLOG_MS + 2 * LAG_MS + 3 * intervals.routePullMs + 2 * intervals.rebalanceMs
  )
}

class QueueChange {
  readonly #stage: Stage
  readonly #fromCount: number
  readonly #toCount: number

  constructor(stage: Stage, counts: { fromCount: number; toCount: number }) {
    this.#stage = stage
    this.#fromCount = counts.fromCount
    this.#toCount = counts.toCount
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const { lab, timeline } = stage
    const drain = await this.#prepare('drain')
    const none = await this.#prepare('none')
    await stage.startLoad()
    await lab.wait(BACKLOG_MS)
    const beginMs = lab.clock.monoMs()
    timeline.event(
      'change',
      `${this.#fromCount} to ${this.#toCount} queues: ${drain.topic} in order, ${none.topic} at once`,
      'warn',
    )
    const [kept, broken] = await Promise.all([this.#change(drain), this.#change(none)])
    // Until the last producer has asked for the route and uses the queues there are now.
    await lab.wait(lab.intervals.routePullMs + SLACK_MS)
    await this.#routes(drain)
    await this.#owned(drain, kept)
    await stage.stopLoad()
    for (const { group, producers, order } of [drain, none]) {
      await accountFor(stage, { group, producers, title: `order ${order}` })
    }
    this.#judge(drain, kept)
    this.#judge(none, broken)
    const drawn = { fromMs: beginMs - WARM_UP_MS, untilMs: lab.clock.monoMs() }
    drawOwners(stage, drain.group, drawn)
    this.#tables([drain, none], [kept, broken])
  }

  async #prepare(order: Order): Promise<Course> {
    const stage = this.#stage
    const topic = await stage.createTopic(`lab-${order}`, this.#fromCount)
    const producers = ['p1', 'p2'].map((name) =>
      stage.addProducer(`${order}-${name}`, {
        topic,
        policy: { kind: 'key-hash' },
        keyCount: KEY_COUNT,
      }),
    )
    const group = await stage.addGroup(
      // Behind in queue 0 of each broker, up to date in the others: what overtakes is seen.
      { group: stage.name(`lab-${order}-group`), topic, lag: { queueId: 0, lagMs: LAG_MS } },
      {
        members: [{ name: `${order}-c1` }, { name: `${order}-c2` }],
        queueCount: this.#fromCount,
      },
    )
    return { order, topic, group, producers }
  }

  async #change({ topic, order }: Course): Promise<TopicChangeOutcome> {
    const { lab, timeline, observer } = this.#stage
    const fromMs = timeline.nowMs()
    const spans: { step: string; fromMs: number }[] = []
    let closed: Promise<void> | null = null
    const outcome = await changeTopic(observer, {
      topic,
      queueCount: this.#toCount,
      order,
      limitMs: CHANGE_LIMIT_MS,
      settleMs: lab.intervals.routePullMs + SLACK_MS,
      onStep: ({ step }) => {
        this.#stage.progress(`${topic}: ${step}`)
        if (spans.at(-1)?.step !== step) spans.push({ step, fromMs: timeline.nowMs() })
        const isShrinking = this.#toCount < this.#fromCount
        if (step === 'settle' && isShrinking && order === 'drain') closed ??= this.#readOnly(topic)
      },
    })
    await closed
    for (const [i, span] of spans.entries()) {
      const toMs = spans[i + 1]?.fromMs ?? timeline.nowMs()
      // Most steps are one request; what people wait for is worth a window.
      if (toMs - span.fromMs < STEP_MS_MIN) continue
      timeline.window({
        lane: `change ${topic}`,
        title: span.step,
        fromMs: span.fromMs,
        toMs,
        tone: span.step === 'drain' || span.step === 'consume' ? 'warn' : 'good',
      })
    }
    timeline.event(
      'changed',
      `${topic}: ${this.#toCount} queues, after ${lasting(timeline.nowMs() - fromMs)}`,
      'good',
    )
    return outcome
  }

  /** R57: the queues that go take no more messages, but are still read. */
  async #readOnly(topic: string): Promise<void> {
    const routes = await this.#routesOf(topic)
    const counts = routes.map(
      (route) =>
        `${sumOf(route, 'writeQueueCount')} writable, ${sumOf(route, 'readQueueCount')} readable`,
    )
    this.#stage.timeline.fact({
      requirement: 'R57',
      title: 'read only',
      expected: `${this.#toCount} queues can be written to while all ${this.#fromCount} are still read`,
      seen: listed(counts),
      isMet: routes.every(
        (route) =>
          sumOf(route, 'writeQueueCount') === this.#toCount &&
          sumOf(route, 'readQueueCount') === this.#fromCount,
      ),
    })
  }

  async #routes({ topic }: Course): Promise<void> {
    const { lab, timeline } = this.#stage
    const { heartbeatMs, routePullMs } = lab.intervals
    const routes = await this.#routesOf(topic)
    const counts = routes.map((route) => sumOf(route, 'writeQueueCount'))
    const perBroker = routes.flatMap((route) => route.queues.map((each) => each.writeQueueCount))
    timeline.fact({
      requirement: this.#toCount > this.#fromCount ? 'R52' : 'R57',
      title: 'routes',
      expected: `every nameserver shows ${this.#toCount} queues within a heartbeat and a pull (${lasting(heartbeatMs + routePullMs)})`,
      seen: `${listed(counts.map(String))} when the change ended`,
      isMet: counts.every((count) => count === this.#toCount),
    })
    timeline.fact({
      requirement: 'R54',
      title: 'spread',
      expected: 'the queues per broker differ by at most one',
      seen: listed(
        (routes[0]?.queues ?? []).map((each) => `${each.brokerName} ${each.writeQueueCount}`),
      ),
      isMet: Math.max(...perBroker) - Math.min(...perBroker) <= 1,
    })
  }

  async #owned({ group }: Course, outcome: TopicChangeOutcome): Promise<void> {
    const { lab, timeline } = this.#stage
    const { routePullMs, rebalanceMs } = lab.intervals
    const limitMs = routePullMs + rebalanceMs
    // Members commit every 5 s whatever else is made shorter.
    const pauseMsMax = PROTOCOL_INTERVALS.rebalanceMs
    const tookMs = await lab.until(() => group.ownsEachOnce(this.#toCount), limitMs)
    timeline.fact({
      requirement: 'R53',
      title: 'pauses',
      expected: `no queue is without an owner afterwards; what is held for order is held for one rebalance period (${lasting(pauseMsMax)}) at most`,
      seen: `${tookMs === null ? 'not all have one' : 'all have one'}; ${outcome.pauses.length} queues held messages, the longest for ${lasting(outcome.longestPauseMs)}`,
      isMet: tookMs !== null && outcome.longestPauseMs <= pauseMsMax,
    })
  }

  #judge({ group, producers, order, topic }: Course, outcome: TopicChangeOutcome): void {
    const { timeline } = this.#stage
    const failed = producers.reduce((sum, { failures }) => sum + failures.length, 0)
    const sent = producers.reduce((sum, producer) => sum + producer.sent, 0)
    timeline.fact({
      requirement: 'R52',
      title: `${order}: sends`,
      expected: 'no send fails',
      seen: `${failed} of ${sent} failed`,
      isMet: failed === 0,
    })
    timeline.fact({
      requirement: 'R56',
      title: `${order}: order`,
      expected:
        order === 'drain'
          ? `every key of ${topic} in order`
          : `some keys of ${topic} out of order: new messages overtake those in a slow queue`,
      seen: `${group.outOfOrder} messages came after a later one of their key; ${outcome.leftBehind.length} groups were not waited for`,
      isMet: order === 'drain' ? group.outOfOrder === 0 : group.outOfOrder > 0,
    })
  }

  #tables(courses: readonly Course[], outcomes: readonly TopicChangeOutcome[]): void {
    this.#stage.timeline.table({
      title: 'order of keys',
      columns: ['mode', 'messages', 'out of order', 'queues that held messages', 'longest pause'],
      rows: courses.map(({ order, group }, i) => [
        order,
        group.deliveries.size,
        group.outOfOrder,
        outcomes[i]?.pauses.length ?? 0,
        lasting(outcomes[i]?.longestPauseMs ?? 0),
      ]),
    })
    for (const { group, producers } of courses) sendsTable(this.#stage, { group, producers })
  }

  async #routesOf(topic: string): Promise<TopicRoute[]> {
    const { lab, observer } = this.#stage
    const routes = await Promise.all(
      lab.nameservers.map((name) =>
        fetchRoute(observer.caller, lab.nameserverAddress(name), topic),
      ),
    )
    return routes.filter((route) => route !== null)
  }
}

function sumOf(route: TopicRoute, count: 'writeQueueCount' | 'readQueueCount'): number {
  const needed = count === 'writeQueueCount' ? PERMISSION.write : PERMISSION.read
  return route.queues
    .filter(({ permission }) => (permission & needed) !== 0)
    .reduce((sum, queue) => sum + queue[count], 0)
}
