// Messages for the store's tests, in the layout that a pull answer carries. A body of the test's
// choice; everything else as a broker would write it.

import { writeUint32, writeUint64 } from '../../src/core/big-endian.ts'
import type { QueueKey } from '../../src/store/append-log.ts'
import type { MessageDraft } from '../../src/store/message-store.ts'
import { javaHash } from '../../src/store/stored-fields.ts'

const MAGIC = 0xdaa320a7
const BODY_AT = 84

export interface DraftOptions {
  queue: QueueKey
  body: Uint8Array | string
  topic?: string
  tag?: string
}

export function draftOf(options: DraftOptions): MessageDraft {
  const body = Buffer.from(options.body as string)
  const topic = Buffer.from(options.topic ?? 'orders')
  const properties = Buffer.from(options.tag === undefined ? '' : `TAGS\u0001${options.tag}\u0002`)
  const bytes = 91 + body.length + topic.length + properties.length
  return {
    queue: options.queue,
    bytes,
    tagsHash: options.tag === undefined ? 0 : javaHash(options.tag),
    write(target, at, assigned) {
      target.fill(0, at, at + bytes)
      writeUint32(target, at, bytes)
      writeUint32(target, at + 4, MAGIC)
      writeUint32(target, at + 12, options.queue >>> 0)
      writeUint64(target, at + 20, assigned.queueOffset)
      writeUint64(target, at + 28, assigned.position)
      writeUint64(target, at + 56, assigned.storeTimeMs)
      writeUint32(target, at + BODY_AT, body.length)
      target.set(body, at + BODY_AT + 4)
      const topicAt = at + BODY_AT + 4 + body.length
      target[topicAt] = topic.length
      target.set(topic, topicAt + 1)
      const propertiesAt = topicAt + 1 + topic.length
      target.writeUInt16BE(properties.length, propertiesAt)
      target.set(properties, propertiesAt + 2)
    },
  }
}

export interface StoredMessage {
  queueOffset: number
  position: number
  storeTimeMs: number
  body: string
}

/** Takes a pull answer's body apart. */
export function storedMessages(bytes: Uint8Array): StoredMessage[] {
  const source = Buffer.from(bytes)
  const messages: StoredMessage[] = []
  for (let at = 0; at < source.length; at += source.readUInt32BE(at)) {
    const bodyBytes = source.readUInt32BE(at + BODY_AT)
    messages.push({
      queueOffset: Number(source.readBigUInt64BE(at + 20)),
      position: Number(source.readBigUInt64BE(at + 28)),
      storeTimeMs: Number(source.readBigUInt64BE(at + 56)),
      body: source.toString('utf8', at + BODY_AT + 4, at + BODY_AT + 4 + bodyBytes),
    })
  }
  return messages
}
