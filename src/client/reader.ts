// Reads a topic without a group: nothing is committed, nobody shares. What is read ahead is bounded.

import { describeError, MqError } from '../core/errors.ts'
import { PULL_MESSAGES_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import type { Client, Participant } from './client.ts'
import { type MessageQueue, queueName, type ReceivedMessage } from './message.ts'
import { Pauses } from './pauses.ts'
import { readAddress, readableQueues } from './publish-queues.ts'
import { fetchQueueBounds, fetchStartOffset, pullMessages, type QueueAt } from './queue-calls.ts'
import type { StartPosition } from './start-position.ts'
import { TagFilter } from './tag-filter.ts'

/** A group that every RocketMQ broker knows and that administrators' tools read under. */
const READER_GROUP = 'TOOLS_CONSUMER'
const SUSPEND_MS = 15_000
const ERROR_WAIT_MS = 1_000
/** Reading up to the end gives up on a queue whose broker fails for this long. */
const GIVE_UP_MS = 10_000

export interface ReaderOptions {
  topic: string
  from: StartPosition
  /** True: go on for ever. False: stop at what was the end of each queue when reading began. */
  follows: boolean
  /** "*" (default) or tags: "a || b". */
  tags?: string
  bufferedMessagesMax?: number
  bufferedBytesMax?: number
}

/** `for await (const message of reader)`; in order within each queue. */
export class Reader implements AsyncIterable<ReceivedMessage> {
  readonly #client: Client
  readonly #options: ReaderOptions
  readonly #filter: TagFilter
  readonly #version: bigint
  readonly #participant: Participant
  readonly #bounds: { messages: number; bytes: number }
  /** Woken when there is something to read, or nothing more to come. */
  readonly #news: Pauses
  /** Woken when there is room to read ahead. */
  readonly #room: Pauses
  readonly #known = new Set<string>()
  #buffer: ReceivedMessage[] = []
  #bufferedBytes = 0
  #runningCount = 0
  #failure: unknown = null
  #beginning: Promise<void> | null = null
  #stopListening: (() => void) | null = null
  #isClosed = false

  constructor(client: Client, options: ReaderOptions) {
    checkTopicName(options.topic)
    const { bufferedMessagesMax = 2_000, bufferedBytesMax = 32 * 1024 * 1024, tags } = options
    const { clock } = client.options
    this.#client = client
    this.#options = options
    this.#filter = new TagFilter(tags)
    this.#version = BigInt(clock.wallMs())
    this.#bounds = { messages: bufferedMessagesMax, bytes: bufferedBytesMax }
    this.#news = new Pauses(clock)
    this.#room = new Pauses(clock)
    this.#participant = {
      producerGroup: null,
      consumer: null,
      topics: () => [],
      onMembersChanged: () => {},
      close: () => this.close(),
    }
    client.join(this.#participant)
  }

  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.close()
        return { done: true, value: undefined }
      },
    }
  }

  /** Ends the iteration. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopListening?.()
    this.#news.end()
    this.#room.end()
    await this.#client.leave(this.#participant)
  }

  async #next(): Promise<IteratorResult<ReceivedMessage>> {
    this.#beginning ??= this.#begin()
    await this.#beginning
    for (;;) {
      if (this.#isClosed) return { done: true, value: undefined }
      const message = this.#buffer.shift()
      if (message !== undefined) {
        this.#bufferedBytes -= message.body.length
        if (!this.#isFull) this.#room.wakeAll()
        return { done: false, value: message }
      }
      if (this.#failure !== null) {
        await this.close()
        throw this.#failure
      }
      if (this.#runningCount === 0 && !this.#options.follows) {
        await this.close()
        return { done: true, value: undefined }
      }
      await this.#news.untilWoken()
    }
  }

  get #isFull(): boolean {
    return this.#buffer.length >= this.#bounds.messages || this.#bufferedBytes >= this.#bounds.bytes
  }

  async #begin(): Promise<void> {
    const { topic, from, follows } = this.#options
    try {
      const entry = await this.#client.routes.get(topic)
      const beganMs = this.#client.options.clock.wallMs()
      // All of them before the first is read: "the end" is one moment for the whole topic.
      await this.#startQueues(readableQueues(topic, entry.route), from)
      if (!follows || this.#isClosed) return
      this.#stopListening = this.#client.routes.onChange((change) => {
        if (change.topic !== topic) return
        const queues = readableQueues(topic, change.route)
        this.#startQueues(queues, positionOfNewQueues(from, beganMs)).catch((error) => {
          this.#client.options.logger.warn(`new queues of ${topic}: ${describeError(error)}`)
        })
      })
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async #startQueues(queues: readonly MessageQueue[], from: StartPosition): Promise<void> {
    const fresh = queues.filter((queue) => !this.#known.has(queueName(queue)))
    const { caller } = this.#client
    const ranges = await Promise.all(
      fresh.map(async (queue) => {
        const at = this.#at(queue)
        const [startOffset, bounds] = await Promise.all([
          fetchStartOffset(caller, at, from),
          fetchQueueBounds(caller, at),
        ])
        return { queue, startOffset, endOffset: bounds.maxOffset }
      }),
    )
    for (const range of ranges) {
      const name = queueName(range.queue)
      if (this.#known.has(name)) continue
      this.#known.add(name)
      void this.#readQueue(range)
    }
  }

  /** Never rejects. */
  async #readQueue(range: {
    queue: MessageQueue
    startOffset: number
    endOffset: number
  }): Promise<void> {
    const { follows } = this.#options
    const { clock, logger } = this.#client.options
    let offset = range.startOffset
    let failingSinceMs: number | null = null
    this.#runningCount++
    while (!this.#isClosed && (follows || offset < range.endOffset)) {
      if (this.#isFull) {
        await this.#room.untilWoken()
        continue
      }
      try {
        offset = await this.#pull(range.queue, offset, follows ? null : range.endOffset)
        failingSinceMs = null
      } catch (error) {
        if (this.#isClosed) break
        failingSinceMs ??= clock.monoMs()
        const isHopeless = error instanceof MqError && !error.isRetriable
        if (isHopeless || (!follows && clock.monoMs() - failingSinceMs >= GIVE_UP_MS)) {
          this.#failure ??= readError(range.queue, offset, error)
          break
        }
        logger.warn(`reading ${queueName(range.queue)}: ${describeError(error)}`)
        void this.#client.routes.refreshAfterError(range.queue.topic)
        await this.#room.sleep(ERROR_WAIT_MS)
      }
    }
    this.#runningCount--
    this.#news.wakeAll()
  }

  /** Returns where to go on. */
  async #pull(queue: MessageQueue, offset: number, endOffset: number | null): Promise<number> {
    const outcome = await pullMessages(this.#client.caller, this.#at(queue), {
      group: READER_GROUP,
      offset,
      messagesMax: PULL_MESSAGES_MAX,
      suspendMs: endOffset === null ? SUSPEND_MS : 0,
      subscription: this.#filter.expression,
      subscriptionVersion: this.#version,
      commitOffset: null,
    })
    if (outcome.kind === 'moved') {
      this.#client.options.logger.warn(
        `${queueName(queue)} has no offset ${offset} any more, going on at ${outcome.nextOffset}`,
      )
      return outcome.nextOffset
    }
    for (const message of outcome.messages) {
      if (message.queueOffset < offset || !this.#filter.matches(message)) continue
      if (endOffset !== null && message.queueOffset >= endOffset) continue
      this.#buffer.push(message)
      this.#bufferedBytes += message.body.length
    }
    this.#news.wakeAll()
    // An answer that neither brings messages nor moves on must not become a busy loop.
    if (endOffset !== null && outcome.nextOffset <= offset) await this.#room.sleep(ERROR_WAIT_MS)
    return Math.max(offset, outcome.nextOffset)
  }

  #at(queue: MessageQueue): QueueAt {
    const route = this.#client.routes.peek(queue.topic)?.route
    const address = route === undefined ? null : readAddress(route, queue.brokerName)
    if (address !== null) return { queue, address }
    throw new MqError('UNREACHABLE', `broker ${queue.brokerName} is not in the route`)
  }
}

/**
 * Queues that appear while following: everything in them is newer than the start, unless their broker
 * was only away; then what it had before is old.
 */
function positionOfNewQueues(from: StartPosition, beganMs: number): StartPosition {
  if (from.kind === 'end' || from.kind === 'last') return { kind: 'time', timestampMs: beganMs }
  return from.kind === 'time' ? from : { kind: 'start' }
}

function readError(queue: MessageQueue, offset: number, error: unknown): MqError {
  const known = error instanceof MqError ? error : null
  return new MqError(
    known?.code ?? 'INTERNAL',
    `cannot read ${queueName(queue)} at offset ${offset}: ${describeError(error)}`,
    {
      hint: known?.hint ?? `see the topic and its brokers with: mq route ${queue.topic} --probe`,
      cause: error,
    },
  )
}
