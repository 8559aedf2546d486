// From sends in the order they were made to batches that fit one request. Pure.

import type { SendReceipt } from './message.ts'
import type { PreparedMessage } from './prepared-message.ts'

/** One call of `send` (one message) or `sendBatch` (several, never split). */
export interface PendingSend {
  messages: readonly PreparedMessage[]
  bytes: number
  /** In the order of the calls. */
  sequence: number
  deadlineMs: number
  /** Requests it has been part of. */
  attempts: number
  /** Why the last of them failed. */
  lastError: unknown
  resolve: (receipts: SendReceipt[]) => void
  reject: (error: Error) => void
}

export interface BatchLimits {
  messagesMax: number
  bytesMax: number
}

export interface SendBatch {
  sends: PendingSend[]
  messages: PreparedMessage[]
}

/** What one message adds to a batch besides body and properties. */
const ITEM_OVERHEAD_BYTES = 22

export function sizeOf(messages: readonly PreparedMessage[]): number {
  let bytes = 0
  for (const message of messages) {
    bytes += ITEM_OVERHEAD_BYTES + message.body.length + message.properties.length
  }
  return bytes
}

/** Takes as many from the front of `pending` as travel together; at least one, if there is any. */
export function takeBatch(pending: PendingSend[], limits: BatchLimits): SendBatch | null {
  let bytes = 0
  let messageCount = 0
  let taken = 0
  for (const send of pending) {
    const grownCount = messageCount + send.messages.length
    const isOver = grownCount > limits.messagesMax || bytes + send.bytes > limits.bytesMax
    if (taken > 0 && (isOver || !isBatchable(send))) break
    taken++
    bytes += send.bytes
    messageCount = grownCount
    if (!isBatchable(send)) break
  }
  return taken === 0 ? null : batchOf(pending.splice(0, taken))
}

export function batchOf(sends: PendingSend[]): SendBatch {
  return { sends, messages: sends.flatMap((send) => send.messages) }
}

/** Until when anybody in it can wait. */
export function deadlineOf(batch: SendBatch): number {
  return batch.sends.reduce((latest, send) => Math.max(latest, send.deadlineMs), 0)
}

function isBatchable(send: PendingSend): boolean {
  return send.messages[0]?.isBatchable ?? true
}
