// Consumes as a member of a group: keeps the membership, takes and gives up queues as members and
// routes change, and commits. At least once: what was handled but not yet committed when a queue goes
// to another member, or the process dies, is handled again.
//
// A handler that fails gets the same messages again, here, after a while. Sending them back to the
// broker for later, and to a dead-letter topic in the end, is not part of this client yet; messages
// that other clients of the group sent back are consumed like any other.

import type { Timer } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { PROTOCOL_VERSION, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import type { ConsumerRunningInfo } from '../remoting/consumer-running-info.ts'
import { allocate } from './allocation.ts'
import type { Client, Participant } from './client.ts'
import {
  type ConsumerOptions,
  type ConsumerSettings,
  type ConsumerStats,
  consumerSettings,
} from './consumer-options.ts'
import { findMembers } from './group-members.ts'
import { compareQueues, type MessageQueue, queueName } from './message.ts'
import { masterAddress, readAddress, readableQueues } from './publish-queues.ts'
import { commitOffset, fetchCommittedOffset, fetchStartOffset } from './queue-calls.ts'
import { QueueConsumer } from './queue-consumer.ts'
import { LEASE_RENEW_INTERVAL_MS, QueueLeases } from './queue-leases.ts'
import { RebalanceLoop } from './rebalance-loop.ts'
import { TagFilter } from './tag-filter.ts'

/** A queue that could not be taken (its broker did not answer) is tried again this soon. */
const RETAKE_DELAY_MS = 1_000
/** How long `close` waits for handlers; what they finish later is handled again by somebody else. */
const HANDLERS_TIMEOUT_MS = 10_000

export class Consumer {
  readonly #client: Client
  readonly #settings: ConsumerSettings
  readonly #filters = new Map<string, TagFilter>()
  readonly #version: bigint
  readonly #participant: Participant
  readonly #rebalances: RebalanceLoop
  /** Null unless consuming in order. */
  readonly #leases: QueueLeases | null
  readonly #owned = new Map<string, QueueConsumer>()
  /** Queues given up whose handlers still run: taking one back must wait, or order would break. */
  readonly #retiring = new Map<string, MessageQueue>()
  readonly #stats: ConsumerStats = {
    received: 0,
    processed: 0,
    handlerFailures: 0,
    pullFailures: 0,
    rebalances: 0,
  }
  #timers: Timer[] = []
  #stopListening: (() => void) | null = null
  #closing: Promise<void> | null = null

  constructor(client: Client, options: ConsumerOptions) {
    this.#client = client
    this.#settings = consumerSettings(options)
    const { group, topics, model } = this.#settings
    for (const { topic, tags } of topics) this.#filters.set(topic, new TagFilter(tags))
    if (model === 'clustering') this.#filters.set(RETRY_TOPIC_PREFIX + group, new TagFilter())
    this.#version = BigInt(client.options.clock.wallMs())
    this.#rebalances = new RebalanceLoop(client.options.clock, () => this.#rebalance())
    this.#leases = this.#settings.isOrdered ? this.#newLeases() : null
    this.#participant = {
      producerGroup: null,
      consumer: {
        group,
        consumeType: 'CONSUME_PASSIVELY',
        messageModel: model === 'clustering' ? 'CLUSTERING' : 'BROADCASTING',
        consumeFromWhere: consumeFromWhere(this.#settings),
        subscriptions: [...this.#filters].map(([topic, filter]) =>
          filter.subscription(topic, this.#version),
        ),
      },
      topics: () => this.#filters.keys(),
      onMembersChanged: () => this.#rebalances.request(),
      runningInfo: () => this.#runningInfo(),
      close: () => this.close(),
    }
  }

  /** Resolves once it has joined and taken its queues. Rejects if no topic has a route. */
  async start(): Promise<void> {
    this.#requireOpen()
    const { commitIntervalMs, rebalanceIntervalMs, topics } = this.#settings
    const { clock } = this.#client.options
    const routes = await Promise.allSettled(
      topics.map(({ topic }) => this.#client.routes.get(topic)),
    )
    const missing = routes.flatMap((route) => (route.status === 'rejected' ? route.reason : []))
    if (missing.length === topics.length) throw missing[0]
    for (const error of missing) this.#client.options.logger.warn(describeError(error))
    // One that was closed meanwhile must not become a member: queues would be shared out to it.
    this.#requireOpen()
    this.#client.join(this.#participant)
    this.#stopListening = this.#client.routes.onChange(({ topic }) => {
      if (this.#filters.has(topic)) this.#rebalances.request()
    })
    await this.#client.heartbeat()
    this.#requireOpen()
    this.#timers = [
      clock.every(rebalanceIntervalMs, () => this.#rebalances.request()),
      clock.every(commitIntervalMs, () => void this.#commitAll()),
      clock.every(LEASE_RENEW_INTERVAL_MS, () => void this.#renewLeases()),
    ]
    await this.#rebalances.run()
  }

  #requireOpen(): void {
    if (this.#closing !== null) throw new MqError('CONNECTION_CLOSED', 'this consumer was closed')
  }

  /** The queues this member owns now, those of the group's own retry topic left out. */
  assignment(): MessageQueue[] {
    return [...this.#owned.values()]
      .map(({ queue }) => queue)
      .filter(({ topic }) => topic !== RETRY_TOPIC_PREFIX + this.#settings.group)
      .sort(compareQueues)
  }

  stats(): ConsumerStats {
    return { ...this.#stats }
  }

  /**
   * Stops pulling, waits for running handlers, commits, leaves the group. Safe to call twice. A
   * handler may call it but must not wait for it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#stopListening?.()
    this.#rebalances.stop()
    const consumers = [...this.#owned.values()]
    for (const consumer of consumers) consumer.stop()
    let isDrained = false
    const drained = Promise.all(consumers.map((consumer) => consumer.drained())).then(() => {
      isDrained = true
    })
    let timer: Timer | undefined
    const late = new Promise<void>((resolve) => {
      timer = this.#client.options.clock.after(HANDLERS_TIMEOUT_MS, resolve)
    })
    await Promise.race([drained, late])
    timer?.cancel()
    await this.#commitAll()
    // A handler that still runs holds its queue until the lock expires.
    if (isDrained) await Promise.all(consumers.map(({ queue }) => this.#leases?.release(queue)))
    this.#owned.clear()
    await this.#client.leave(this.#participant)
  }

  /** Never rejects: what cannot be done now is done at the next one. */
  async #rebalance(): Promise<void> {
    this.#stats.rebalances++
    const before = this.assignment()
    await Promise.all([...this.#filters.keys()].map((topic) => this.#rebalanceTopic(topic)))
    const after = this.assignment()
    if (before.map(queueName).join() !== after.map(queueName).join()) {
      this.#settings.onAssigned?.(after)
    }
  }

  async #rebalanceTopic(topic: string): Promise<void> {
    const wanted = await this.#wantedQueues(topic)
    if (wanted === null || this.#closing !== null) return
    const wantedNames = new Set(wanted.map(queueName))
    const lost = [...this.#owned].filter(
      ([name, { queue }]) => queue.topic === topic && !wantedNames.has(name),
    )
    await Promise.all([
      ...lost.map(([name, owned]) => this.#giveUp(name, owned)),
      ...wanted.filter((queue) => !this.#owned.has(queueName(queue))).map((q) => this.#take(q)),
    ])
  }

  /** Null: cannot be told now, leave things as they are. */
  async #wantedQueues(topic: string): Promise<MessageQueue[] | null> {
    const entry = await this.#client.routes.find(topic)
    if (entry === null) return null
    const queues = readableQueues(topic, entry.route)
    const { model, group, allocation } = this.#settings
    if (model === 'broadcasting') return queues
    const self = this.#client.id
    const members = await findMembers({
      caller: this.#client.caller,
      route: entry.route,
      group,
      self,
      greet: (address) => this.#client.greet(address),
    })
    return members === null ? null : allocate({ kind: allocation, queues, members, self })
  }

  async #take(queue: MessageQueue): Promise<void> {
    const name = queueName(queue)
    if (this.#retiring.has(name)) return
    try {
      // Before the offset is asked for: its last holder has committed by then.
      if (this.#leases !== null && !(await this.#leases.take(queue))) {
        this.#rebalances.requestAfter(RETAKE_DELAY_MS)
        return
      }
      const { committedOffset, startOffset } = await this.#startOf(queue)
      if (this.#closing !== null) {
        await this.#leases?.release(queue)
        return
      }
      const consumer = new QueueConsumer({
        client: this.#client,
        queue,
        filter: this.#filters.get(queue.topic) ?? new TagFilter(),
        subscriptionVersion: this.#version,
        startOffset,
        committedOffset,
        settings: this.#settings,
        stats: this.#stats,
        ...(this.#leases === null ? {} : { mayWork: () => this.#leases?.isHeld(queue) ?? true }),
      })
      this.#owned.set(name, consumer)
      consumer.start()
    } catch (error) {
      this.#client.options.logger.warn(`cannot take ${name}: ${describeError(error)}`)
      // Whoever is to have it by the next rebalance must not wait until the lock expires.
      await this.#leases?.release(queue)
      this.#rebalances.requestAfter(RETAKE_DELAY_MS)
    }
  }

  async #startOf(
    queue: MessageQueue,
  ): Promise<{ committedOffset: number | null; startOffset: number }> {
    const { group, from, model } = this.#settings
    const { caller } = this.#client
    const isRetryTopic = queue.topic === RETRY_TOPIC_PREFIX + group
    const at = { queue, address: this.#addressOf(queue, readAddress) }
    const committedOffset =
      model === 'broadcasting'
        ? null
        : await fetchCommittedOffset(caller, at, { group, isExact: from !== undefined })
    const position = isRetryTopic ? ({ kind: 'start' } as const) : (from ?? { kind: 'end' })
    return {
      committedOffset,
      startOffset: committedOffset ?? (await fetchStartOffset(caller, at, position)),
    }
  }

  /** Commits what is done and lets go at once: the next owner may already be pulling. */
  async #giveUp(name: string, owned: QueueConsumer): Promise<void> {
    owned.stop()
    this.#owned.delete(name)
    this.#retiring.set(name, owned.queue)
    void owned.drained().then(async () => {
      if (this.#leases !== null) {
        // In order: the next owner waits for the lock, and finds all that was done committed.
        await this.#commit(owned)
        await this.#leases.release(owned.queue)
      }
      this.#retiring.delete(name)
      this.#rebalances.request()
    })
    if (this.#leases === null) await this.#commit(owned)
  }

  async #renewLeases(): Promise<void> {
    // Also of what was given up: a handler may still work on it for longer than the broker keeps a lock.
    const held = [...this.#owned.values()].map(({ queue }) => queue)
    const queues = [...held, ...this.#retiring.values()]
    for (const queue of (await this.#leases?.renew(queues)) ?? []) {
      const name = queueName(queue)
      const owned = this.#owned.get(name)
      if (owned === undefined) continue
      this.#client.options.logger.warn(`${name} is no longer locked for this member`)
      // Its new holder commits from now on: our offset could only set it back.
      owned.stop()
      this.#owned.delete(name)
      this.#retiring.set(name, owned.queue)
      void owned.drained().then(() => {
        this.#retiring.delete(name)
        this.#rebalances.requestAfter(RETAKE_DELAY_MS)
      })
    }
  }

  #newLeases(): QueueLeases {
    const { id, caller, options } = this.#client
    return new QueueLeases({
      caller,
      clock: options.clock,
      logger: options.logger,
      group: this.#settings.group,
      clientId: id,
      addressOf: (queue) => this.#addressOf(queue, masterAddress),
    })
  }

  async #commitAll(): Promise<void> {
    await Promise.all([...this.#owned.values()].map((owned) => this.#commit(owned)))
  }

  async #commit(owned: QueueConsumer): Promise<void> {
    const { group, model } = this.#settings
    const { queue } = owned
    // Without its lock another member may have committed more.
    if (this.#leases?.isHeld(queue) === false) return
    const commit = model === 'broadcasting' ? null : owned.pendingCommit()
    if (commit === null) return
    const { offset, done } = commit
    try {
      const address = this.#addressOf(queue, masterAddress)
      await commitOffset(this.#client.caller, { queue, address }, { group, offset })
      done()
    } catch (error) {
      const name = queueName(queue)
      this.#client.options.logger.warn(
        `cannot commit ${offset} of ${name}: ${describeError(error)}`,
      )
    }
  }

  /** What administrators are told (code 307): the queues held, the group's retry topic included. */
  #runningInfo(): ConsumerRunningInfo {
    const { consumer } = this.#participant
    return {
      nameservers: this.#client.nameservers,
      consumeType: consumer?.consumeType ?? '',
      isOrdered: this.#leases !== null,
      concurrency: this.#settings.concurrency,
      version: String(PROTOCOL_VERSION),
      startTimeMs: Number(this.#version),
      subscriptions: consumer?.subscriptions ?? [],
      queues: [...this.#owned.values()]
        .map((owned) => ({
          ...owned.queue,
          ...owned.progress(),
          isLocked: this.#leases?.isHeld(owned.queue) ?? false,
          lastLockTimeMs: 0,
        }))
        .sort(compareQueues),
    }
  }

  #addressOf(queue: MessageQueue, find: typeof masterAddress): string {
    const route = this.#client.routes.peek(queue.topic)?.route
    const address = route === undefined ? null : find(route, queue.brokerName)
    if (address !== null) return address
    throw new MqError('UNREACHABLE', `broker ${queue.brokerName} is not in the route`)
  }
}

/** For administrators to see; brokers do not act on it. */
function consumeFromWhere(settings: ConsumerSettings): string {
  switch (settings.from?.kind) {
    case 'start':
      return 'CONSUME_FROM_FIRST_OFFSET'
    case 'time':
      return 'CONSUME_FROM_TIMESTAMP'
    default:
      return 'CONSUME_FROM_LAST_OFFSET'
  }
}
