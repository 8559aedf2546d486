// The messages that every client sends and receives, and the judgement of what arrived. Bodies cover
// what breaks implementations: bytes that are no text, separators of the protocol, text beyond
// ASCII, bodies that clients compress (above 4 KiB), and one near the limit.

import { seededRandom } from '../../../src/core/random.ts'

export interface TestMessage {
  keys: string
  tags: string
  orderingKey: string
  body: Buffer
}

export interface Received {
  keys: string
  tags: string
  queueId: number
  queueOffset: number
  body: Buffer
}

const KiB = 1024

function randomBytes(seed: number, countBytes: number): Buffer {
  return Buffer.from(seededRandom(seed).hex(countBytes), 'hex')
}

/** `prefix` makes the keys of different producers different. */
export function variedMessages(prefix: string, bodyBytesMax: number): TestMessage[] {
  const bodies = [
    Buffer.from('plain text'),
    Buffer.from('Grüße, 世界, 🙂'),
    Buffer.from('{"json": true, "newline": "\\n"}\n'),
    // The separators of property blocks, and everything else a byte can be.
    Buffer.from([1, 2, 0, 10, 13, 34, 39, 92, 255, 254, 128]),
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    Buffer.alloc(4 * KiB, 'compresses well '),
    Buffer.alloc(100 * KiB, 'compresses very well '),
    randomBytes(7, 5 * KiB),
    randomBytes(8, bodyBytesMax),
  ]
  return bodies.map((body, index) => ({
    keys: `${prefix}-${index}`,
    tags: index % 3 === 0 ? 'TagA' : 'TagB',
    orderingKey: `order-${index % 3}`,
    body,
  }))
}

/** Many small ones: enough to reach every queue, fit for batches. */
export function smallMessages(prefix: string, count: number): TestMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    keys: `${prefix}-${index}`,
    tags: index % 2 === 0 ? 'TagA' : 'TagB',
    orderingKey: `order-${index % 7}`,
    body: Buffer.from(`message ${index} of ${prefix}`),
  }))
}

export interface Delivery {
  sentCount: number
  receivedCount: number
  duplicateCount: number
}

/**
 * Every message sent must have arrived with its body, keys and tags, and nothing else may have.
 * Twice is allowed by the protocol, so it is only counted.
 */
export function checkDelivery(
  sent: readonly TestMessage[],
  received: readonly Received[],
): Delivery {
  const open = new Map(sent.map((message) => [message.keys, message]))
  const known = new Map(open)
  for (const message of received) {
    const expected = known.get(message.keys)
    if (expected === undefined) throw new Error(`received "${message.keys}", which nobody sent`)
    if (!message.body.equals(expected.body)) {
      const [got, want] = [message.body.length, expected.body.length]
      throw new Error(`the body of ${message.keys} changed (${got} bytes, sent ${want})`)
    }
    if (message.tags !== expected.tags) {
      throw new Error(`tags of ${message.keys} are "${message.tags}", sent "${expected.tags}"`)
    }
    open.delete(message.keys)
  }
  if (open.size > 0) {
    const names = [...open.keys()].slice(0, 5).join(', ')
    throw new Error(`${open.size} of ${sent.length} messages never arrived: ${names}`)
  }
  return {
    sentCount: sent.length,
    receivedCount: received.length,
    duplicateCount: received.length - known.size,
  }
}

/** Messages of one ordering key must have arrived in the order in which they were sent. */
export function checkOrder(sent: readonly TestMessage[], received: readonly Received[]): void {
  const positions = new Map(sent.map((message, index) => [message.keys, index]))
  const last = new Map<string, number>()
  for (const { keys } of received) {
    const position = positions.get(keys)!
    const { orderingKey } = sent[position]!
    const before = last.get(orderingKey) ?? -1
    if (position < before) {
      throw new Error(`${keys} came after ${sent[before]!.keys}, which was sent later`)
    }
    last.set(orderingKey, position)
  }
}
