// Sends messages: checks them, gives each an id, bounds what is under way, and hands them to one
// sender per topic. At least once: a send that failed may have been stored all the same, and one that
// was repeated may be stored twice, under the same message id.
//
// Bodies are sent as they are. Compressing them is left to applications: a broker stores what it gets.

import { MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { checkGroupName } from '../core/names.ts'
import type { Client, Participant } from './client.ts'
import { FaultLadder } from './fault-ladder.ts'
import { InFlightGate } from './in-flight-gate.ts'
import { KeyedSender } from './keyed-sender.ts'
import type { OutgoingMessage, SendReceipt } from './message.ts'
import { MessageIds, type PreparedMessage, prepareMessage } from './prepared-message.ts'
import type { ProducerOptions, ProducerStats } from './producer-options.ts'
import { checkProducerOptions, PRODUCER_DEFAULTS } from './producer-options.ts'
import { PublishRoutes } from './publish-route.ts'
import { type KeyPolicy, keyPolicy, spreadPolicy } from './queue-policy.ts'
import { sizeOf } from './send-batch.ts'
import { SendCounters } from './send-counters.ts'
import { sendError } from './send-outcome.ts'
import { SpreadSender } from './spread-sender.ts'
import type { TopicSender, TopicSenderOptions } from './topic-sender.ts'
import { Transmitter } from './transmitter.ts'
import { TurnEnd } from './turn-end.ts'

type Settings = typeof PRODUCER_DEFAULTS & ProducerOptions

interface TopicSenders {
  spread: SpreadSender
  /** Null unless the policy goes by key. */
  keyed: KeyedSender | null
}

export class Producer {
  readonly #client: Client
  readonly #settings: Settings
  readonly #routes: PublishRoutes
  readonly #faults = new FaultLadder()
  readonly #turnEnd = new TurnEnd()
  readonly #counters = new SendCounters()
  readonly #ids: MessageIds
  readonly #gate: InFlightGate
  readonly #transmitter: Transmitter
  readonly #keyPolicy: KeyPolicy | null
  readonly #senders = new Map<string, TopicSenders>()
  readonly #participant: Participant
  #sequence = 0
  #closing: Promise<void> | null = null

  constructor(client: Client, options: ProducerOptions = {}) {
    this.#client = client
    this.#settings = { ...PRODUCER_DEFAULTS, ...options }
    const { group, policy, inFlightMessagesMax, inFlightBytesMax, onAttempt } = this.#settings
    checkGroupName(group)
    checkProducerOptions(this.#settings)
    this.#routes = new PublishRoutes(client.routes)
    this.#routes.onChange((topic, route) => {
      const senders = this.#senders.get(topic)
      senders?.spread.noteRoute(route)
      senders?.keyed?.noteRoute(route)
    })
    this.#ids = new MessageIds(client.options.random)
    this.#gate = new InFlightGate({ count: inFlightMessagesMax, bytes: inFlightBytesMax })
    this.#keyPolicy = keyPolicy(policy)
    this.#transmitter = new Transmitter({
      client,
      routes: this.#routes,
      group,
      faults: this.#faults,
      counters: this.#counters,
      onAttempt: onAttempt ?? null,
    })
    this.#participant = {
      producerGroup: group,
      consumer: null,
      topics: () => this.#senders.keys(),
      onMembersChanged: () => {},
      close: () => this.close(),
    }
    client.join(this.#participant)
  }

  /**
   * Resolves when a broker has acknowledged. Waits its turn while too much is under way; a caller
   * that pipelines should `await ready()` first, so that nothing piles up.
   */
  async send(message: OutgoingMessage): Promise<SendReceipt> {
    const receipts = await this.#submit(message.topic, [this.#prepare(message)])
    return receipts[0] as SendReceipt
  }

  /** All or none, next to each other in one queue. One topic, and together at most one batch. */
  async sendBatch(messages: readonly OutgoingMessage[]): Promise<SendReceipt[]> {
    const topic = messages[0]?.topic
    if (topic === undefined) return []
    const prepared = messages.map((message) => this.#prepare(message))
    if (messages.some((message) => message.topic !== topic)) {
      throw new MqError('MESSAGE_INVALID', 'the messages of a batch must be of one topic')
    }
    if (messages.length > 1 && prepared.some((message) => !message.isBatchable)) {
      throw new MqError('MESSAGE_INVALID', 'delayed and retried messages cannot be batched', {
        hint: 'send them one by one',
      })
    }
    const bytes = sizeOf(prepared)
    if (bytes > FRAME_BYTES_MAX / 4) {
      throw new MqError(
        'MESSAGE_TOO_LARGE',
        `a batch of ${bytes} bytes is over the limit of ${FRAME_BYTES_MAX / 4}`,
        { hint: 'send it in parts' },
      )
    }
    return this.#submit(topic, prepared)
  }

  /** Resolves when the message is on its way. It may be lost without anyone hearing of it. */
  async sendOneway(message: OutgoingMessage): Promise<void> {
    const prepared = this.#prepare(message)
    this.#checkOpen()
    const senders = this.#sendersOf(message.topic)
    const spreadQueue = await senders.spread.pickQueue()
    const route = this.#routes.peek(message.topic)
    const keyedQueue =
      prepared.key === null || route === null
        ? null
        : (this.#keyPolicy?.pick(route.queues, prepared.key) ?? null)
    await this.#transmitter.sendOneway(prepared, keyedQueue ?? spreadQueue)
  }

  /** Resolves when there is room for more. */
  ready(): Promise<void> {
    return this.#gate.room()
  }

  /** Resolves when nothing is under way. */
  flush(): Promise<void> {
    return this.#gate.idle()
  }

  stats(): ProducerStats {
    return this.#counters.snapshot()
  }

  /** Settles what is under way, then leaves. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Bounded: every send has its deadline.
    await this.#gate.idle()
    await this.#client.leave(this.#participant)
    this.#routes.stop()
  }

  #prepare(message: OutgoingMessage): PreparedMessage {
    return prepareMessage(message, this.#ids.next())
  }

  #submit(topic: string, messages: readonly PreparedMessage[]): Promise<SendReceipt[]> {
    this.#checkOpen()
    const bytes = sizeOf(messages)
    return new Promise((resolve, reject) => {
      this.#gate.enter({ count: messages.length, bytes }, () => {
        const deadlineMs = this.#client.options.clock.monoMs() + this.#settings.timeoutMs
        const sequence = this.#sequence++
        const progress = { sequence, deadlineMs, attempts: 0, lastError: null }
        this.#senderFor(topic, messages).add({ messages, bytes, ...progress, resolve, reject })
      })
    })
  }

  #senderFor(topic: string, messages: readonly PreparedMessage[]): TopicSender {
    const senders = this.#sendersOf(topic)
    return messages[0]?.key == null ? senders.spread : (senders.keyed ?? senders.spread)
  }

  #sendersOf(topic: string): TopicSenders {
    let senders = this.#senders.get(topic)
    if (senders === undefined) {
      const { policy, queueSet } = this.#settings
      const options = this.#senderOptions(topic)
      const seed = this.#client.options.random.below(1024)
      senders = {
        spread: new SpreadSender(options, spreadPolicy(policy, seed)),
        keyed:
          this.#keyPolicy === null ? null : new KeyedSender(options, this.#keyPolicy, queueSet),
      }
      this.#senders.set(topic, senders)
    }
    return senders
  }

  #senderOptions(topic: string): TopicSenderOptions {
    const settings = this.#settings
    return {
      topic,
      clock: this.#client.options.clock,
      routes: this.#routes,
      transmitter: this.#transmitter,
      faults: this.#faults,
      turnEnd: this.#turnEnd,
      avoidsFaults: settings.avoidsFaults,
      refreshesRoutes: settings.refreshesRoutes,
      retries: settings.retries,
      timeoutMs: settings.timeoutMs,
      limits: { messagesMax: settings.batchMessagesMax, bytesMax: settings.batchBytesMax },
      lingerMs: settings.lingerMs,
      onDone: (send, receipts) => {
        this.#gate.leave({ count: send.messages.length, bytes: send.bytes })
        send.resolve(receipts)
      },
      onGivenUp: (send, error) => {
        this.#gate.leave({ count: send.messages.length, bytes: send.bytes })
        this.#counters.noteGivenUp(send.messages.length)
        send.reject(sendError(topic, send, error))
      },
    }
  }

  #checkOpen(): void {
    if (this.#closing !== null || this.#client.isClosed) {
      throw new MqError('CONNECTION_CLOSED', 'this producer was closed')
    }
  }
}
