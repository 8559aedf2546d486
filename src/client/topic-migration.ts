// Moves a topic into a new one: copies what is stored, closes the old one to writers, copies the rest.
// For when a change of queues in place does not do: producers of other makes that must keep the order
// of keys, or another number of queues at once. Clients must be told the new name; nothing here can do
// that. Consumers start at the new topic's beginning, producers when the copy is complete.
//
// Messages of one key keep their order if they were in one queue of the old topic. Bodies, keys, tags,
// flags and the application's properties are copied; ids, times and offsets are new. How far the copy
// is lies at the brokers as the offsets of a group, so that calling it again goes on; what was copied
// just before an interruption is then copied once more.

import { MqError } from '../core/errors.ts'
import { PULL_MESSAGES_MAX } from '../core/limits.ts'
import { PERMISSION } from '../remoting/codes.ts'
import { PROPERTY, TRANSPORT_PROPERTIES } from '../remoting/properties.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { findTopicViews, requireRoute } from './admin-peers.ts'
import type { Client } from './client.ts'
import type { MessageQueue, OutgoingMessage, ReceivedMessage } from './message.ts'
import { Producer } from './producer.ts'
import { publishQueues, readAddress, readableQueues } from './publish-queues.ts'
import {
  commitOffset,
  fetchCommittedOffset,
  fetchQueueBounds,
  pullMessages,
  type QueueAt,
} from './queue-calls.ts'
import { TopicAdmin } from './topic-admin.ts'
import { createTopic } from './topic-creation.ts'

/** A message of the copy may have to wait for a broker that restarts. */
const SEND_TIMEOUT_MS = 30_000

export interface MigrationProgress {
  step: 'create' | 'copy' | 'close' | 'rest'
  copiedCount: number
}

export interface MigrationOptions {
  source: string
  target: string
  /** Of the target if it has to be made; as many as the source takes writes in if absent. */
  queueCount?: number
  onProgress?: (progress: MigrationProgress) => void
}

export interface MigrationOutcome {
  source: string
  target: string
  queueCount: number
  /** By this call. */
  copiedCount: number
  /** Whether an earlier call had begun. */
  isResumed: boolean
}

/** Rejects with TOPIC_EXISTS if the target holds messages that no earlier call put there. */
export async function migrateTopic(
  client: Client,
  options: MigrationOptions,
): Promise<MigrationOutcome> {
  const { source, target } = options
  if (source === target) {
    throw new MqError('USAGE', `${source} cannot be moved into itself`, {
      hint: `name another topic: mq topic migrate ${source} ${source}-2`,
    })
  }
  const { route } = await requireRoute(client, source)
  const migration = new Migration(client, options, route)
  const isResumed = await migration.wasBegun()
  const queueCount = await migration.makeTarget(isResumed)
  const producer = new Producer(client, {
    group: 'mq-migrate',
    policy: { kind: 'key-hash' },
    timeoutMs: SEND_TIMEOUT_MS,
  })
  try {
    await migration.copy(producer, 'copy')
    await migration.closeSource()
    // Whatever was accepted before the source was closed is visible now.
    await migration.copy(producer, 'rest')
  } finally {
    await producer.close()
  }
  return { source, target, queueCount, copiedCount: migration.copiedCount, isResumed }
}

class Migration {
  copiedCount = 0
  readonly #client: Client
  readonly #options: MigrationOptions
  readonly #queues: QueueAt[]
  readonly #route: TopicRoute
  readonly #group: string

