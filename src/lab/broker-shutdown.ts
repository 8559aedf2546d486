// A broker goes away under load, in one of four ways, and comes back. Four producers side by side show
// what the stale route costs each of them: one that does nothing about it, one that retries, one that
// avoids brokers that failed, and one that is told of changes.

import { FAILURE_LATENCY_MS, outMsFor } from '../client/fault-ladder.ts'
import type { LabIntervals } from './lab-cluster.ts'
import type { LoadGroup } from './load-group.ts'
import type { FailedAttempt, LoadProducer } from './load-producer.ts'
import { type Outage, Outages } from './outage.ts'
import { drawOwners } from './owners-picture.ts'
import { type Scenario, type ScenarioOptions, WARM_UP_MS } from './scenario.ts'
import { accountFor, sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting } from './words.ts'

const QUEUE_COUNT = 8
/** What a route pull, a heartbeat or a send may take on top of its interval. */
const SLACK_MS = 1_500
/** An attempt under way when the broker goes may last this long. */
const SEND_MS = 3_000
/** R21 asks for 200 ms on an idle machine; a send under way is not stopped by news. */
const WATCH_MS = 1_000
/** Moments are fractions of a millisecond, and sums of them are not exact. */
const ROUNDING_MS = 1
/** Failures further apart than that are windows of their own. */
const APART_MS = 1_000
const PENALTY_MS = outMsFor(FAILURE_LATENCY_MS)

export const brokerShutdown: Scenario = {
  name: 'broker-shutdown',
  summary: 'a broker stops, is killed, freezes or loses its network (--mode), and comes back',
  lengthMs: (intervals, { mode }) =>
    WARM_UP_MS + goneMs(intervals, mode) + 2 * intervals.routePullMs + intervals.rebalanceMs,
  run: (stage, options) => new BrokerShutdown(stage, options).run(),
}

/** From when it goes until the last client with a stale route has asked again. */
function goneMs(intervals: LabIntervals, mode: ScenarioOptions['mode']): number {
  const isSilent = mode === 'freeze' || mode === 'disconnect'
  return intervals.routePullMs + (isSilent ? intervals.expiryMs + intervals.scanMs : 0)
}

class BrokerShutdown {
  readonly #stage: Stage
  readonly #options: ScenarioOptions
  readonly #plain: LoadProducer
  readonly #retrying: LoadProducer
  readonly #avoiding: LoadProducer
  readonly #watching: LoadProducer

  constructor(stage: Stage, options: ScenarioOptions) {
    this.#stage = stage
    this.#options = options
    const topic = stage.name('lab-orders')
    const base = { topic, retries: 0, avoidsFaults: false, refreshesRoutes: false }
    this.#plain = stage.addProducer('plain', base)
    this.#retrying = stage.addProducer('retrying', { ...base, retries: 2 })
    this.#avoiding = stage.addProducer('avoiding', { ...base, avoidsFaults: true })
    this.#watching = stage.addProducer('watching', { ...base, client: { watchesRoutes: true } })
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const topic = await stage.createTopic('lab-orders', QUEUE_COUNT)
    const group = await stage.addPair(topic, QUEUE_COUNT)
    await stage.startLoad()
    await stage.warmUp()
    const outages = new Outages(stage, this.#options)
    const outage = await outages.begin()
    const { routePullMs } = stage.lab.intervals
    await stage.lab.wait(outage.evictedMs + routePullMs + SLACK_MS - stage.lab.clock.monoMs())
    this.#judgeGroup(group, outage)
    this.#judge(outage)
    if (outages.canEnd) {
      const backMs = await outages.end(outage)
      await this.#recovered(group, backMs)
    }
    await stage.stopLoad()
    await accountFor(stage, { group, producers: stage.producers, gone: outages.goneBroker })
    this.#drawSends(outage)
    const drawn = { fromMs: outage.startMs - WARM_UP_MS, untilMs: stage.lab.clock.monoMs() }
    drawOwners(stage, group, drawn)
    sendsTable(stage, { group, producers: stage.producers, brokerName: outage.brokerName })
  }

  /**
   * Members hear of the change at different moments (one whose pulls fail asks at once, the others at
   * their next route pull), so for a while some of what is left has two owners.
   */
  #judgeGroup(group: LoadGroup, outage: Outage): void {
    const { lab, timeline } = this.#stage
    const { routePullMs } = lab.intervals
    const left = QUEUE_COUNT / 2
    const changes = group.assignments.filter(({ fromMs }) => fromMs > outage.startMs)
    const settledMs = Math.max(outage.evictedMs, ...changes.map(({ fromMs }) => fromMs))
    const tookMs = settledMs - outage.evictedMs
    timeline.window({
      lane: 'consumers',
      title: 'do not agree who owns what',
      fromMs: timeline.at(outage.startMs),
      toMs: timeline.at(settledMs),
      tone: 'warn',
    })
    const twice = [...group.takenTwice().values()].reduce((sum, count) => sum + count, 0)
    timeline.fact({
      requirement: 'R7',
      title: 'rebalance',
      expected: `the ${left} queues that are left have one owner each within a route pull (${lasting(routePullMs)}) of the eviction`,
      seen: group.ownsEachOnce(left)
        ? `settled after ${lasting(tookMs)}; until then ${twice} messages went to both members`
        : 'they do not',
      isMet: group.ownsEachOnce(left) && tookMs <= routePullMs + SLACK_MS,
    })
  }

