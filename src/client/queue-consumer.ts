// One queue that this member owns: pulls its messages, hands them to the handler, knows what may be
// committed. It neither commits nor decides whether it should own the queue.

import type { Clock } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { PULL_MESSAGES_MAX } from '../core/limits.ts'
import { RESPONSE } from '../remoting/codes.ts'
import type { HeldQueue } from '../remoting/consumer-running-info.ts'
import type { QueueName } from '../remoting/message-queue.ts'
import type { Client } from './client.ts'
import type { ConsumerSettings, ConsumerStats } from './consumer-options.ts'
import { type MessageQueue, queueName, type ReceivedMessage } from './message.ts'
import { Pauses } from './pauses.ts'
import { ProcessWindow } from './process-window.ts'
import { readAddress } from './publish-queues.ts'
import { pullMessages } from './queue-calls.ts'
import type { TagFilter } from './tag-filter.ts'

/** As every RocketMQ client: the broker waits 15 s for a message. */
const SUSPEND_MS = 15_000
const PULL_ERROR_WAIT_MS = 1_000
const FLOW_CONTROL_WAIT_MS = 20
/** A message that cannot be read now cannot be read soon; it must not fill the log. */
const UNREADABLE_WAIT_MS = 5_000
/** While another member may have the queue's lock. */
const LEASE_WAIT_MS = 1_000
const HANDLER_WAIT_MS_MIN = 1_000
const HANDLER_WAIT_MS_MAX = 30_000

export interface QueueConsumerOptions {
  client: Client
  queue: MessageQueue
  filter: TagFilter
  subscriptionVersion: bigint
  startOffset: number
  /** What the broker has; null if it has nothing. */
  committedOffset: number | null
  settings: ConsumerSettings
  stats: ConsumerStats
  /** Whether the queue may be worked on now; asked before each pull and each batch. */
  mayWork?: () => boolean
}

type QueueProgress = Omit<HeldQueue, keyof QueueName | 'isLocked' | 'lastLockTimeMs'>

export class QueueConsumer {
  readonly queue: MessageQueue
  readonly #options: QueueConsumerOptions
  readonly #clock: Clock
  readonly #pauses: Pauses
  /** The pull loop waits here while the window is full. */
  readonly #room: Pauses
  #window: ProcessWindow<ReceivedMessage>
  #committedOffset: number | null
  #runningCount = 0
  #isStopped = false
  #lastPullTimeMs = 0
  #lastConsumeTimeMs = 0
  #drainListeners: (() => void)[] = []

  constructor(options: QueueConsumerOptions) {
    this.queue = options.queue
    this.#options = options
    this.#clock = options.client.options.clock
    this.#pauses = new Pauses(this.#clock)
    this.#room = new Pauses(this.#clock)
    this.#window = new ProcessWindow(options.startOffset)
    this.#committedOffset = options.committedOffset
  }

  start(): void {
    void this.#pullLoop()
  }

