// The drill, from the first heartbeat to the last eviction. Its parts run side by side, because each
// takes as long as the number it shows.
//
//   broker-a   beats in peace, is watched (R2, R3), and killed at the end (R6)
//   broker-b   falls silent with its sockets open (R5), wakes up, and stops in good order (R6)
//   broker-c   joins late, with the topic: a client finds it at its next pull (R7)

import { Admin } from '../client/admin.ts'
import { Client } from '../client/client.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { Logger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { watchListing } from '../lab/listing-watch.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { AUTO_CREATE_TOPIC, PERMISSION, REQUEST } from '../remoting/codes.ts'
import { BeatLog } from './beat-log.ts'
import { ChildNode } from './child-node.ts'
import type { Invocation } from './command.ts'
import type { LocalCluster } from './local-cluster.ts'
import type { Timeline } from './timeline.ts'
import { formatDuration } from './units.ts'

const TOPIC = 'drill'
const SAMPLE_INTERVAL_MS = 50
const BEAT_MS = 30_000
const SCAN_MS = 10_000
const EXPIRY_MS = 120_000
const PULL_MS = 30_000
/** Beats are watched for this long: the first and three more. */
const BEATS_WATCHED_MS = 95_000
/** What a busy machine may add to a timer. */
const SLACK_MS = 1_000

export interface DrillOptions {
  invocation: Invocation
  cluster: LocalCluster
  timeline: Timeline
  onLine: (name: string, line: string) => void
}

export class Drill {
  readonly #options: DrillOptions
  readonly #client: Client
  readonly #admin: Admin
  readonly #beats = new BeatLog()
  /** Nameserver → its scans so far, and when that was said. */
  readonly #scans = new Map<string, { count: number; atMs: number }[]>()
  #isOver = false

