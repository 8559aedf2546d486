// A broker joins, a topic gets queues there, and it leaves again; one producer for each way to spread
// messages, and one that is told of changes. Nobody fails a send, and the spread follows.

import type { PolicyChoice } from '../client/producer-options.ts'
import { changeTopic } from '../client/topic-change.ts'
import type { LoadGroup } from './load-group.ts'
import type { LoadProducer } from './load-producer.ts'
import { drawOwners } from './owners-picture.ts'
import { type Scenario, WARM_UP_MS } from './scenario.ts'
import { accountFor, sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting, percent } from './words.ts'

const NEW = 'broker-c'
const BEFORE = 8
const AFTER = 12
const SLACK_MS = 1_500
const WATCH_MS = 1_000
const MEASURED_MS = 8_000
const KEY_COUNT = 200

interface Way {
  name: string
  policy: PolicyChoice
  keyCount?: number
  watchesRoutes?: boolean
  /** Of its messages, once it knows of broker-c; and how far off it may be. */
  share: { of: number; slack: number }
}

/** Keys spread as their hashes fall; of 200 of them a third is 67, give or take a seventh. */
const BY_KEY = { of: 1 / 3, slack: 0.15 }

const WAYS: readonly Way[] = [
  { name: 'round-robin', policy: { kind: 'round-robin' }, share: { of: 1 / 3, slack: 0.02 } },
  {
    name: 'weighted',
    policy: { kind: 'weighted', weights: { [NEW]: 2 } },
    share: { of: 1 / 2, slack: 0.02 },
  },
  { name: 'key-hash', policy: { kind: 'key-hash' }, keyCount: KEY_COUNT, share: BY_KEY },
  {
    name: 'consistent-hash',
    policy: { kind: 'consistent-hash' },
    keyCount: KEY_COUNT,
    share: BY_KEY,
  },
  {
    name: 'watching',
    policy: { kind: 'round-robin' },
    watchesRoutes: true,
    share: { of: 1 / 3, slack: 0.02 },
  },
]

export const scaleOut: Scenario = {
  name: 'scale-out',
  summary: 'a broker joins and leaves: the spread of every policy follows, nothing fails',
  lengthMs: ({ routePullMs, rebalanceMs }) =>
    WARM_UP_MS + 4 * routePullMs + rebalanceMs + MEASURED_MS,
  run: (stage) => new ScaleOut(stage).run(),
}

class ScaleOut {
  readonly #stage: Stage
  readonly #topic: string
  readonly #producers = new Map<string, LoadProducer>()

