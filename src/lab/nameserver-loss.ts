// Nameservers die: first one of two, then the other. Clients turn to the one that is left, brokers keep
// running, and with none left everybody goes on with the routes they have. Then both are back, empty,
// and know everything again after one beat of each broker.

import type { LoadGroup } from './load-group.ts'
import type { LoadProducer } from './load-producer.ts'
import { type Scenario, WARM_UP_MS } from './scenario.ts'
import { accountFor, sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting, listed } from './words.ts'

const QUEUE_COUNT = 8
const [FIRST, SECOND] = ['nameserver-1', 'nameserver-2'] as const
const SLACK_MS = 1_500
/** One request to a nameserver that does not answer any more. */
const TIMEOUT_MS = 3_000

export const nameserverLoss: Scenario = {
  name: 'nameserver-loss',
  summary: 'one nameserver dies, then the other: clients go on with what they know',
  lengthMs: ({ routePullMs, heartbeatMs }) =>
    WARM_UP_MS + 2 * (routePullMs + TIMEOUT_MS + SLACK_MS) + heartbeatMs,
  run: (stage) => new NameserverLoss(stage).run(),
}

class NameserverLoss {
  readonly #stage: Stage
  readonly #topic: string

  constructor(stage: Stage) {
    this.#stage = stage
    this.#topic = stage.name('lab-orders')
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const { lab, timeline } = stage
    await stage.createTopic('lab-orders', QUEUE_COUNT)
    const group = await stage.addPair(this.#topic, QUEUE_COUNT)
    // Without retries, so that nothing is hidden.
    const plan = { topic: this.#topic, retries: 0 }
    stage.addProducer('p1', plan)
    stage.addProducer('p2', plan)
    await stage.startLoad()
    await stage.warmUp()

    const firstDownMs = timeline.nowMs()
    await this.#kill(FIRST)
    await this.#newcomer()
    await this.#everybodyGoesOn(group, `with ${FIRST} down`)
    await this.#kill(SECOND)
    const bothDownMs = timeline.nowMs()
    await this.#everybodyGoesOn(group, 'with both down')

    await Promise.all([lab.startNameserver(FIRST), lab.startNameserver(SECOND)])
    timeline.event('back', `${FIRST} and ${SECOND} are started again, knowing nothing`, 'good')
    const downMs = { [FIRST]: firstDownMs, [SECOND]: bothDownMs }
    for (const [lane, fromMs] of Object.entries(downMs)) {
      timeline.window({ lane, title: 'down', fromMs, toMs: timeline.nowMs(), tone: 'bad' })
    }
    await this.#knownAgain()
    await stage.stopLoad()
    await accountFor(stage, { group, producers: stage.producers })
    sendsTable(stage, { group, producers: stage.producers })
  }

  async #kill(name: string): Promise<void> {
    this.#stage.timeline.event('kill', `${name}: SIGKILL`, 'bad')
    await this.#stage.lab.killNameserver(name)
  }

  /** Somebody who has no route yet depends on the one that is left. */
  async #newcomer(): Promise<void> {
    const { lab, timeline } = this.#stage
    const startMs = lab.clock.monoMs()
    const producer = this.#stage.addProducer('newcomer', { topic: this.#topic, retries: 0 })
    producer.send()
    const tookMs = await lab.until(() => producer.acknowledged.size > 0, 3 * TIMEOUT_MS)
    producer.start()
    timeline.fact({
      requirement: 'R20',
      title: 'newcomer',
      expected: `a client that starts now turns to ${SECOND} within one timeout (${lasting(TIMEOUT_MS)})`,
      seen:
        tookMs === null
          ? 'it did not send'
          : `its first send was acknowledged after ${lasting(lab.clock.monoMs() - startMs)}`,
      isMet: tookMs !== null && tookMs <= TIMEOUT_MS,
    })
  }

  /** For longer than a route pull, so that every client has missed its nameserver. */
  async #everybodyGoesOn(group: LoadGroup, when: string): Promise<void> {
    const { lab, timeline, producers } = this.#stage
    const durationMs = lab.intervals.routePullMs + TIMEOUT_MS + SLACK_MS
    const sentBefore = sum(producers, (producer) => producer.acknowledged.size)
    const failedBefore = sum(producers, (producer) => producer.failures.length)
    const deliveredBefore = group.deliveries.size
    const fromMs = timeline.nowMs()
    this.#stage.progress(`${when}, for ${lasting(durationMs)}`)
    await lab.wait(durationMs)
    const sent = sum(producers, (producer) => producer.acknowledged.size) - sentBefore
    const failed = sum(producers, (producer) => producer.failures.length) - failedBefore
    const delivered = group.deliveries.size - deliveredBefore
    for (const { name } of producers) {
      timeline.window({
        lane: `producer ${name}`,
        title: `sends on, ${when}`,
        fromMs,
        toMs: timeline.nowMs(),
        tone: 'good',
      })
    }
    timeline.fact({
      requirement: 'R20',
      title: 'goes on',
      expected: `${when}, for longer than a route pull (${lasting(lab.intervals.routePullMs)}), every send succeeds and the group keeps its queues`,
      seen: `${sent} acknowledged, ${failed} failed, ${delivered} delivered in ${lasting(durationMs)}`,
      isMet: failed === 0 && sent > 0 && delivered > 0 && group.ownsEachOnce(QUEUE_COUNT),
    })
  }

  /** R25: a nameserver keeps nothing; brokers tell it everything again. */
  async #knownAgain(): Promise<void> {
    const { lab, timeline } = this.#stage
    const { heartbeatMs } = lab.intervals
    const startMs = lab.clock.monoMs()
    const changes = await Promise.all(
      lab.brokers.map((broker) =>
        this.#stage.watch(broker, { isListed: true, limitMs: heartbeatMs + 5 * SLACK_MS }),
      ),
    )
    const all = changes.flat()
    const views = await this.#stage.admin.cluster.routes(this.#topic)
    const queueCounts = views.map(({ value }) =>
      (value?.queues ?? []).reduce((count, queue) => count + queue.writeQueueCount, 0),
    )
    const tookMs = lab.clock.monoMs() - startMs
    timeline.fact({
      requirement: 'R25',
      title: 'known again',
      expected: `both nameservers know all routes again after one beat: within ${lasting(heartbeatMs)}`,
      seen: `after ${lasting(tookMs)} they show ${listed(queueCounts.map(String))} queues`,
      isMet:
        all.every(({ afterMs }) => afterMs !== null) &&
        queueCounts.every((count) => count === QUEUE_COUNT) &&
        tookMs <= heartbeatMs + SLACK_MS,
    })
  }
}

function sum(
  producers: readonly LoadProducer[],
  count: (producer: LoadProducer) => number,
): number {
  return producers.reduce((total, producer) => total + count(producer), 0)
}