  #judge(outage: Outage): void {
    this.#judgePlain(outage)
    this.#judgeRetrying(outage)
    this.#judgeAvoiding(outage)
    this.#judgeWatching(outage)
  }

  #judgePlain({ brokerName, startMs, evictedMs }: Outage): void {
    const { failures, failedAttempts } = this.#plain
    const { routePullMs } = this.#stage.lab.intervals
    const elsewhere = failedAttempts.filter((attempt) => attempt.brokerName !== brokerName)
    const lastMs = lastStart(failedAttempts, startMs)
    const staleMs = lastMs - (evictedMs - startMs)
    this.#stage.timeline.fact({
      requirement: 'R8',
      title: 'stale route',
      expected: `with retries off sends to ${brokerName}, and only those, fail until the next route pull: at most ${lasting(routePullMs)} after the eviction`,
      seen: `${failures.length} sends failed, ${elsewhere.length} of them elsewhere; the last was begun ${lasting(Math.max(0, staleMs))} after the eviction, ${lasting(lastMs)} after ${brokerName} went`,
      isMet: failures.length > 0 && elsewhere.length === 0 && staleMs <= routePullMs + SLACK_MS,
    })
  }

  #judgeRetrying({ brokerName }: Outage): void {
    const { failures, retried } = this.#retrying
    this.#stage.timeline.fact({
      requirement: 'R9',
      title: 'retries',
      expected: 'with retries no send fails: the next attempt goes to another broker',
      seen: `${failures.length} sends failed, ${retried} requests to ${brokerName} were repeated`,
      isMet: failures.length === 0 && retried > 0,
    })
  }

  /** The first failure is noticed late (a hanging send lasts seconds); from then on the ladder counts. */
  #judgeAvoiding({ brokerName }: Outage): void {
    const attempts = this.#avoiding.failedAttempts.filter((each) => each.brokerName === brokerName)
    const noticedMs = Math.min(...attempts.map(({ endMs }) => endMs))
    const later = attempts.filter(({ startMs }) => startMs > noticedMs)
    const early = later.filter(({ startMs }) =>
      attempts.some(({ endMs }) => endMs < startMs && startMs - endMs < PENALTY_MS - ROUNDING_MS),
    )
    this.#stage.timeline.fact({
      requirement: 'R10',
      title: 'avoidance',
      expected: `after the first failure at most one attempt at ${brokerName} per ${lasting(PENALTY_MS)} (Apache's ladder: a failure counts as 10 s of latency)`,
      seen: `${attempts.length - later.length} attempts until the first failure was noticed, ${later.length} later, ${early.length} of them within a penalty; ${this.#avoiding.failures.length} sends failed (retries are off) beside ${this.#plain.failures.length} without avoidance`,
      isMet: early.length === 0,
    })
  }

  #judgeWatching({ brokerName, startMs, evictedMs }: Outage): void {
    const { failures, failedAttempts } = this.#watching
    const lastMs = lastStart(failedAttempts, startMs)
    const staleMs = lastMs - (evictedMs - startMs)
    this.#stage.timeline.fact({
      requirement: 'R21',
      title: 'watch',
      expected: `a producer that is told of changes stops within ${lasting(WATCH_MS)} of the eviction`,
      seen: `${failures.length} sends to ${brokerName} failed (beside ${this.#plain.failures.length} of the producer that only asks), the last was begun ${lasting(Math.max(0, staleMs))} after the eviction`,
      isMet: staleMs <= WATCH_MS,
    })
  }

  /** Back means: every producer sends there again and every queue has an owner. */
  async #recovered(group: LoadGroup, backMs: number): Promise<void> {
    const { lab, timeline } = this.#stage
    const { brokerName } = this.#options
    const { routePullMs, rebalanceMs } = lab.intervals
    // Whoever avoids it starts again with one send when the penalty is over.
    const limitMs = Math.max(routePullMs + rebalanceMs, PENALTY_MS) + SLACK_MS
    const before = new Map(this.#stage.producers.map((p) => [p, p.acknowledgedBy(brokerName)]))
    const isUsed = (): boolean =>
      [...before].every(([p, count]) => p.acknowledgedBy(brokerName) > count)
    const tookMs = await lab.until(() => group.ownsEachOnce(QUEUE_COUNT) && isUsed(), limitMs)
    timeline.window({
      lane: brokerName,
      title: 'listed again, not used by all yet',
      fromMs: timeline.at(backMs),
      toMs: timeline.nowMs(),
      tone: 'warn',
    })
    timeline.fact({
      requirement: 'R7',
      title: 'recovery',
      expected: `every producer uses ${brokerName} again and every queue has one owner within ${lasting(limitMs - SLACK_MS)}`,
      seen: tookMs === null ? 'not in time' : `after ${lasting(tookMs)}`,
      isMet: tookMs !== null,
    })
  }

  /** Failures close to each other are one window. */
  #drawSends(outage: Outage): void {
    const { timeline, producers } = this.#stage
    for (const producer of producers) {
      const isRepeated = producer === this.#retrying
      let from: number | null = null
      let to = 0
      const draw = (): void => {
        if (from === null) return
        timeline.window({
          lane: `producer ${producer.name}`,
          title: isRepeated ? 'sends are repeated' : 'sends fail',
          fromMs: timeline.at(from),
          toMs: timeline.at(to),
          tone: isRepeated ? 'warn' : 'bad',
        })
      }
      const attempts = producer.failedAttempts.filter(
        ({ startMs }) => startMs >= outage.startMs - SEND_MS,
      )
      for (const { startMs, endMs } of attempts.sort((a, b) => a.startMs - b.startMs)) {
        if (from === null || startMs > to + APART_MS) {
          draw()
          from = startMs
          to = endMs
        }
        to = Math.max(to, endMs)
      }
      draw()
    }
  }
}

/** When the last failed attempt was begun, since the broker went; 0 without one. */
function lastStart(attempts: readonly FailedAttempt[], sinceMs: number): number {
  return Math.max(0, ...attempts.map(({ startMs }) => startMs - sinceMs))
}