  constructor(stage: Stage) {
    this.#stage = stage
    this.#topic = stage.name('lab-orders')
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const { lab, timeline } = stage
    await stage.createTopic('lab-orders', BEFORE)
    const group = await stage.addPair(this.#topic, BEFORE)
    for (const { name, policy, keyCount = 0, watchesRoutes = false } of WAYS) {
      const plan = { topic: this.#topic, policy, keyCount, client: { watchesRoutes } }
      this.#producers.set(name, stage.addProducer(name, plan))
    }
    await stage.startLoad()
    await stage.warmUp()
    const beginMs = lab.clock.monoMs()
    const joinedMs = await this.#join()
    await this.#followed(joinedMs)
    await this.#shared(group)
    await this.#leave()
    await stage.stopLoad()
    await lab.startBroker(NEW)
    timeline.event('back', `${NEW}: started, to hand out what is left there`, 'good')
    await accountFor(stage, { group, producers: stage.producers })
    drawOwners(stage, group, { fromMs: beginMs - WARM_UP_MS, untilMs: lab.clock.monoMs() })
    sendsTable(stage, { group, producers: stage.producers, brokerName: NEW })
  }

  /** Resolves with when the nameservers showed queues there. */
  async #join(): Promise<number> {
    const { lab, timeline, observer } = this.#stage
    await lab.startBroker(NEW)
    timeline.event(
      'join',
      `${NEW} registers; nothing is sent to it before the topic has queues there`,
      'good',
    )
    const startMs = lab.clock.monoMs()
    // Order is another scenario's; here the new queues shall be used at once.
    const outcome = await changeTopic(observer, {
      topic: this.#topic,
      queueCount: AFTER,
      order: 'none',
      settleMs: lab.intervals.routePullMs + SLACK_MS,
    })
    const counts = outcome.brokers.map(
      ({ brokerName, afterCount }) => `${brokerName} ${afterCount}`,
    )
    const queues = outcome.brokers.map(({ afterCount }) => afterCount)
    timeline.fact({
      requirement: 'R54',
      title: 'spread',
      expected: 'the queues per broker differ by at most one',
      seen: `${counts.join(', ')}; in ${lasting(lab.clock.monoMs() - startMs)}`,
      isMet: Math.max(...queues) - Math.min(...queues) <= 1 && queues.length === 3,
    })
    return lab.clock.monoMs()
  }

  async #followed(joinedMs: number): Promise<void> {
    const { lab, timeline } = this.#stage
    const { routePullMs } = lab.intervals
    const uses = (): boolean =>
      [...this.#producers.values()].every((p) => p.acknowledgedBy(NEW) > 0)
    await lab.until(uses, routePullMs + 2 * SLACK_MS)
    for (const [name, producer] of this.#producers) {
      const first = Math.min(...timesAt(producer, NEW))
      const tookMs = Math.max(0, first - joinedMs)
      const limitMs = name === 'watching' ? WATCH_MS : routePullMs + SLACK_MS
      timeline.window({
        lane: `producer ${name}`,
        title: `does not know ${NEW} yet`,
        fromMs: timeline.at(joinedMs),
        toMs: timeline.at(joinedMs + Math.max(1, Number.isFinite(first) ? tookMs : limitMs)),
        tone: 'warn',
      })
      timeline.fact({
        requirement: name === 'watching' ? 'R21' : 'R30',
        title: `${name} joins`,
        expected: `sends to ${NEW} within ${name === 'watching' ? lasting(limitMs) : `a route pull (${lasting(routePullMs)})`} of the change`,
        seen: Number.isFinite(first) ? `after ${lasting(tookMs)}` : 'it does not',
        isMet: tookMs <= limitMs,
      })
    }
  }

  async #shared(group: LoadGroup): Promise<void> {
    const { lab, timeline } = this.#stage
    const { routePullMs, rebalanceMs } = lab.intervals
    const tookMs = await lab.until(() => group.ownsEachOnce(AFTER), routePullMs + rebalanceMs)
    timeline.fact({
      requirement: 'R30',
      title: 'group',
      expected: `the group owns all ${AFTER} queues within a route pull and a rebalance (${lasting(routePullMs + rebalanceMs)})`,
      seen: tookMs === null ? 'not in time' : `after ${lasting(tookMs)}`,
      isMet: tookMs !== null,
    })
    const sinceMs = lab.clock.monoMs()
    await lab.wait(MEASURED_MS)
    for (const { name, share } of WAYS) {
      const producer = this.#producers.get(name)
      const there = producer?.acknowledgedBy(NEW, sinceMs) ?? 0
      const all = [...(producer?.acknowledged.values() ?? [])].filter(
        (a) => a.atMs >= sinceMs,
      ).length
      timeline.fact({
        requirement: 'R30',
        title: `${name} share`,
        expected: `${NEW} gets ${percent(share.of, 1)} of its messages, ± ${percent(share.slack, 1)}`,
        seen: `${there} of ${all}: ${percent(there, all)}`,
        isMet: all > 0 && Math.abs(there / all - share.of) <= share.slack,
      })
    }
  }

  /** With what producers do by default: ask again after an error, retry, avoid. */
  async #leave(): Promise<void> {
    const { lab, timeline } = this.#stage
    const { routePullMs } = lab.intervals
    timeline.event('leave', `${NEW}: SIGTERM`, 'bad')
    const startMs = lab.clock.monoMs()
    await lab.stopBroker(NEW)
    await lab.wait(routePullMs + 2 * SLACK_MS)
    for (const [name, producer] of this.#producers) {
      const attempts = producer.failedAttempts.filter((each) => each.startMs >= startMs)
      const last = Math.max(startMs, ...attempts.map((each) => each.startMs))
      const failed = producer.failures.length
      timeline.fact({
        requirement: 'R30',
        title: `${name} leaves`,
        expected: `no send fails, and nothing goes to ${NEW} any more after a route pull (${lasting(routePullMs)})`,
        seen: `${failed} failed, ${attempts.length} requests had to be repeated, the last begun after ${lasting(last - startMs)}`,
        isMet: failed === 0 && last - startMs <= routePullMs + SLACK_MS,
      })
    }
  }
}

function timesAt(producer: LoadProducer, brokerName: string): number[] {
  return [...producer.acknowledged.values()]
    .filter((each) => each.brokerName === brokerName)
    .map(({ atMs }) => atMs)
}
