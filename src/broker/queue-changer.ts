// Takes a topic of this broker through a change of its queues, step by step (queue-change.ts decides).
// Each step is durable before it is answered, may be repeated, and leaves the topic usable: whoever
// leads the change may die between any two. A change that nobody has led for as long as its plan says
// is given up here: producers by key must not wait for a leader, or a broker, that never comes back.

import type { Clock, Timer } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { CHANGE_ATTEMPT_STEP_MAX, QUEUE_COUNT_MAX, RELEASED_GROUPS_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import { type ChangePlan, queueCountOn, type TopicChange } from '../remoting/topic-change.ts'
import { queueKey } from '../store/append-log.ts'
import type { MessageStore } from '../store/message-store.ts'
import type { BrokerConfig } from './config.ts'
import {
  abandoned,
  type ChangingTopic,
  fenced,
  finished,
  preparation,
  prepared,
  retired,
  runningChange,
} from './queue-change.ts'
import type { BrokerState, Topic } from './state.ts'
import type { StateWriter } from './state-writer.ts'
import { isSystemTopic } from './system-topics.ts'
import { checkTopicRoom } from './topic-room.ts'

const ABANDONED_CHECK_INTERVAL_MS = 10_000

export interface QueueChangerOptions {
  config: BrokerConfig
  state: BrokerState
  writer: StateWriter
  store: MessageStore
  clock: Clock
  logger: Logger
  announce: () => Promise<void>
}

export class QueueChanger {
  readonly #options: QueueChangerOptions
  /** Topic → its fence, on the way into the log. */
  readonly #fences = new Map<string, Promise<void>>()
  /** Topic → the last of its steps that wait for each other: each decides by what the one before left. */
  readonly #turns = new Map<string, Promise<void>>()
  #timer: Timer | null = null

  constructor(options: QueueChangerOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = this.#options.clock.every(ABANDONED_CHECK_INTERVAL_MS, () => this.#giveUp())
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /**
   * Readers get the queues they will have. A change that is over, or that no broker has fenced, is
   * replaced by one with a higher attempt; a fenced one only if that is forced.
   */
  async prepare(name: string, plan: ChangePlan, { isForced = false } = {}): Promise<void> {
    const { config } = this.#options
    checkTopicName(name)
    const after = queueCountOn(plan.after, config.name)
    if (after > QUEUE_COUNT_MAX) {
      throw new MqError('USAGE', `${after} queues on broker ${config.name} are too many`, {
        hint: `use at most ${QUEUE_COUNT_MAX} per broker`,
      })
    }
    if (isSystemTopic(name, config)) {
      throw new MqError('USAGE', `topic ${name} belongs to the broker and cannot be changed`)
    }
    await this.#inTurn(name, () => this.#prepare(name, plan, isForced))
    await this.#announce(name, 'its queues are about to change')
  }

  async #prepare(name: string, plan: ChangePlan, isForced: boolean): Promise<void> {
    const { config, state } = this.#options
    const topic = state.topics.get(name)
    if (topic === undefined && queueCountOn(plan.after, config.name) === 0) {
      throw noTopic(config.name, name)
    }
    checkTopicRoom(state.topics, name)
    const attemptMax = (topic?.change?.attempt ?? 0) + CHANGE_ATTEMPT_STEP_MAX
    if (plan.attempt > attemptMax) {
      throw new MqError(
        'USAGE',
        `attempt ${plan.attempt} at topic ${name} is out of all proportion`,
      )
    }
    const at = { topic: name, brokerName: config.name, nowMs: this.#nowMs() }
    switch (preparation(topic?.change, plan, { isForced })) {
      case 'refuse':
        throw this.#overruled(name, topic?.change as TopicChange)
      case 'renew':
        return this.#renew(name, plan)
      case 'begin':
    }
    const known = topic === undefined ? undefined : topicConfigOf(topic)
    await this.#write(name, prepared(known, plan, at))
    if (runningChange(state.topics.get(name)) === null) {
      throw new MqError('TOPIC_EXISTS', `broker ${config.name} has, or had, another topic ${name}`)
    }
  }

  /** Somebody leads it again. */
  async #renew(name: string, { holdMs }: Pick<ChangePlan, 'holdMs'>): Promise<void> {
    const topic = this.#options.state.topics.get(name)
    const change = runningChange(topic)
    if (topic === undefined || change === null) return
    const untilMs = this.#nowMs() + holdMs
    await this.#write(name, {
      config: topicConfigOf(topic),
      change: { ...change, holdMs, untilMs },
    })
  }

  /**
   * From now on only producers that compute with the new list are served. The cuts are taken and the
   * entry is put into the log in one go: what was accepted before lies before it.
   */
  async fence(name: string, attempt: number): Promise<void> {
    // Of another attempt perhaps: what that one did is seen in turn.
    const running = this.#fences.get(name)
    if (running !== undefined) await running.catch(() => {})
    const written = this.#inTurn(name, () => this.#fence(name, attempt))
    this.#fences.set(name, written)
    const done = (): boolean => this.#fences.get(name) === written && this.#fences.delete(name)
    written.then(done, done)
    return written
  }

  async #fence(name: string, attempt: number): Promise<void> {
    const { topic, change } = this.#require(name, attempt)
    if (change.phase === 'finished') return
    if (change.phase === 'fenced') return this.#renew(name, change)
    const { config, store } = this.#options
    const cuts = Array.from({ length: topic.queueIdEnd }, (_, id) =>
      store.assignedOffset(queueKey(topic.id, id)),
    )
    const at = { brokerName: config.name, nowMs: this.#nowMs(), cuts }
    await this.#write(name, fenced(topicConfigOf(topic), change, at))
  }

  /** The fence on its way into the log; null if there is none. */
  fencing(name: string): Promise<void> | null {
    return this.#fences.get(name) ?? null
  }

  async fenceAndTell(name: string, attempt: number): Promise<void> {
    await this.fence(name, attempt)
    await this.#announce(name, 'producers go by the new list of queues')
  }

  /** One group, or all that are left, may read what was held back. */
  async release(name: string, attempt: number, group: string | null): Promise<void> {
    if (group !== null) checkGroupName(group)
    return this.#inTurn(name, async () => {
      const { topic, change } = this.#require(name, attempt)
      if (change.phase !== 'fenced' || change.isReleased) return
      if (group !== null && change.releasedGroups.includes(group)) return
      if (group !== null && change.releasedGroups.length >= RELEASED_GROUPS_MAX) {
        throw new MqError('BROKER_BUSY', `${RELEASED_GROUPS_MAX} groups of ${name} are released`, {
          hint: `release all that are left with: mq topic alter ${name} --force`,
        })
      }
      const next =
        group === null
          ? { ...change, isReleased: true }
          : { ...change, releasedGroups: [...change.releasedGroups, group] }
      await this.#write(name, { config: topicConfigOf(topic), change: next })
    })
  }

  close(name: string, attempt: number): Promise<void> {
    return this.#inTurn(name, async () => {
      const { topic, change } = this.#require(name, attempt)
      if (change.phase === 'prepared') throw notFenced(name)
      if (change.isClosed) return
      const next = { ...change, isClosed: true }
      await this.#write(name, { config: topicConfigOf(topic), change: next })
    })
  }

  async retire(name: string, attempt: number): Promise<void> {
    await this.#inTurn(name, async () => {
      const { topic, change } = this.#require(name, attempt)
      if (!change.isClosed) throw notFenced(name)
      const { name: brokerName } = this.#options.config
      await this.#write(name, retired(topicConfigOf(topic), change, { brokerName }))
    })
    await this.#announce(name, 'queues are gone')
  }

  async finish(name: string, attempt: number): Promise<void> {
    await this.#inTurn(name, async () => {
      const { topic, change } = this.#require(name, attempt)
      if (change.phase === 'prepared') throw notFenced(name)
      if (change.phase === 'finished') return
      await this.#write(name, finished(topicConfigOf(topic), change, this.#nowMs()))
    })
    await this.#announce(name, 'the change of its queues is over')
  }

  #giveUp(): void {
    const { state, logger } = this.#options
    for (const [name, topic] of state.topics) {
      if (!this.#isAbandoned(topic)) continue
      this.#abandon(name).catch((error) =>
        logger.warn(`topic ${name} stays in its change of queues: ${describeError(error)}`),
      )
    }
  }

  async #abandon(name: string): Promise<void> {
    await this.#inTurn(name, async () => {
      const topic = this.#options.state.topics.get(name)
      const change = runningChange(topic)
      if (topic === undefined || change === null || !this.#isAbandoned(topic)) return
      await this.#write(name, abandoned(topicConfigOf(topic), change, this.#nowMs()))
    })
    await this.#announce(name, 'nobody leads the change of its queues any more, it is given up')
  }

  #isAbandoned(topic: Topic): boolean {
    const change = runningChange(topic)
    return change !== null && this.#nowMs() >= change.untilMs
  }

  /** The change of this very attempt: whoever leads an older one has no say any more. */
  #require(name: string, attempt: number): { topic: Topic; change: TopicChange } {
    const { state, config } = this.#options
    const topic = state.topics.get(name)
    if (topic === undefined) throw noTopic(config.name, name)
    const { change } = topic
    if (change === undefined) {
      throw new MqError(
        'NO_PERMISSION',
        `no change of the queues of topic ${name} was prepared on broker ${config.name}`,
      )
    }
    if (change.attempt !== attempt) throw this.#overruled(name, change)
    if (change.phase !== 'abandoned') return { topic, change }
    throw new MqError(
      'NO_PERMISSION',
      `broker ${config.name} has given up the change of ${name}: nobody led it for ${change.holdMs} ms`,
    )
  }

  #overruled(name: string, { phase, after }: TopicChange): MqError {
    const { config } = this.#options
    return new MqError(
      'NO_PERMISSION',
      `another change of topic ${name} came first on broker ${config.name}, to ${after.queues} (${phase})`,
    )
  }

  /** One step after the other. Runs `work` at once, in this turn, where no other step is under way. */
  #inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(name)
    const running = before === undefined ? work() : before.then(work, work)
    this.#turns.set(name, running)
    const done = (): void => {
      if (this.#turns.get(name) === running) this.#turns.delete(name)
    }
    running.then(done, done)
    return running
  }

  #write(name: string, { config, change }: ChangingTopic): Promise<void> {
    return this.#options.writer.write({ kind: 'change-queues', ...config, name, change })
  }

  async #announce(name: string, what: string): Promise<void> {
    this.#options.logger.info(`topic ${name}: ${what}`)
    await this.#options.announce()
  }

  #nowMs(): number {
    return this.#options.clock.wallMs()
  }
}

function topicConfigOf(topic: Topic): ChangingTopic['config'] {
  const { name, readQueueCount, writeQueueCount, permission, systemFlag, isOrdered, birthId } =
    topic
  // Without the plan its maker had: this is another one.
  return {
    name,
    readQueueCount,
    writeQueueCount,
    permission,
    systemFlag,
    isOrdered,
    ...(birthId === undefined ? {} : { birthId }),
  }
}

function noTopic(brokerName: string, name: string): MqError {
  return new MqError('TOPIC_NOT_FOUND', `broker ${brokerName} has no topic ${name}`)
}

function notFenced(name: string): MqError {
  return new MqError('NO_PERMISSION', `the change of the queues of ${name} is not that far yet`)
}