  /** Everything below `offset` is done; null if the broker has been told. Say `done` when it has. */
  pendingCommit(): { offset: number; done: () => void } | null {
    const window = this.#window
    const offset = window.committableOffset
    if (offset === this.#committedOffset) return null
    return {
      offset,
      done: () => {
        // After a move the broker has another offset, whatever it was told for the old window.
        if (window === this.#window) this.#committedOffset = offset
      },
    }
  }

  /** How far it is, for administrators. Times are wall milliseconds, 0 for never. */
  progress(): QueueProgress {
    const window = this.#window
    return {
      commitOffset: this.#committedOffset ?? -1,
      cachedCount: window.count,
      cachedMinOffset: window.count === 0 ? 0 : window.committableOffset,
      cachedMaxOffset: window.count === 0 ? 0 : window.pullOffset - 1,
      cachedBytes: window.bytes,
      lastPullTimeMs: this.#lastPullTimeMs,
      lastConsumeTimeMs: this.#lastConsumeTimeMs,
    }
  }

  /** From now on nothing is pulled or handed out. What a handler has goes on. */
  stop(): void {
    this.#isStopped = true
    this.#pauses.end()
    this.#room.end()
  }

  /** Resolves when no handler works on the queue any more. */
  drained(): Promise<void> {
    if (this.#runningCount === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drainListeners.push(resolve))
  }

  async #pullLoop(): Promise<void> {
    const { settings, stats } = this.#options
    while (!this.#isStopped) {
      if (this.#window.isFull(settings.windowLimits)) {
        await this.#room.untilWoken()
        continue
      }
      if (!this.#mayWork()) {
        await this.#pauses.sleep(LEASE_WAIT_MS)
        continue
      }
      try {
        await this.#pullOnce()
      } catch (error) {
        if (this.#isStopped) return
        stats.pullFailures++
        await this.#recover(error)
      }
    }
  }

  async #pullOnce(): Promise<void> {
    const { client, queue, settings, filter, stats } = this.#options
    const address = this.#address()
    await client.ensureGreeted(address)
    const window = this.#window
    this.#lastPullTimeMs = this.#clock.wallMs()
    const outcome = await pullMessages(
      client.caller,
      { queue, address },
      {
        group: settings.group,
        offset: window.pullOffset,
        messagesMax: PULL_MESSAGES_MAX,
        suspendMs: SUSPEND_MS,
        subscription: null,
        subscriptionVersion: this.#options.subscriptionVersion,
        commitOffset: settings.model === 'broadcasting' ? null : window.committableOffset,
      },
    )
    // A lock that ran out meanwhile may be somebody else's: what came is asked for again.
    if (this.#isStopped || !this.#mayWork()) return
    if (outcome.kind === 'moved') {
      const { minOffset, maxOffset, nextOffset } = outcome
      client.options.logger.warn(
        `${queueName(queue)} holds ${minOffset} to ${maxOffset}: its broker moves the group from ${window.pullOffset} to ${nextOffset}`,
      )
      if (window.pullOffset > maxOffset) await this.#workOff(window)
      // Given up meanwhile: what was not worked off is the next owner's, and must not be committed.
      if (this.#isStopped) return
      // A new window: what handlers still finish in the old one no longer counts.
      this.#window = new ProcessWindow(outcome.nextOffset)
      this.#committedOffset = null
      return
    }
    const wanted = outcome.messages.filter((message) => filter.matches(message))
    stats.received += wanted.length
    window.add(wanted, outcome.nextOffset)
    this.#handOut()
  }

  /**
   * The queue has lost its end (a power cut at a broker with flush=async). What was pulled before and is
   * still there must not go with it, so all that is held is worked on first.
   */
  async #workOff(window: ProcessWindow<ReceivedMessage>): Promise<void> {
    while (window.count > 0 && !this.#isStopped) await this.#room.untilWoken()
  }

  async #recover(error: unknown): Promise<void> {
    const { client, queue } = this.#options
    client.options.logger.warn(`pulling from ${queueName(queue)}: ${describeError(error)}`)
    const known = error instanceof MqError ? error : null
    // Not an answer that says no, but one that cannot be read.
    if (known?.wireCode == null && !known?.isRetriable) {
      await this.#pauses.sleep(UNREADABLE_WAIT_MS)
      return
    }
    switch (known.wireCode) {
      case RESPONSE.flowControl:
        await this.#pauses.sleep(FLOW_CONTROL_WAIT_MS)
        return
      case RESPONSE.subscriptionNotExist:
      case RESPONSE.subscriptionNotLatest:
      case RESPONSE.groupNotExist:
        // The broker was restarted, or missed a heartbeat: say again who we are.
        await this.#greetAgain()
        break
      case RESPONSE.topicNotExist:
        // Should there be a topic of this name again, it is another one, which we have not read at all.
        this.#window = new ProcessWindow(0)
        this.#committedOffset = null
        void client.routes.refreshAfterError(queue.topic)
        break
      default:
        void client.routes.refreshAfterError(queue.topic)
    }
    await this.#pauses.sleep(PULL_ERROR_WAIT_MS)
  }

  async #greetAgain(): Promise<void> {
    const { client, queue } = this.#options
    const route = client.routes.peek(queue.topic)?.route
    const address = route === undefined ? null : readAddress(route, queue.brokerName)
    if (address !== null) await client.greet(address)
  }

  #mayWork(): boolean {
    return this.#options.mayWork?.() ?? true
  }

  #address(): string {
    const { client, queue } = this.#options
    const route = client.routes.peek(queue.topic)?.route
    const address = route === undefined ? null : readAddress(route, queue.brokerName)
    if (address !== null) return address
    throw new MqError('UNREACHABLE', `broker ${queue.brokerName} is not in the route`)
  }

  #handOut(): void {
    const { concurrency, batchMessagesMax } = this.#options.settings
    while (!this.#isStopped && this.#runningCount < concurrency) {
      const messages = this.#window.take(batchMessagesMax)
      if (messages.length === 0) return
      this.#runningCount++
      void this.#work(messages, this.#window).then(() => this.#workDone())
    }
  }

  #workDone(): void {
    this.#runningCount--
    this.#handOut()
    if (this.#runningCount > 0) return
    const listeners = this.#drainListeners
    this.#drainListeners = []
    for (const listener of listeners) listener()
  }

  /** Until all are done, or the queue is no longer ours. Never rejects. */
  async #work(messages: ReceivedMessage[], window: ProcessWindow<ReceivedMessage>): Promise<void> {
    const { settings, stats, queue, client } = this.#options
    let left = messages
    let waitMs = HANDLER_WAIT_MS_MIN
    while (left.length > 0 && !this.#isStopped) {
      if (!this.#mayWork()) {
        await this.#pauses.sleep(LEASE_WAIT_MS)
        continue
      }
      let doneCount = 0
      this.#lastConsumeTimeMs = this.#clock.wallMs()
      try {
        doneCount = (await settings.onMessages(left, queue)) ?? left.length
      } catch (error) {
        stats.handlerFailures++
        client.options.logger.warn(
          `the handler failed at offset ${left[0]?.queueOffset} of ${queueName(queue)}, again in ${waitMs} ms: ${describeError(error)}`,
        )
      }
      if (doneCount > 0) {
        window.finish(left.slice(0, doneCount))
        stats.processed += Math.min(doneCount, left.length)
        left = left.slice(doneCount)
        waitMs = HANDLER_WAIT_MS_MIN
        this.#room.wakeAll()
      }
      if (left.length > 0) await this.#pauses.sleep(waitMs)
      waitMs = Math.min(2 * waitMs, HANDLER_WAIT_MS_MAX)
    }
  }
}
