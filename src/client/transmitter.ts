// One attempt: a batch goes to one queue in one request, and the answer becomes receipts or an error.
// Counts what happened and feeds the fault ladder; decides nothing.

import type { Clock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { AUTO_CREATE_TOPIC, REQUEST } from '../remoting/codes.ts'
import type { Command, RequestOptions } from '../remoting/command.ts'
import { encodeBatch } from '../remoting/message-batch.ts'
import { decodeSendResult, encodeSendHeader } from '../remoting/send-header.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import { fetchLayout } from './change-calls.ts'
import type { Client } from './client.ts'
import type { FaultLadder } from './fault-ladder.ts'
import type { MessageQueue, SendReceipt } from './message.ts'
import type { PreparedMessage } from './prepared-message.ts'
import type { SendAttempt } from './producer-options.ts'
import { TEMPLATE_QUEUES_MAX } from './publish-queues.ts'
import type { PublishRoutes } from './publish-route.ts'
import { queuesOfLayout } from './queue-layout.ts'
import type { SendBatch } from './send-batch.ts'
import type { SendCounters } from './send-counters.ts'
import { isRetriable, isStored } from './send-outcome.ts'

export interface TransmitterOptions {
  client: Client
  routes: PublishRoutes
  group: string
  faults: FaultLadder
  counters: SendCounters
  onAttempt: ((attempt: SendAttempt) => void) | null
}

export class Transmitter {
  readonly #options: TransmitterOptions
  readonly #clock: Clock

  constructor(options: TransmitterOptions) {
    this.#options = options
    this.#clock = options.client.options.clock
  }

  /** Resolves with one receipt per message. Rejects with an MqError. */
  async attempt(options: {
    batch: SendBatch
    queue: MessageQueue
    timeoutMs: number
    /** Of the list of queues that the batch's key was looked up in; null where keys do not decide. */
    layoutTag: string | null
  }): Promise<SendReceipt[]> {
    const { batch, queue } = options
    const startedMs = this.#clock.monoMs()
    this.#options.faults.noteAttempt({ brokerName: queue.brokerName, nowMs: startedMs })
    for (const send of batch.sends) send.attempts++
    try {
      const receipts = await this.#exchange(options)
      this.#note(options, startedMs, null)
      return receipts
    } catch (error) {
      const known = error instanceof Error ? error : new MqError('INTERNAL', String(error))
      for (const send of batch.sends) send.lastError = known
      this.#note(options, startedMs, known)
      throw known
    }
  }

  /** The queues by which this broker goes where keys decide; null if it goes by the route. */
  async fetchQueues({ topic, brokerName, queueId }: MessageQueue): Promise<MessageQueue[] | null> {
    const address = this.#addressOf({ topic, brokerName, queueId })
    const layout = await fetchLayout(this.#options.client.caller, address, topic)
    return layout === null ? null : queuesOfLayout(topic, layout)
  }

  /** Sends without hearing of the outcome. */
  async sendOneway(message: PreparedMessage, queue: MessageQueue): Promise<void> {
    const request = this.#single(message, queue, null)
    await this.#options.client.channels.sendOneway(
      this.#addressOf(queue),
      REQUEST.sendMessageCompact,
      request,
    )
  }

  async #exchange(options: {
    batch: SendBatch
    queue: MessageQueue
    timeoutMs: number
    layoutTag: string | null
  }): Promise<SendReceipt[]> {
    const { batch, queue, timeoutMs, layoutTag } = options
    const { messages } = batch
    const address = this.#addressOf(queue)
    const only = messages.length === 1 ? messages[0] : undefined
    const answer = await this.#options.client.channels.invoke(
      address,
      only === undefined ? REQUEST.sendBatch : REQUEST.sendMessageCompact,
      {
        ...(only === undefined
          ? this.#several(messages, queue, layoutTag)
          : this.#single(only, queue, layoutTag)),
        timeoutMs,
      },
    )
    if (!isStored(answer.code)) throw errorFromResponse(answer, address)
    return receiptsOf(answer, batch, queue)
  }

  #addressOf(queue: MessageQueue): string {
    const { routes } = this.#options
    const { topic, brokerName } = queue
    const address = routes.addressOf(topic, brokerName)
    if (address !== null) return address
    const hint =
      routes.peek(topic)?.isChanging === true
        ? `the queues of ${topic} are being changed: start ${brokerName} again, or complete the change without it: mq topic alter ${topic} --queues N --without ${brokerName}`
        : undefined
    throw new MqError(
      'UNREACHABLE',
      `broker ${brokerName} has no master in the route`,
      hint === undefined ? {} : { hint },
    )
  }

  #single(message: PreparedMessage, queue: MessageQueue, layoutTag: string | null): RequestOptions {
    const { flag, properties } = message
    return {
      fields: this.#header(queue, { flag, properties: properties.toString(), layoutTag }),
      body: message.body,
    }
  }

  #several(
    messages: readonly PreparedMessage[],
    queue: MessageQueue,
    layoutTag: string | null,
  ): RequestOptions {
    const header = { flag: 0, properties: '', layoutTag, isBatch: true }
    return { fields: this.#header(queue, header), body: encodeBatch(messages) }
  }

  #header(
    queue: MessageQueue,
    own: { flag: number; properties: string; layoutTag: string | null; isBatch?: boolean },
  ): Record<string, string | number | boolean> {
    return encodeSendHeader({
      producerGroup: this.#options.group,
      topic: queue.topic,
      templateTopic: AUTO_CREATE_TOPIC,
      templateQueueCount: TEMPLATE_QUEUES_MAX,
      queueId: queue.queueId,
      systemFlag: 0,
      bornTimeMs: this.#clock.wallMs(),
      reconsumeTimes: 0,
      reconsumeTimesMax: null,
      isBatch: false,
      ...own,
    })
  }

  #note(
    options: { batch: SendBatch; queue: MessageQueue },
    startedMs: number,
    error: Error | null,
  ): void {
    const { faults, counters, onAttempt, routes } = this.#options
    const { batch, queue } = options
    const { brokerName } = queue
    const nowMs = this.#clock.monoMs()
    const elapsedMs = nowMs - startedMs
    if (error !== null && isRetriable(error)) faults.noteFailure({ brokerName, nowMs })
    else faults.noteSuccess({ brokerName, latencyMs: elapsedMs, nowMs })
    const attempt = Math.max(...batch.sends.map((send) => send.attempts))
    const messageCount = batch.messages.length
    counters.noteAttempt({ brokerName, messageCount, isRetry: attempt > 1, isOk: error === null })
    if (error === null) routes.noteSent(queue.topic)
    onAttempt?.({
      topic: queue.topic,
      brokerName,
      queueId: queue.queueId,
      messageCount,
      attempt,
      elapsedMs,
      error,
    })
  }
}

function receiptsOf(answer: Command, batch: SendBatch, queue: MessageQueue): SendReceipt[] {
  const result = decodeSendResult(answer.fields)
  const ids = result.offsetMessageId.split(',')
  const receipts: SendReceipt[] = []
  for (const send of batch.sends) {
    for (const message of send.messages) {
      const at = receipts.length
      receipts.push({
        brokerName: queue.brokerName,
        queueId: result.queueId,
        queueOffset: result.queueOffset + at,
        offsetMessageId: ids[at] ?? '',
        messageId: message.messageId,
        attempts: send.attempts,
        isDurable: answer.code === 0,
      })
    }
  }
  return receipts
}
