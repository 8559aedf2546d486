// Goal: decode(encode(snapshot)) = snapshot, and foreign bytes are refused. Method: random snapshots.

import { expect, test } from 'bun:test'
import { seededRandom } from '../../src/core/random.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/store/store-snapshot.ts'

test('what is encoded is decoded', () => {
  const random = seededRandom(3)
  for (let round = 0; round < 200; round++) {
    const queues = Array.from({ length: random.below(20) }, () => ({
      queue: queueKey(random.below(2 ** 21), random.below(2 ** 32)),
      nextOffset: random.below(2 ** 53),
    }))
    const state = Buffer.from(random.hex(random.below(100)), 'hex')
    const snapshot = { newestStoreTimeMs: random.below(2 ** 45), queues, state }
    const decoded = decodeSnapshot(encodeSnapshot(snapshot))
    expect({ ...decoded, state: Buffer.from(decoded.state) }).toEqual(snapshot)
  }
})

test('foreign bytes are refused', () => {
  const good = encodeSnapshot({
    newestStoreTimeMs: 1,
    queues: [{ queue: 1, nextOffset: 1 }],
    state: new Uint8Array(0),
  })
  const other = Uint8Array.from(good)
  other[3] = 2
  for (const bytes of [new Uint8Array(0), good.subarray(0, 20), other]) {
    expect(() => decodeSnapshot(bytes)).toThrow('unknown snapshot')
  }
})
