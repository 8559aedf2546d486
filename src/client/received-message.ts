// From the bytes of a pull answer to messages as applications get them: bodies inflated, ids found,
// retried messages under the topic they were sent to.

import { inflateSync, zstdDecompressSync } from 'node:zlib'
import { MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { ipv4Number } from '../remoting/address.ts'
import { PROPERTY } from '../remoting/properties.ts'
import {
  decodeMessages,
  offsetMessageId,
  type StoredMessage,
  SYSTEM_FLAG,
} from '../remoting/stored-message.ts'
import type { ReceivedMessage } from './message.ts'

const COMPRESSION = { lz4: 0x100, zstd: 0x200 } as const
/** A few bytes can inflate to gigabytes; no honest body is larger than a frame. */
const LIMITS = { maxOutputLength: FRAME_BYTES_MAX }

/** Throws PROTOCOL or NOT_SUPPORTED naming the message that cannot be read. */
export function receiveMessages(bytes: Buffer, brokerName: string): ReceivedMessage[] {
  return decodeMessages(bytes).map((stored) => ({
    ...stored,
    topic: stored.properties[PROPERTY.retryTopic] ?? stored.topic,
    body: inflateBody(stored, brokerName),
    brokerName,
    messageId: stored.properties[PROPERTY.uniqueKey] ?? placeId(stored),
  }))
}

function inflateBody(stored: StoredMessage, brokerName: string): Buffer {
  const { systemFlag, body } = stored
  if ((systemFlag & SYSTEM_FLAG.compressed) === 0) return body
  const kind = systemFlag & SYSTEM_FLAG.compressionMask
  const where = `offset ${stored.queueOffset} of ${stored.topic}@${brokerName}:${stored.queueId}`
  if (kind === COMPRESSION.lz4) {
    throw new MqError('NOT_SUPPORTED', `the message at ${where} is compressed with LZ4`, {
      hint: 'let its producer compress with zlib or zstd',
    })
  }
  try {
    // Producers before 5.x set no kind at all and mean zlib.
    return kind === COMPRESSION.zstd ? zstdDecompressSync(body, LIMITS) : inflateSync(body, LIMITS)
  } catch (cause) {
    throw new MqError('PROTOCOL', `the body of the message at ${where} does not inflate`, { cause })
  }
}

/** The offset id: where the message is stored. */
function placeId(stored: StoredMessage): string {
  const at = stored.storeHost.lastIndexOf(':')
  const host = ipv4Number(stored.storeHost.slice(0, at)) ?? 0
  return offsetMessageId(host, Number(stored.storeHost.slice(at + 1)), stored.position)
}