  constructor(options: DrillOptions) {
    this.#options = options
    this.#client = new Client({
      nameservers: options.cluster.nameservers,
      network: bunNetwork,
      clock: systemClock,
      random: systemRandom,
      logger: new Logger({
        clock: systemClock,
        sink: (line) => options.onLine('client', line),
        level: 'warn',
        scope: 'client',
      }),
      watchesRoutes: false,
    })
    this.#admin = new Admin(this.#client)
  }

  async run(): Promise<void> {
    const { timeline, cluster, invocation } = this.#options
    timeline.event('cluster', '2 nameservers, broker-a and broker-b; every number is the default')
    invocation.progress.start(() => `${formatDuration(timeline.nowMs())} of about two minutes`)
    const sampling = this.#sample()
    const started: ChildNode[] = []
    try {
      await this.#createTopic()
      await Promise.all([
        this.#watchBeats(),
        this.#silence(),
        this.#join().then((broker) => started.push(broker)),
      ])
      await this.#leave('SIGKILL', 'broker-a', () => cluster.node('broker-a').kill())
      await this.#leave('SIGTERM', 'broker-b', () => cluster.node('broker-b').stop())
    } finally {
      this.#isOver = true
      await sampling
      await Promise.all(started.map((broker) => broker.stop()))
      await this.#client.close()
    }
  }

  /** Looks at both nameservers all the time: the ages they tell show every beat. */
  async #sample(): Promise<void> {
    while (!this.#isOver && this.#options.invocation.interruption.received === null) {
      for (const { nameserver, value } of await this.#admin.cluster.registrations()) {
        const seenMs = systemClock.monoMs()
        if (value === null) continue
        for (const { brokerName, lastHeartbeatAgeMs: ageMs } of value.brokers ?? []) {
          this.#beats.note({ nameserver, brokerName, seenMs, ageMs })
        }
        const scans = this.#scans.get(nameserver) ?? []
        this.#scans.set(nameserver, scans)
        const count = value.scanCount ?? 0
        if (scans.at(-1)?.count !== count) scans.push({ count, atMs: seenMs })
      }
      await sleep(systemClock, SAMPLE_INTERVAL_MS)
    }
  }

  async #createTopic(): Promise<void> {
    const { timeline } = this.#options
    const startMs = systemClock.monoMs()
    const { failures } = await this.#admin.topics.create({ topic: TOPIC, queueCount: 8 })
    const tookMs = systemClock.monoMs() - startMs
    timeline.fact({
      title: 'topic',
      expected: 'R2: a change is registered at once, not with the next beat',
      seen: `all nameservers show ${TOPIC} after ${formatDuration(tookMs)}`,
      isMet: failures.length === 0 && tookMs < SLACK_MS,
    })
  }

  async #watchBeats(): Promise<void> {
    const { timeline, cluster } = this.#options
    await this.#wait(BEATS_WATCHED_MS - timeline.nowMs())
    for (const nameserver of cluster.nameservers) {
      // Without the beats that the topic's creation brought forward.
      const gaps = this.#beats.gapsOf({ nameserver, brokerName: 'broker-a' })
      const regular = gaps.filter((gapMs) => Math.abs(gapMs - BEAT_MS) <= SLACK_MS)
      timeline.fact({
        title: 'heartbeat',
        expected: `R2, R3: broker-a is heard of every ${formatDuration(BEAT_MS)}`,
        seen: `${nameserver} heard it ${gaps.length + 1} times, ${gaps.map(inSeconds).join(', ')} apart`,
        isMet: regular.length >= 2 && gaps.every((gapMs) => gapMs <= BEAT_MS + SLACK_MS),
      })
      const scans = (this.#scans.get(nameserver) ?? []).slice(1)
      const scanGaps = scans.slice(1).map(({ atMs }, i) => atMs - (scans[i]?.atMs ?? 0))
      timeline.fact({
        title: 'scan',
        expected: `R4: a scan every ${formatDuration(SCAN_MS)}`,
        seen: `${scans.length} scans at ${nameserver}, ${inSeconds(Math.min(...scanGaps))} to ${inSeconds(Math.max(...scanGaps))} apart`,
        isMet: scans.length >= 8 && scanGaps.every((ms) => Math.abs(ms - SCAN_MS) <= SLACK_MS),
      })
    }
  }

  /** SIGSTOP keeps the sockets open: only silence tells. */
  async #silence(): Promise<void> {
    const { timeline, cluster } = this.#options
    const broker = cluster.node('broker-b')
    await this.#wait(2_000)
    const lastBeats = cluster.nameservers.map((nameserver) => ({
      nameserver,
      beatMs: this.#beats.beatsOf({ nameserver, brokerName: 'broker-b' }).at(-1) ?? 0,
    }))
    process.kill(broker.pid, 'SIGSTOP')
    timeline.event('silence', 'SIGSTOP to broker-b: its sockets stay open, nothing is answered')
    const startMs = systemClock.monoMs()
    try {
      const limitMs = EXPIRY_MS + SCAN_MS + 5 * SLACK_MS
      for (const { nameserver, afterMs } of await this.#watch('broker-b', false, limitMs)) {
        const beatMs = lastBeats.find((last) => last.nameserver === nameserver)?.beatMs ?? 0
        const silentMs = afterMs === null ? null : startMs + afterMs - beatMs
        timeline.fact({
          title: 'expiry',
          expected: 'R5: listed at 119 s of silence, no longer at 131 s',
          seen:
            silentMs === null
              ? `${nameserver} still lists it`
              : `${nameserver} dropped it ${inSeconds(silentMs)} after its last beat`,
          isMet: silentMs !== null && silentMs > 119_000 && silentMs < 131_000,
        })
      }
    } finally {
      process.kill(broker.pid, 'SIGCONT')
    }
    timeline.event('awake', 'SIGCONT to broker-b')
    const back = await this.#watch('broker-b', true, BEAT_MS + 5 * SLACK_MS)
    timeline.fact({
      title: 'return',
      expected: `R5: back after one beat (${formatDuration(BEAT_MS)})`,
      seen: describeChanges(back, 'lists it again'),
      isMet: back.every(({ afterMs }) => afterMs !== null && afterMs <= BEAT_MS + SLACK_MS),
    })
  }

  /** A client that is told nothing finds a new broker at its next pull. */
  async #join(): Promise<ChildNode> {
    const { timeline, cluster, onLine } = this.#options
    const { routes } = this.#client
    await routes.get(TOPIC)
    await this.#wait(7_000)
    const broker = await ChildNode.start({
      name: 'broker-c',
      args: [
        ...['broker', '--name', 'broker-c', '--listen', '127.0.0.1:0', '--log', 'warn'],
        ...['--nameservers', cluster.nameservers.join(','), '--data', 'broker-c'],
      ],
      folder: cluster.folder,
      onLine,
    })
    timeline.event('join', `broker-c registers with both nameservers, with queues of ${TOPIC}`)
    const listed = await this.#watch('broker-c', true, 5 * SLACK_MS)
    await this.#client.caller.channels.call(broker.address, REQUEST.createTopic, {
      fields: {
        topic: TOPIC,
        defaultTopic: AUTO_CREATE_TOPIC,
        readQueueNums: 4,
        writeQueueNums: 4,
        perm: PERMISSION.read | PERMISSION.write,
        topicFilterType: 'SINGLE_TAG',
      },
      timeoutMs: 5 * SLACK_MS,
    })
    const startMs = systemClock.monoMs()
    const knows = (): boolean =>
      routes.peek(TOPIC)?.route.queues.some((queues) => queues.brokerName === 'broker-c') ?? false
    const wasPushed = knows()
    while (!knows() && systemClock.monoMs() - startMs < PULL_MS + 5 * SLACK_MS) {
      await sleep(systemClock, 10)
    }
    const tookMs = systemClock.monoMs() - startMs
    timeline.fact({
      title: 'pull',
      expected: `R7: a client finds it at its next pull, within ${formatDuration(PULL_MS)}, and is not told before`,
      seen: knows() ? `in its route after ${inSeconds(tookMs)}` : 'not in its route',
      isMet:
        listed.every(({ afterMs }) => afterMs !== null) &&
        !wasPushed &&
        knows() &&
        tookMs > SLACK_MS &&
        tookMs <= PULL_MS + SLACK_MS,
    })
    return broker
  }

  async #leave(signal: string, brokerName: string, end: () => Promise<void>): Promise<void> {
    const { timeline } = this.#options
    timeline.event('leave', `${signal} to ${brokerName}`)
    const gone = this.#watch(brokerName, false, 10 * SLACK_MS)
    await end()
    const changes = await gone
    timeline.fact({
      title: 'closed',
      expected: 'R6: gone at once, within 1 s',
      seen: describeChanges(changes, 'dropped it'),
      isMet: changes.every(({ afterMs }) => afterMs !== null && afterMs < 1_000),
    })
  }

  #watch(brokerName: string, isListed: boolean, limitMs: number) {
    const { nameservers } = this.#options.cluster
    const { channels } = this.#client
    const watch = { channels, clock: systemClock, nameservers, brokerName }
    return watchListing(watch, { isListed, limitMs: this.#isInterrupted ? 0 : limitMs })
  }

  get #isInterrupted(): boolean {
    return this.#options.invocation.interruption.received !== null
  }

  /** Waits, but not for somebody who has pressed Ctrl-C. */
  async #wait(delayMs: number): Promise<void> {
    const endMs = systemClock.monoMs() + delayMs
    while (systemClock.monoMs() < endMs && !this.#isInterrupted) {
      await sleep(systemClock, Math.min(100, endMs - systemClock.monoMs()))
    }
  }
}

function describeChanges(
  changes: readonly { nameserver: string; afterMs: number | null }[],
  what: string,
): string {
  return changes
    .map(({ nameserver, afterMs }) =>
      afterMs === null
        ? `${nameserver} has not ${what}`
        : `${nameserver} ${what} after ${formatDuration(afterMs)}`,
    )
    .join(', ')
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