  constructor(client: Client, options: MigrationOptions, route: TopicRoute) {
    this.#client = client
    this.#options = options
    this.#route = route
    this.#group = `migrate-to-${options.target}`
    this.#queues = readableQueues(options.source, route).map((queue) => ({
      queue,
      address: requireAddress(route, queue),
    }))
  }

  async wasBegun(): Promise<boolean> {
    const offsets = await Promise.all(this.#queues.map((at) => this.#committed(at)))
    return offsets.some((offset) => offset !== null)
  }

  /** Resolves with the number of its queues. */
  async makeTarget(isResumed: boolean): Promise<number> {
    const { source, target } = this.#options
    this.#tell('create')
    const { routes } = await findTopicViews(this.#client, target)
    const known = routes[0]?.value
    if (known !== undefined) {
      if (!isResumed && (await this.#holdsMessages(target, known))) {
        throw new MqError('TOPIC_EXISTS', `topic "${target}" holds messages of its own`, {
          hint: `choose another name: mq topic migrate ${source} ${target}-2`,
        })
      }
      return publishQueues(target, known).length
    }
    const writableCount = publishQueues(source, this.#route).length
    const queueCount = this.#options.queueCount ?? (writableCount || this.#queues.length)
    const cluster = this.#route.brokers[0]?.cluster
    await createTopic(this.#client, {
      topic: target,
      queueCount,
      ...(cluster === undefined ? {} : { cluster }),
    })
    return queueCount
  }

  /** Up to what is the end of each queue now. */
  async copy(producer: Producer, step: 'copy' | 'rest'): Promise<void> {
    await Promise.all(this.#queues.map((at) => this.#copyQueue(producer, at, step)))
  }

  async closeSource(): Promise<void> {
    this.#tell('close')
    const { source } = this.#options
    const closed = await new TopicAdmin(this.#client).alter({
      topic: source,
      permission: PERMISSION.read,
    })
    const failed = closed.failures[0]
    if (failed === undefined) return
    throw new MqError('PARTIAL', `${source} still takes messages: ${failed.error.message}`, {
      hint: 'repeat the command: it goes on where it stopped',
      cause: failed.error,
    })
  }

  async #copyQueue(producer: Producer, at: QueueAt, step: 'copy' | 'rest'): Promise<void> {
    const { caller } = this.#client
    const { minOffset, maxOffset } = await fetchQueueBounds(caller, at)
    let offset = Math.max((await this.#committed(at)) ?? 0, minOffset)
    while (offset < maxOffset) {
      const outcome = await pullMessages(caller, at, {
        group: this.#group,
        offset,
        messagesMax: PULL_MESSAGES_MAX,
        suspendMs: 0,
        subscription: '*',
        subscriptionVersion: BigInt(this.#client.options.clock.wallMs()),
        commitOffset: null,
      })
      const { nextOffset } = outcome
      // What goes together arrives in the order of the calls, per key.
      const messages = outcome.kind === 'messages' ? outcome.messages : []
      await Promise.all(messages.map((message) => producer.send(this.#copyOf(message))))
      this.copiedCount += messages.length
      this.#tell(step)
      if (nextOffset <= offset) throw stuck(at.queue, offset)
      offset = nextOffset
      await commitOffset(caller, at, { group: this.#group, offset })
    }
  }

  #copyOf({ body, flag, properties }: ReceivedMessage): OutgoingMessage {
    const key = properties[PROPERTY.keys]
    const tag = properties[PROPERTY.tags]
    const own = Object.entries(properties).filter(([name]) => !TRANSPORT_PROPERTIES.has(name))
    return {
      topic: this.#options.target,
      body,
      flag,
      properties: Object.fromEntries(own),
      ...(key === undefined ? {} : { key }),
      ...(tag === undefined ? {} : { tag }),
    }
  }

  #committed(at: QueueAt): Promise<number | null> {
    return fetchCommittedOffset(this.#client.caller, at, { group: this.#group, isExact: true })
  }

  async #holdsMessages(topic: string, route: TopicRoute): Promise<boolean> {
    const bounds = await Promise.all(
      readableQueues(topic, route).map((queue) =>
        fetchQueueBounds(this.#client.caller, { queue, address: requireAddress(route, queue) }),
      ),
    )
    return bounds.some(({ maxOffset }) => maxOffset > 0)
  }

  #tell(step: MigrationProgress['step']): void {
    this.#options.onProgress?.({ step, copiedCount: this.copiedCount })
  }
}

function requireAddress(route: TopicRoute, { brokerName }: MessageQueue): string {
  const address = readAddress(route, brokerName)
  if (address !== null) return address
  throw new MqError('UNREACHABLE', `broker ${brokerName} has no address in the route`)
}

function stuck({ topic, brokerName, queueId }: MessageQueue, offset: number): MqError {
  return new MqError(
    'UNREACHABLE',
    `queue ${queueId} of ${topic} on ${brokerName} gives nothing from offset ${offset} on`,
    { hint: `is the topic being changed? mq topic show ${topic}` },
  )
}
