// The topics of a broker: making, altering and deleting them. Each change is durable before it is
// answered, and the nameservers have been told (as far as they can be reached in a bounded time), so
// that whoever asked finds the route right after.
//
// Every topic has a birth id, the same on all its brokers, except those of the broker itself. Deleting
// buries ids: one entry of the log ends the topic here and is the tombstone that spreads.

import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { checkTopicName } from '../core/names.ts'
import type { Random } from '../core/random.ts'
import { PERMISSION } from '../remoting/codes.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BuriedTopic, TwinBirths } from '../remoting/topic-life.ts'
import type { BrokerConfig } from './config.ts'
import { runningChange } from './queue-change.ts'
import type { BrokerState, Topic } from './state.ts'
import type { StateWriter } from './state-writer.ts'
import { isSystemTopic, systemTopics } from './system-topics.ts'
import { workOutBirthId } from './topic-births.ts'
import { checkTopicRoom } from './topic-room.ts'

const PERMISSION_MAX = PERMISSION.read | PERMISSION.write | PERMISSION.inherit

export interface TopicsOptions {
  config: BrokerConfig
  state: BrokerState
  writer: StateWriter
  clock: Clock
  random: Random
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

  /**
   * Makes the topic, or alters the one there is. Throws TOPIC_INVALID, USAGE, TOPIC_EXISTS (there is
   * another topic of that name) or TOPIC_NOT_FOUND (this very topic was deleted meanwhile); resolves
   * once the change is durable and told.
   */
  async put(topic: TopicConfig): Promise<void> {
    checkTopicName(topic.name)
    this.#refuseSystemTopic(topic.name)
    checkQueueCount('read', topic.readQueueCount)
    checkQueueCount('write', topic.writeQueueCount)
    const { permission, birthId } = topic
    if (permission < 0 || permission > PERMISSION_MAX) {
      throw new MqError('USAGE', `invalid permission ${permission} of topic ${topic.name}`, {
        hint: 'use 2 (write), 4 (read) or 6 (both)',
      })
    }
    checkTopicRoom(this.#options.state.topics, topic.name)
    this.#refuseWhileChanging(topic.name)
    await this.#options.writer.write({ kind: 'put-topic', ...this.#withBirthId(topic) })
    // Whether it was another topic's name, or deleted, is certain only in the order of the log.
    if (birthId !== undefined) this.#checkBirth(topic.name, birthId)
    this.#options.logger.info(
      `topic ${topic.name}: ${topic.readQueueCount} read and ${topic.writeQueueCount} write queues, permission ${permission}`,
    )
    await this.#options.announce()
  }

  /**
   * Deletes the topic with these birth ids, wherever it is. What is here under this name but was born
   * otherwise stays: it was made after whoever asks had looked, and a repeated request must not take
   * it. Deleting what is not there is a success.
   */
  async deleteEverywhere(name: string, birthIds: readonly string[]): Promise<void> {
    this.#refuseSystemTopic(name)
    const { state, clock, random } = this.#options
    const fresh = new Set(birthIds.filter((birthId) => !state.tombstones.has(birthId)))
    if (fresh.size === 0) return
    const knownId = state.topics.get(name)?.birthId
    // What a broker that is away would have called it, had nobody told it an id.
    if (knownId === undefined || fresh.has(knownId)) {
      fresh.add(workOutBirthId(name, state.tombstones, random))
    }
    const deletedMs = clock.wallMs()
    await this.bury([...fresh].map((birthId) => ({ name, birthId, deletedMs })))
  }

  /** Resolves once it is durable and told. */
  async bury(topics: readonly BuriedTopic[]): Promise<void> {
    const { state, writer, logger, announce } = this.#options
    const here = topics.filter(({ name, birthId }) => state.topics.get(name)?.birthId === birthId)
    await writer.write({ kind: 'bury-topics', topics: [...topics] })
    for (const { name, birthId } of here) logger.info(`topic ${name}: deleted (born ${birthId})`)
    await announce()
  }

  /** Resolves once it is durable and told. */
  async noteTwins(births: TwinBirths): Promise<void> {
    const { writer, logger, announce } = this.#options
    await writer.write({ kind: 'note-twins', ...births })
    const { name, birthId, twinIds } = births
    logger.info(`topic ${name} (born ${birthId}) was made elsewhere too (${twinIds.join(', ')})`)
    await announce()
  }

  /** As RocketMQ's tools delete, broker by broker. Deleting what is not there is a success. */
  async deleteHere(name: string): Promise<void> {
    this.#refuseSystemTopic(name)
    const topic = this.#options.state.topics.get(name)
    if (topic === undefined) return
    await this.#options.writer.write({ kind: 'delete-topic', name, id: topic.id })
    this.#options.logger.info(`topic ${name}: deleted here (id ${topic.id})`)
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
    await Promise.all([...changes, ...this.#giveBirthIds()])
  }

  /** Data folders from before topics had birth ids. */
  #giveBirthIds(): Promise<void>[] {
    const { config, state, writer } = this.#options
    return [...state.topics.values()]
      .filter(({ name, birthId }) => birthId === undefined && !isSystemTopic(name, config))
      .map((topic) => {
        const { id: _id, createdMs: _createdMs, queueIdEnd: _end, heirs: _heirs, ...rest } = topic
        return writer.write({ kind: 'put-topic', ...this.#withBirthId(rest) })
      })
  }

  /** A topic keeps the id it was born with, and gets one if whoever makes it has none for it. */
  #withBirthId(topic: TopicConfig): TopicConfig {
    const { state, random } = this.#options
    if (topic.birthId !== undefined) return topic
    const birthId = state.topics.get(topic.name)?.birthId
    return { ...topic, birthId: birthId ?? workOutBirthId(topic.name, state.tombstones, random) }
  }

  #checkBirth(name: string, birthId: string): void {
    const { state, config } = this.#options
    const known = state.topics.get(name)
    if (known?.birthId === birthId) return
    if (known !== undefined && !state.tombstones.has(birthId)) {
      throw new MqError('TOPIC_EXISTS', `broker ${config.name} has another topic ${name} already`, {
        hint: `look at it with: mq topic show ${name}`,
      })
    }
    throw new MqError('TOPIC_NOT_FOUND', `topic ${name} (born ${birthId}) was deleted`, {
      hint: `make a new one with: mq topic create ${name}`,
    })
  }

  async #make(topic: TopicConfig, writer: StateWriter): Promise<Topic> {
    checkTopicName(topic.name)
    checkTopicRoom(this.#options.state.topics, topic.name)
    await writer.write({ kind: 'put-topic', ...this.#withBirthId(topic) })
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

  /** Another number of queues in the middle would undo what keeps the order of keys. */
  #refuseWhileChanging(name: string): void {
    const change = runningChange(this.#options.state.topics.get(name))
    if (change === null) return
    throw new MqError('NO_PERMISSION', `the queues of topic ${name} are being changed now`, {
      hint: `that change goes to ${change.after.queues}; let "mq topic alter" complete it first`,
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
