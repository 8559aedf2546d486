// The topics of a broker: making, altering and deleting them. Each change is durable before it is
// answered, and the nameservers have been told (as far as they can be reached in a bounded time), so
// that whoever asked finds the route right after.

import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX, TOPIC_COUNT_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { checkTopicName } from '../core/names.ts'
import { PERMISSION } from '../remoting/codes.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BrokerConfig } from './config.ts'
import type { BrokerState, Topic } from './state.ts'
import type { StateWriter } from './state-writer.ts'
import { isSystemTopic, systemTopics } from './system-topics.ts'

const PERMISSION_MAX = PERMISSION.read | PERMISSION.write | PERMISSION.inherit

export interface TopicsOptions {
  config: BrokerConfig
  state: BrokerState
  writer: StateWriter
  logger: Logger
  /** Resolves when the nameservers know the topics as they are now, or cannot be told in time. */
  announce: () => Promise<void>
}

export class Topics {
  readonly #options: TopicsOptions
  /** Topics on their way into the log, so that a burst of sends to a new topic makes it once. */
  readonly #beingMade = new Map<string, Promise<Topic>>()

  constructor(options: TopicsOptions) {
    this.#options = options
  }

  /** Throws TOPIC_INVALID, NO_PERMISSION or USAGE; resolves once the change is durable and told. */
  async put(topic: TopicConfig): Promise<void> {
    checkTopicName(topic.name)
    this.#refuseSystemTopic(topic.name)
    checkQueueCount('read', topic.readQueueCount)
    checkQueueCount('write', topic.writeQueueCount)
    const { permission } = topic
    if (permission < 0 || permission > PERMISSION_MAX) {
      throw new MqError('USAGE', `invalid permission ${permission} of topic ${topic.name}`, {
        hint: 'use 2 (write), 4 (read) or 6 (both)',
      })
    }
    this.#checkRoom(topic.name)
    await this.#options.writer.write({ kind: 'put-topic', ...topic })
    this.#options.logger.info(
      `topic ${topic.name}: ${topic.readQueueCount} read and ${topic.writeQueueCount} write queues, permission ${permission}`,
    )
    await this.#options.announce()
  }

  /** Deleting what is not there is a success: the caller may be repeating a lost request. */
  async delete(name: string): Promise<void> {
    this.#refuseSystemTopic(name)
    const topic = this.#options.state.topics.get(name)
    if (topic === undefined) return
    await this.#options.writer.write({ kind: 'delete-topic', name, id: topic.id })
    this.#options.logger.info(`topic ${name}: deleted (id ${topic.id})`)
    await this.#options.announce()
  }

  /**
   * The topic of that name, made like this if there is none. Resolves once it is durable and does
   * not wait for the nameservers: its first sender is here already.
   */
  ensure(topic: TopicConfig): Promise<Topic> {
    const { state, writer } = this.#options
    const known = state.topics.get(topic.name)
    if (known !== undefined) return Promise.resolve(known)
    let making = this.#beingMade.get(topic.name)
    if (making === undefined) {
      making = this.#make(topic, writer)
      this.#beingMade.set(topic.name, making)
      const done = (): boolean => this.#beingMade.delete(topic.name)
      making.then(done, done)
    }
    return making
  }

  /** Brings the topics that the configuration asks for in line with it. */
  async putSystemTopics(): Promise<void> {
    const { config, state, writer } = this.#options
    const wanted = systemTopics(config)
    const changes = wanted
      .filter((topic) => !isSame(topic, state.topics.get(topic.name)))
      .map((topic) => writer.write({ kind: 'put-topic', ...topic }))
    const template = systemTopics({ ...config, autoCreateTopics: true })
    for (const { name } of template) {
      const topic = state.topics.get(name)
      if (topic === undefined || wanted.some((other) => other.name === name)) continue
      // Left from a time when topics were made by sends: a route to it would promise that still.
      changes.push(writer.write({ kind: 'delete-topic', name, id: topic.id }))
    }
    await Promise.all(changes)
  }

  async #make(topic: TopicConfig, writer: StateWriter): Promise<Topic> {
    checkTopicName(topic.name)
    this.#checkRoom(topic.name)
    await writer.write({ kind: 'put-topic', ...topic })
    const made = this.#options.state.topics.get(topic.name)
    if (made !== undefined) return made
    throw new MqError('TOPIC_NOT_FOUND', `topic ${topic.name} was deleted while it was being made`)
  }

  #refuseSystemTopic(name: string): void {
    if (!isSystemTopic(name, this.#options.config)) return
    throw new MqError('USAGE', `topic ${name} belongs to the broker and cannot be changed`, {
      hint: 'choose another topic name',
    })
  }

  #checkRoom(name: string): void {
    const { topics } = this.#options.state
    if (topics.size < TOPIC_COUNT_MAX || topics.has(name)) return
    throw new MqError('USAGE', `cannot make topic ${name}: the broker has ${topics.size} topics`, {
      hint: 'delete topics that are not used any more, or add a broker',
    })
  }
}

function checkQueueCount(use: string, count: number): void {
  if (count >= 1 && count <= QUEUE_COUNT_MAX) return
  throw new MqError('USAGE', `invalid number of ${use} queues: ${count}`, {
    hint: `use 1 to ${QUEUE_COUNT_MAX}`,
  })
}

function isSame(topic: TopicConfig, known: Topic | undefined): boolean {
  if (known === undefined) return false
  return Object.entries(topic).every(([key, value]) => known[key as keyof TopicConfig] === value)
}
