// Messages as applications see them, on their way out and on their way in.

import type { StoredMessage } from '../remoting/stored-message.ts'

export interface OutgoingMessage {
  topic: string
  body: Uint8Array
  /** What the message is about. Key policies send equal keys to the same queue, in order. */
  key?: string
  /** A label consumers can filter by. */
  tag?: string
  properties?: Readonly<Record<string, string>>
  /** An integer of the application's own, carried through unchanged. */
  flag?: number
}

export interface SendReceipt {
  brokerName: string
  queueId: number
  queueOffset: number
  /** Where the message lies: administrators look it up by this. */
  offsetMessageId: string
  /** The id this client gave the message; equal for every attempt at sending it. */
  messageId: string
  /** How often it was sent until a broker acknowledged it. */
  attempts: number
  /** False if the broker stored it but could not promise that it survives (codes 10, 11, 12). */
  isDurable: boolean
}

export interface ReceivedMessage extends StoredMessage {
  brokerName: string
  /** The sender's id for the message, or the offset id if the sender gave none. */
  messageId: string
  /** The body as the application sent it: inflated if it travelled compressed. */
  body: Buffer
}

/** One queue of a topic on one broker. */
export interface MessageQueue {
  topic: string
  brokerName: string
  queueId: number
}

export function queueName(queue: MessageQueue): string {
  return `${queue.topic}@${queue.brokerName}:${queue.queueId}`
}

/** The order every RocketMQ client sorts queues in before it shares them out. */
export function compareQueues(a: MessageQueue, b: MessageQueue): number {
  return (
    compareText(a.topic, b.topic) ||
    compareText(a.brokerName, b.brokerName) ||
    a.queueId - b.queueId
  )
}

/** By code units, as Java compares strings; never by locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
