// A broker of a world: the real one on a simulated disk that outlives its runs.

import { Broker } from '../../broker/broker.ts'
import { defaultBrokerConfig } from '../../broker/config.ts'
import { FRAME_BYTES_MAX, OUTPUT_BYTES_MAX, PENDING_APPEND_BYTES_MAX } from '../../core/limits.ts'
import { decodeMessages } from '../../remoting/stored-message.ts'
import { ENTRY_KIND, type LogEntry, queueKey } from '../../store/append-log.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { MemoryLog } from '../../store/memory-log.ts'
import { WatchedLog } from './delegating-log.ts'
import { describeState, stateOf } from './logged-state.ts'
import { messageId } from './message-body.ts'
import { NAMESERVER_PORT } from './nameserver-node.ts'
import type { FrameTap } from './node-network.ts'
import { type BrokerPlan, randomFor } from './plan.ts'
import { ServerTap } from './server-tap.ts'
import { type Run, WorldNode, type WorldParts } from './world-node.ts'

const BROKER_PORT = 10_911
/** What flush=async may lose at a power cut. */
const ASYNC_SYNC_DELAY_MS = 500
/** Between the failure of the log and the end of the process. */
const LAST_BREATH_MS = 30
const RESTART_AFTER_FAILURE_MS = 1_000

export class BrokerNode extends WorldNode {
  readonly name: string
  readonly address: string
  readonly disk: MemoryDisk
  readonly #plan: BrokerPlan
  #log: MemoryLog | null = null
  #broker: Broker | null = null
  #hasLogFailed = false
  /** Group and queue → the offset that was noted last. */
  readonly #seen = new Map<string, number>()

  constructor(parts: WorldParts, plan: BrokerPlan) {
    super(parts, { host: plan.host, role: 'broker' })
    this.#plan = plan
    this.name = plan.name
    this.address = `${plan.host}:${BROKER_PORT}`
    this.disk = new MemoryDisk({
      random: randomFor(parts.plan.seed, `disk ${plan.host}`),
      syncDelayMs: parts.seams.syncDelayMs(plan.flush === 'async' ? ASYNC_SYNC_DELAY_MS : null),
    })
  }

  /** Null while it does not serve. */
  get broker(): Broker | null {
    return this.isUp ? this.#broker : null
  }

  protected async boot(run: Run): Promise<void> {
    const { plan, seams, history } = this.parts
    const { commitMs, segmentBytes } = this.#plan
    const log = new MemoryLog({ disk: this.disk, clock: run.clock, commitMs, segmentBytes })
    this.#log = log
    this.#hasLogFailed = false
    const watched = new WatchedLog(log, () => {
      this.#hasLogFailed = true
      history.note({ kind: 'log-failed', run: run.name })
    })
    const { intervals } = plan
    const config = seams.brokerConfig({
      ...defaultBrokerConfig(),
      name: this.name,
      listen: { host: this.host, port: BROKER_PORT },
      nameservers: plan.nameservers.map(({ host }) => `${host}:${NAMESERVER_PORT}`),
      flush: this.#plan.flush,
      heartbeatIntervalMs: intervals.brokerHeartbeatMs,
      clientExpiryMs: intervals.clientExpiryMs,
      clientScanIntervalMs: intervals.clientScanMs,
      offsetsIntervalMs: intervals.offsetsMs,
    })
    const broker = new Broker({
      ...run,
      config,
      log: seams.log(watched, this.disk),
      onFailed: () => this.#failed(run.name),
    })
    this.#broker = broker
    await broker.start()
  }

  /** Between two commits memory and log say the same, unless one failed and is there all the same. */
  protected override started(): void {
    if (this.#broker === null || this.#hasLogFailed) return
    const logged = describeState(stateOf(this.disk))
    const known = describeState(this.#broker.state)
    this.parts.history.note({ kind: 'recovered', run: this.runName, logged, known })
  }

  protected async shutDown(): Promise<void> {
    await this.#broker?.stop()
  }

  protected ended(how: 'kill' | 'power-cut' | 'stop'): void {
    const lost = how === 'power-cut' ? (this.#log?.cutPower() ?? []) : []
    if (how === 'kill') this.#log?.crashAnywhere()
    if (this.#plan.flush === 'async') this.#noteRewound(lost)
    this.#log = null
    this.#broker = null
  }

  protected override tap(run: string): () => FrameTap {
    const { history } = this.parts
    const parkedMax = this.#parkedMax()
    return () =>
      new ServerTap({
        onOutput: (bytes) =>
          history.noteBuffer(`output of ${this.name}`, bytes, OUTPUT_BYTES_MAX + FRAME_BYTES_MAX),
        onParked: (count) => history.noteBuffer(`pulls at ${this.name}`, count, parkedMax),
        onSendAnswered: () => history.note({ kind: 'send-answered', run }),
      })
  }

  /** Notes what this broker holds now: offsets of groups, and bytes that wait for the disk. */
  sample(): void {
    const context = this.broker?.context
    if (context == null) return
    const { history, plan } = this.parts
    const pendingMax = PENDING_APPEND_BYTES_MAX + FRAME_BYTES_MAX
    history.noteBuffer(`appends of ${this.name}`, context.store.pendingBytes, pendingMax)
    for (const { name: group, topics } of plan.groups) {
      for (const name of topics) {
        const topic = context.state.topics.get(name)
        for (let queueId = 0; queueId < (topic?.queueIdEnd ?? 0); queueId++) {
          const offset = context.offsets.committed(group, queueKey(topic?.id ?? 0, queueId))
          const queue = `${name}@${this.name}:${queueId}`
          if (offset === null || this.#seen.get(`${group} ${queue}`) === offset) continue
          this.#seen.set(`${group} ${queue}`, offset)
          history.note({ kind: 'committed', group, queue, offset })
        }
      }
    }
  }

  /**
   * One pull of each queue at a time; but a queue that is given up and taken again leaves its pull
   * parked for up to 15 s, and members rebalance once a second at most.
   */
  #parkedMax(): number {
    const { topics, brokers, groups } = this.parts.plan
    const queues = topics.reduce((sum, topic) => sum + topic.queueCount, 0) / brokers.length
    return 16 * (queues + groups.length)
  }

  #failed(run: string): void {
    const { clock } = this.parts
    clock.after(LAST_BREATH_MS, () => {
      if (run !== this.runName) return
      this.kill()
      this.startAfter(RESTART_AFTER_FAILURE_MS)
    })
  }

  #noteRewound(lost: readonly LogEntry[]): void {
    const byQueue = new Map<string, { offsets: number[]; ids: string[] }>()
    for (const { kind, payload } of lost) {
      if (kind !== ENTRY_KIND.message) continue
      for (const message of decodeMessages(Buffer.from(payload))) {
        const queue = `${message.topic}@${this.name}:${message.queueId}`
        const entry = byQueue.get(queue) ?? { offsets: [], ids: [] }
        byQueue.set(queue, entry)
        entry.offsets.push(message.queueOffset)
        entry.ids.push(messageId(message.body))
      }
    }
    for (const [queue, { offsets, ids }] of byQueue) {
      const fromOffset = Math.min(...offsets)
      const toOffset = Math.max(...offsets) + 1
      this.parts.history.note({ kind: 'rewound', queue, fromOffset, toOffset, ids })
    }
  }
}
