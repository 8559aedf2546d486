// Takes a topic of this broker through a change of its queues, step by step (queue-change.ts decides).
// Each step is durable before it is answered, may be repeated, and leaves the topic usable: whoever
// leads the change may die between any two.

import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { checkTopicName } from '../core/names.ts'
import { type ChangePlan, queueCountOn, type TopicChange } from '../remoting/topic-change.ts'
import { queueKey } from '../store/append-log.ts'
import type { MessageStore } from '../store/message-store.ts'
import type { BrokerConfig } from './config.ts'
import {
  type ChangingTopic,
  fenced,
  finished,
  prepared,
  retired,
  runningChange,
} from './queue-change.ts'
import type { BrokerState, Topic } from './state.ts'
import type { StateWriter } from './state-writer.ts'
import { isSystemTopic } from './system-topics.ts'

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

  constructor(options: QueueChangerOptions) {
    this.#options = options
  }

  /** Readers get the queues they will have. A change that is over is replaced by the next one. */
  async prepare(name: string, plan: ChangePlan): Promise<void> {
    const { config, state } = this.#options
    checkTopicName(name)
    const topic = state.topics.get(name)
    const after = queueCountOn(plan.after, config.name)
    if (after > QUEUE_COUNT_MAX) {
      throw new MqError('USAGE', `${after} queues on broker ${config.name} are too many`, {
        hint: `use at most ${QUEUE_COUNT_MAX} per broker`,
      })
    }
    if (isSystemTopic(name, config)) {
      throw new MqError('USAGE', `topic ${name} belongs to the broker and cannot be changed`)
    }
    if (topic === undefined && after === 0) throw noTopic(config.name, name)
    const running = runningChange(topic)
    if (running !== null) {
      if (running.after.tag === plan.after.tag) return
      throw new MqError(
        'NO_PERMISSION',
        `topic ${name} on broker ${config.name} is on the way to other queues: ${running.after.queues}`,
      )
    }
    const at = { topic: name, brokerName: config.name, nowMs: this.#nowMs() }
    const known = topic === undefined ? undefined : topicConfigOf(topic)
    await this.#write(name, prepared(known, plan, at))
    if (runningChange(state.topics.get(name)) === null) {
      throw new MqError('TOPIC_EXISTS', `broker ${config.name} has, or had, another topic ${name}`)
    }
    await this.#announce(name, 'its queues are about to change')
  }

  /**
   * From now on only producers that compute with the new list are served. The cuts are taken and the
   * entry is put into the log in one go: what was accepted before lies before it.
   */
  fence(name: string): Promise<void> {
    const running = this.#fences.get(name)
    if (running !== undefined) return running
    const { topic, change } = this.#require(name)
    if (change.phase === 'finished') return Promise.resolve()
    const { config, store } = this.#options
    const isAgain = change.phase === 'fenced'
    const cuts = isAgain
      ? change.cuts
      : Array.from({ length: topic.queueIdEnd }, (_, id) =>
          store.assignedOffset(queueKey(topic.id, id)),
        )
    const at = { brokerName: config.name, nowMs: this.#nowMs(), cuts }
    const next = fenced(topicConfigOf(topic), change, at)
    const written = this.#write(name, isAgain ? renewed(topic, change, at.nowMs) : next)
    this.#fences.set(name, written)
    const done = (): boolean => this.#fences.delete(name)
    written.then(done, done)
    return written
  }

  /** The fence on its way into the log; null if there is none. */
  fencing(name: string): Promise<void> | null {
    return this.#fences.get(name) ?? null
  }

  async fenceAndTell(name: string): Promise<void> {
    await this.fence(name)
    await this.#announce(name, 'producers go by the new list of queues')
  }

  /** One group, or all that are left, may read what was held back. */
  async release(name: string, group: string | null): Promise<void> {
    const { topic, change } = this.#require(name)
    if (change.phase !== 'fenced' || change.isReleased) return
    const next =
      group === null
        ? { ...change, isReleased: true }
        : { ...change, releasedGroups: [...new Set([...change.releasedGroups, group])] }
    await this.#write(name, { config: topicConfigOf(topic), change: next })
  }

  async close(name: string): Promise<void> {
    const { topic, change } = this.#require(name)
    if (change.phase === 'prepared') throw notFenced(name)
    if (change.isClosed) return
    await this.#write(name, {
      config: topicConfigOf(topic),
      change: { ...change, isClosed: true },
    })
  }

  async retire(name: string): Promise<void> {
    const { topic, change } = this.#require(name)
    if (!change.isClosed) throw notFenced(name)
    const next = retired(topicConfigOf(topic), change, { brokerName: this.#options.config.name })
    await this.#write(name, next)
    await this.#announce(name, 'queues are gone')
  }

  async finish(name: string): Promise<void> {
    const { topic, change } = this.#require(name)
    if (change.phase === 'prepared') throw notFenced(name)
    if (change.phase === 'finished') return
    await this.#write(name, finished(topicConfigOf(topic), change, this.#nowMs()))
    await this.#announce(name, 'the change of its queues is over')
  }

  #require(name: string): { topic: Topic; change: TopicChange } {
    const { state, config } = this.#options
    const topic = state.topics.get(name)
    if (topic === undefined) throw noTopic(config.name, name)
    const { change } = topic
    if (change !== undefined) return { topic, change }
    throw new MqError(
      'NO_PERMISSION',
      `no change of the queues of topic ${name} was prepared on broker ${config.name}`,
    )
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

function renewed(topic: Topic, change: TopicChange, nowMs: number): ChangingTopic {
  return { config: topicConfigOf(topic), change: { ...change, untilMs: nowMs + change.holdMs } }
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
