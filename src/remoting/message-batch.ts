// The body of a batch send (code 320): messages of one topic and queue, back to back (big-endian):
//
//   | total 4 | magic 4 = 0 | CRC 4 = 0 | flag 4 | body length 4 | body … | properties length 2 | … |
//
// Total counts itself. Topic, queue and times come from the request's header.

import { MqError } from '../core/errors.ts'

const FIXED_BYTES = 22

export interface BatchItem {
  flag: number
  body: Buffer
  properties: Buffer
}

export function encodeBatch(items: readonly BatchItem[]): Buffer {
  let total = 0
  for (const item of items) total += FIXED_BYTES + item.body.length + item.properties.length
  const bytes = Buffer.alloc(total)
  let at = 0
  for (const { flag, body, properties } of items) {
    const size = FIXED_BYTES + body.length + properties.length
    bytes.writeUInt32BE(size, at)
    bytes.writeInt32BE(flag, at + 12)
    bytes.writeUInt32BE(body.length, at + 16)
    bytes.set(body, at + 20)
    bytes.writeUInt16BE(properties.length, at + 20 + body.length)
    bytes.set(properties, at + FIXED_BYTES + body.length)
    at += size
  }
  return bytes
}

/** Views into `bytes`. Throws MESSAGE_INVALID on anything that does not add up. */
export function decodeBatch(bytes: Buffer): BatchItem[] {
  const items: BatchItem[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < FIXED_BYTES) throw broken()
    const size = bytes.readUInt32BE(at)
    const bodyBytes = bytes.readUInt32BE(at + 16)
    if (size > bytes.length - at || FIXED_BYTES + bodyBytes > size) throw broken()
    const propertiesAt = at + FIXED_BYTES + bodyBytes
    const propertiesBytes = bytes.readUInt16BE(propertiesAt - 2)
    if (FIXED_BYTES + bodyBytes + propertiesBytes !== size) throw broken()
    items.push({
      flag: bytes.readInt32BE(at + 12),
      body: bytes.subarray(at + 20, at + 20 + bodyBytes),
      properties: bytes.subarray(propertiesAt, propertiesAt + propertiesBytes),
    })
    at += size
  }
  if (items.length === 0) throw broken()
  return items
}

function broken(): MqError {
  return new MqError('MESSAGE_INVALID', 'the batch body does not add up')
}
