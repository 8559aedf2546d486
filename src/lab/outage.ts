// A broker's absence: how it begins, when each nameserver notices, and how it ends.

import type { ScenarioOptions, ShutdownMode } from './scenario.ts'
import type { Stage } from './stage.ts'
import { lasting } from './words.ts'

/** R6. */
const CLOSED_LIMIT_MS = 1_000
/** Requests under way when the broker went have arrived by then. */
const SETTLE_MS = 50
const SLACK_MS = 1_000

const SAYS: Record<ShutdownMode, string> = {
  graceful: 'SIGTERM: it says goodbye to the nameservers, answers what it has, and ends',
  kill: 'SIGKILL: its connections close',
  freeze: 'SIGSTOP: its sockets stay open, and nothing answers',
  disconnect: 'its cable is pulled: nothing gets through, and nobody is told',
}

const RETURNS: Record<ShutdownMode, string> = {
  graceful: 'started again',
  kill: 'started again',
  freeze: 'SIGCONT',
  disconnect: 'its cable is back',
}

export interface Outage {
  brokerName: string
  /** On the cluster's clock, as the next. */
  startMs: number
  /** When the last nameserver had evicted it. */
  evictedMs: number
}

export class Outages {
  readonly #stage: Stage
  readonly #options: ScenarioOptions

  constructor(stage: Stage, options: ScenarioOptions) {
    this.#stage = stage
    this.#options = options
  }

  get #isSilent(): boolean {
    return this.#options.mode === 'freeze' || this.#options.mode === 'disconnect'
  }

  /** False for a broker of somebody else's cluster that we can stop but not start. */
  get canEnd(): boolean {
    return this.#stage.lab.canStartBrokers || this.#options.mode === 'freeze'
  }

  /** The broker whose messages nobody can get any more. */
  get goneBroker(): string | null {
    return this.canEnd ? null : this.#options.brokerName
  }

  /** Takes the broker away and waits until every nameserver has noticed. */
  async begin(): Promise<Outage> {
    const { lab, timeline } = this.#stage
    const { mode, brokerName } = this.#options
    timeline.event(mode, `${brokerName}: ${SAYS[mode]}`, 'bad')
    const startMs = lab.clock.monoMs()
    const gone = this.#takeAway()
    const evictedMs = this.#isSilent ? await this.#expired(startMs) : await this.#closed(startMs)
    await gone
    return { brokerName, startMs, evictedMs }
  }

  /** R6: the closed connection, or the goodbye, is noticed at once. */
  async #closed(startMs: number): Promise<number> {
    const { brokerName } = this.#options
    const changes = await this.#stage.watch(brokerName, { isListed: false, limitMs: 10_000 })
    for (const { nameserver, afterMs } of changes) {
      this.#draw(nameserver, startMs, afterMs)
      this.#stage.timeline.fact({
        requirement: 'R6',
        title: 'eviction',
        expected: `${nameserver} drops ${brokerName} at once: in less than ${lasting(CLOSED_LIMIT_MS)}`,
        seen: afterMs === null ? 'still listed' : `after ${lasting(afterMs)}`,
        isMet: afterMs !== null && afterMs < CLOSED_LIMIT_MS,
      })
    }
    return startMs + Math.max(...changes.map(({ afterMs }) => afterMs ?? 0))
  }

  /** R5: nothing tells the nameservers, so its time has to run out. */
  async #expired(startMs: number): Promise<number> {
    const { lab, timeline } = this.#stage
    const { brokerName } = this.#options
    const { expiryMs, scanMs } = lab.intervals
    await lab.wait(SETTLE_MS)
    const askedMs = lab.clock.monoMs()
    const views = await this.#stage.admin.cluster.registrations()
    this.#stage.progress(`waiting up to ${lasting(expiryMs + scanMs)} for the eviction`)
    const limitMs = expiryMs + scanMs + 10 * SLACK_MS
    const changes = await this.#stage.watch(brokerName, { isListed: false, limitMs })
    let latestMs = startMs
    for (const [i, { nameserver, afterMs }] of changes.entries()) {
      const age = views[i]?.value?.brokers?.find((each) => each.brokerName === brokerName)
      const beatMs = askedMs - (age?.lastHeartbeatAgeMs ?? 0)
      const evictedMs = askedMs + (afterMs ?? 0)
      const silentMs = evictedMs - beatMs
      this.#draw(nameserver, startMs, afterMs === null ? null : evictedMs - startMs)
      latestMs = Math.max(latestMs, evictedMs)
      timeline.fact({
        requirement: 'R5',
        title: 'eviction',
        expected: `${nameserver} keeps ${brokerName} for ${lasting(expiryMs)} after its last beat, and drops it within a scan (${lasting(scanMs)})`,
        seen:
          afterMs === null
            ? 'still listed'
            : `dropped ${lasting(silentMs)} after its last beat, ${lasting(evictedMs - startMs)} after it went`,
        isMet: afterMs !== null && silentMs >= expiryMs && silentMs <= expiryMs + scanMs + SLACK_MS,
      })
    }
    return latestMs
  }

  #draw(nameserver: string, startMs: number, afterMs: number | null): void {
    const { timeline } = this.#stage
    timeline.window({
      lane: nameserver,
      title: `lists ${this.#options.brokerName}, which is gone`,
      fromMs: timeline.at(startMs),
      toMs: afterMs === null ? timeline.nowMs() : timeline.at(startMs + afterMs),
      tone: this.#isSilent ? 'bad' : 'warn',
    })
  }

  /** Resolves with when every nameserver listed it again. */
  async end(outage: Outage): Promise<number> {
    const { lab, timeline } = this.#stage
    const { mode, brokerName } = this.#options
    const beginMs = lab.clock.monoMs()
    timeline.event('back', `${brokerName}: ${RETURNS[mode]}`, 'good')
    const { heartbeatMs } = lab.intervals
    const returned = this.#bringBack()
    const changes = await this.#stage.watch(brokerName, {
      isListed: true,
      limitMs: heartbeatMs + 10 * SLACK_MS,
    })
    await returned
    const slowest = Math.max(...changes.map(({ afterMs }) => afterMs ?? Number.POSITIVE_INFINITY))
    timeline.window({
      lane: brokerName,
      title: mode,
      fromMs: timeline.at(outage.startMs),
      toMs: timeline.at(beginMs),
      tone: 'bad',
    })
    timeline.fact({
      requirement: 'R5',
      title: 'listed',
      expected: `${brokerName} is listed everywhere again after one beat: within ${lasting(heartbeatMs)}`,
      seen: Number.isFinite(slowest) ? `after ${lasting(slowest)}` : 'not by all nameservers',
      isMet: slowest <= heartbeatMs + SLACK_MS,
    })
    return lab.clock.monoMs()
  }

  #takeAway(): Promise<void> {
    const { lab } = this.#stage
    const { mode, brokerName } = this.#options
    switch (mode) {
      case 'graceful':
        return lab.stopBroker(brokerName)
      case 'kill':
        return lab.killBroker(brokerName)
      case 'freeze':
        return lab.freezeBroker(brokerName)
      case 'disconnect':
        return lab.disconnectBroker(brokerName)
    }
  }

  #bringBack(): Promise<void> {
    const { lab } = this.#stage
    const { mode, brokerName } = this.#options
    if (mode === 'freeze') return lab.thawBroker(brokerName)
    if (mode === 'disconnect') return lab.reconnectBroker(brokerName)
    return lab.startBroker(brokerName)
  }
}
