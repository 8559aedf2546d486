// A broker is taken out of the cluster for good, twice: by draining it first, and by simply stopping it.
// Producers without retries show the difference.

import { drainBroker, undrainBroker } from '../client/drain.ts'
import type { LoadGroup } from './load-group.ts'
import { drawOwners } from './owners-picture.ts'
import { type Scenario, type ScenarioOptions, WARM_UP_MS } from './scenario.ts'
import { accountFor, sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting } from './words.ts'

const QUEUE_COUNT = 8
const SLACK_MS = 1_500
const DRAIN_LIMIT_MS = 300_000

export const scaleIn: Scenario = {
  name: 'scale-in',
  summary: 'a broker leaves for good: drained first, beside simply stopped',
  lengthMs: ({ routePullMs, rebalanceMs }) =>
    WARM_UP_MS + 10_000 + 5 * routePullMs + 2 * rebalanceMs,
  run: (stage, options) => new ScaleIn(stage, options).run(),
}

interface Departure {
  sent: number
  failed: number
  /** From the order to the end of the process. */
  tookMs: number
}

class ScaleIn {
  readonly #stage: Stage
  readonly #brokerName: string

  constructor(stage: Stage, { brokerName }: ScenarioOptions) {
    this.#stage = stage
    this.#brokerName = brokerName
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const { lab, timeline } = stage
    const topic = await stage.createTopic('lab-orders', QUEUE_COUNT)
    const group = await stage.addPair(topic, QUEUE_COUNT)
    const plan = { topic, retries: 0, avoidsFaults: false, refreshesRoutes: false }
    stage.addProducer('p1', plan)
    stage.addProducer('p2', plan)
    await stage.startLoad()
    await stage.warmUp()
    const beginMs = lab.clock.monoMs()
    const drained = await this.#depart('drain, then stop', () => this.#drain())
    timeline.fact({
      requirement: 'R18',
      title: 'drained',
      expected:
        'a drained broker can be stopped without a single failed send, though nobody retries',
      seen: `${drained.failed} of ${drained.sent} sends failed in ${lasting(drained.tookMs)} and a route pull after it`,
      isMet: drained.failed === 0 && drained.sent > 0,
    })
    await this.#comeBack(group)
    const stopped = await this.#depart('stop', async () => {})
    timeline.fact({
      requirement: 'R18',
      title: 'just stopped',
      expected: 'the same without a drain fails sends until the next route pull',
      seen: `${stopped.failed} of ${stopped.sent} sends failed`,
      isMet: stopped.failed > 0,
    })
    await this.#comeBack(group)
    await stage.stopLoad()
    await accountFor(stage, { group, producers: stage.producers })
    drawOwners(stage, group, { fromMs: beginMs - WARM_UP_MS, untilMs: lab.clock.monoMs() })
    timeline.table({
      title: 'how it leaves',
      columns: ['way', 'sent', 'failed', 'until it is gone'],
      rows: [
        ['drain, then stop', drained.sent, drained.failed, lasting(drained.tookMs)],
        ['stop', stopped.sent, stopped.failed, lasting(stopped.tookMs)],
      ],
    })
    sendsTable(stage, { group, producers: stage.producers })
  }

  /** From the order until one route pull after it was gone: who still sends to it fails by then. */
  async #depart(way: string, prepare: () => Promise<void>): Promise<Departure> {
    const { lab, timeline } = this.#stage
    const before = this.#counts()
    const startMs = timeline.nowMs()
    await prepare()
    timeline.event('stop', `${this.#brokerName}: SIGTERM`, 'bad')
    await lab.stopBroker(this.#brokerName)
    const goneMs = timeline.nowMs()
    await lab.wait(lab.intervals.routePullMs + SLACK_MS)
    const after = this.#counts()
    const departure = {
      sent: after.sent - before.sent,
      failed: after.failed - before.failed,
      tookMs: goneMs - startMs,
    }
    timeline.window({
      lane: 'sends',
      title: departure.failed > 0 ? `${departure.failed} fail (${way})` : `none fails (${way})`,
      fromMs: startMs,
      toMs: timeline.nowMs(),
      tone: departure.failed > 0 ? 'bad' : 'good',
    })
    return departure
  }

  async #drain(): Promise<void> {
    const { lab, timeline, observer } = this.#stage
    const brokerName = this.#brokerName
    timeline.event('drain', `${brokerName}: takes no new messages, is read to the end`, 'warn')
    const fromMs = timeline.nowMs()
    let step = ''
    const outcome = await drainBroker(observer, {
      brokerName,
      limitMs: DRAIN_LIMIT_MS,
      routeIntervalMs: lab.intervals.routePullMs,
      onProgress: (progress) => {
        step = progress.step
        this.#stage.progress(`draining ${brokerName}: ${step}`)
      },
    })
    timeline.window({
      lane: brokerName,
      title: 'draining',
      fromMs,
      toMs: timeline.nowMs(),
      tone: 'warn',
    })
    timeline.fact({
      requirement: 'R18',
      title: 'drain',
      expected: `producers are gone from ${brokerName} after a route pull (${lasting(lab.intervals.routePullMs)}), and every group has read it`,
      seen: `${outcome.isDrained ? 'drained' : `not drained (${step})`} after ${lasting(outcome.elapsedMs)}, ${outcome.view?.unreadQueueCount ?? '?'} queues unread`,
      isMet: outcome.isDrained,
    })
  }

  async #comeBack(group: LoadGroup): Promise<void> {
    const { lab, timeline, observer, producers } = this.#stage
    const brokerName = this.#brokerName
    await lab.startBroker(brokerName)
    await undrainBroker(observer, { brokerName })
    timeline.event('back', `${brokerName}: started again, and undrained`, 'good')
    const { routePullMs, rebalanceMs } = lab.intervals
    const limitMs = routePullMs + rebalanceMs + SLACK_MS
    const beginMs = lab.clock.monoMs()
    const before = producers.map((producer) => producer.acknowledgedBy(brokerName))
    const isUsed = (): boolean =>
      producers.every((p, i) => p.acknowledgedBy(brokerName) > (before[i] ?? 0))
    const tookMs = await lab.until(() => isUsed() && group.ownsEachOnce(QUEUE_COUNT), limitMs)
    timeline.fact({
      requirement: 'R30',
      title: 'back',
      expected: `everybody uses ${brokerName} again within a route pull and a rebalance (${lasting(routePullMs + rebalanceMs)})`,
      seen: tookMs === null ? 'not in time' : `after ${lasting(lab.clock.monoMs() - beginMs)}`,
      isMet: tookMs !== null,
    })
    // So that nobody has just asked when it goes again.
    await this.#stage.warmUp()
  }

  #counts(): { sent: number; failed: number } {
    const { producers } = this.#stage
    return {
      sent: producers.reduce((sum, { sent }) => sum + sent, 0),
      failed: producers.reduce((sum, { failures }) => sum + failures.length, 0),
    }
  }
}
