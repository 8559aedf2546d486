// What happens in a demonstration, in order, told as it happens.

import { Admin } from '../client/admin.ts'
import { systemClock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { seededRandom } from '../core/random.ts'
import { type ListingChange, watchListing } from '../lab/listing-watch.ts'
import type { Invocation } from './command.ts'
import { killAtRandom } from './demo-chaos.ts'
import type { DemoResult } from './demo-report.ts'
import { type DemoRun, QUEUE_COUNT, TOPIC } from './demo-run.ts'
import { tableLines } from './output.ts'
import { routeRows } from './route-rows.ts'
import type { Timeline } from './timeline.ts'
import { formatCount, formatDuration } from './units.ts'

/** Shares of the messages sent when a broker goes. */
const KILL_AT = 0.2
const STOP_AT = 0.6
const OUTAGE_MS = 2_000
/** R6: a closed connection removes a broker from the routes within a second. */
const EVICTION_LIMIT_MS = 1_000
const WATCH_LIMIT_MS = 10_000
const JOIN_LIMIT_MS = 30_000
export const DRAIN_LIMIT_MS = 60_000

export interface StoryOptions {
  invocation: Invocation
  timeline: Timeline
  run: DemoRun
  messageCount: number
  perSecond: number
  /** Kill at random about this often; null: one kill and one graceful stop. */
  killIntervalMs: number | null
  seed: number
}

export class DemoStory {
  readonly #options: StoryOptions

  constructor(options: StoryOptions) {
    this.#options = options
  }

  async tell(): Promise<DemoResult> {
    const { timeline, run, messageCount, perSecond, killIntervalMs, seed } = this.#options
    await this.#introduce()
    timeline.phase('send')
    timeline.event('send', `${formatCount(perSecond)} messages a second`)
    this.#showProgress()
    let isSent = false
    const sending = run.sendAll().then(() => {
      isSent = true
    })
    let kills = 0
    if (killIntervalMs === null) {
      await this.#killOne('broker-b')
      await this.#stopOne('broker-a')
    } else {
      timeline.event('chaos', `any process may be killed; --seed ${seed}`)
      kills = await killAtRandom({
        run,
        timeline,
        random: seededRandom(seed),
        intervalMs: killIntervalMs,
        isOver: () => isSent,
      })
    }
    await sending
    timeline.phase('drain')
    const { ledger } = run
    timeline.event(
      'sent',
      `${formatCount(ledger.acknowledged)} of ${formatCount(messageCount)} acknowledged; waiting for the rest of them`,
    )
    await run.waitFor(() => ledger.isComplete, DRAIN_LIMIT_MS)
    const retries = run.retriedCount()
    timeline.event('received', `${formatCount(ledger.received)}; the routes in the end:`)
    await this.#showRoutes()
    timeline.phase('stop')
    await run.stop()
    timeline.endPhase()
    return { verdict: ledger.verdict(), retries, kills, seed }
  }

  async #introduce(): Promise<void> {
    const { timeline, run } = this.#options
    timeline.event('cluster', 'each line is a process')
    for (const node of run.cluster.nodes()) {
      timeline.detail(`${node.name.padEnd(13)} ${node.address.padEnd(16)} pid ${node.pid}`)
    }
    timeline.event('topic', `${TOPIC}, ${QUEUE_COUNT} queues; the routes:`)
    await this.#showRoutes()
    timeline.phase('start the consumers')
    const consumers = ['consumer-1', 'consumer-2'].map((name) => run.startConsumer(name))
    if (!(await run.consumersReady(JOIN_LIMIT_MS))) {
      throw new MqError('TIMED_OUT', 'the consumers did not join their group in time', {
        hint: 'mq demo --verbose',
      })
    }
    timeline.event('consumers', 'one group, two processes')
    for (const { name, pid } of consumers) timeline.detail(`${name.padEnd(30)} pid ${pid}`)
  }

  #showProgress(): void {
    const { invocation, run } = this.#options
    const { ledger } = run
    invocation.progress.start(() => {
      const share = Math.round(run.progress * 100)
      return `${share} % sent, ${formatCount(ledger.acknowledged)} acknowledged, ${formatCount(ledger.received)} received`
    })
  }

  /** A crash under load: the routes forget the broker at once, its keys wait until it is back. */
  async #killOne(name: string): Promise<void> {
    const { timeline, run } = this.#options
    await run.waitFor(() => run.progress >= KILL_AT, DRAIN_LIMIT_MS)
    timeline.phase(`kill -9 ${name}`)
    const victim = run.cluster.node(name)
    const sent = formatCount(run.ledger.acknowledged)
    timeline.event('kill -9', `${name}, pid ${victim.pid}, with ${sent} messages acknowledged`)
    const evicted = this.#watch(name, false)
    await victim.kill()
    await this.#bringBack(name, await evicted)
  }

  /** A planned stop under load: the broker takes itself off the routes before it goes. */
  async #stopOne(name: string): Promise<void> {
    const { timeline, run } = this.#options
    await run.waitFor(() => run.progress >= STOP_AT, DRAIN_LIMIT_MS)
    timeline.phase(`stop ${name}`)
    const sent = formatCount(run.ledger.acknowledged)
    timeline.event('stop', `${name}, gracefully, with ${sent} messages acknowledged`)
    const evicted = this.#watch(name, false)
    await run.cluster.node(name).stop()
    await this.#bringBack(name, await evicted)
  }

  async #bringBack(name: string, evictions: readonly ListingChange[]): Promise<void> {
    const { timeline, run } = this.#options
    timeline.fact({
      title: 'evicted',
      expected: `each within ${formatDuration(EVICTION_LIMIT_MS)}`,
      seen: this.#changes(evictions),
      isMet: evictions.every(({ afterMs }) => afterMs !== null && afterMs < EVICTION_LIMIT_MS),
    })
    await this.#showRoutes()
    const goneMs = timeline.nowMs()
    await run.waitFor(() => timeline.nowMs() - goneMs >= OUTAGE_MS, 2 * OUTAGE_MS)
    const startMs = timeline.nowMs()
    const listed = this.#watch(name, true)
    await run.cluster.startNode(name)
    const readyMs = timeline.nowMs() - startMs
    const seen = this.#changes(await listed)
    timeline.event('restart', `${name} serves after ${formatDuration(readyMs)}; listed by ${seen}`)
    timeline.phase('send')
  }

  #watch(brokerName: string, isListed: boolean): Promise<ListingChange[]> {
    const { client, cluster } = this.#options.run
    return watchListing(
      {
        channels: client.channels,
        clock: systemClock,
        nameservers: cluster.nameservers,
        brokerName,
      },
      { isListed, limitMs: WATCH_LIMIT_MS },
    )
  }

  #changes(list: readonly ListingChange[]): string {
    return list
      .map(({ nameserver, afterMs }) => {
        const after = afterMs === null ? 'not in time' : `after ${formatDuration(afterMs)}`
        return `${this.#nameOf(nameserver)} ${after}`
      })
      .join(', ')
  }

  #nameOf(address: string): string {
    const { cluster } = this.#options.run
    return cluster.nodes().find((node) => node.address === address)?.name ?? address
  }

  async #showRoutes(): Promise<void> {
    const { invocation, timeline, run } = this.#options
    const views = await new Admin(run.client).cluster.routes(TOPIC)
    const lines = tableLines(
      [
        { title: 'as seen by', value: (row) => this.#nameOf(row.nameserver) },
        { title: 'broker', value: (row) => row.brokerName },
        { title: 'address', value: (row) => row.address },
        { title: 'queues', value: (row) => String(row.writeQueueCount), align: 'right' },
        { title: 'permission', value: (row) => row.permission },
      ],
      routeRows(TOPIC, views, []),
      invocation.output.palette,
    )
    for (const line of lines) timeline.detail(line)
  }
}
