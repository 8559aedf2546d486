// Random packed batches and index blocks, sound unless said otherwise.

import type { Random } from '../../src/core/random.ts'
import { ENTRY_KIND, queueKey } from '../../src/store/append-log.ts'
import { encodeIndexBlock, type IndexBlock } from '../../src/store/index-block.ts'
import { packEntry } from './packed.ts'

/** Tags hashes come from a handful of values, so that filters select something. */
export function randomBlock(random: Random): IndexBlock {
  const count = 1 + random.below(random.below(4) === 0 ? 512 : 20)
  const positions: number[] = []
  let position = random.below(2 ** 31) * random.below(4)
  for (let i = 0; i < count; i++, position += 1 + random.below(50)) positions.push(position)
  return {
    queue: queueKey(random.below(2 ** 21), random.below(1024)),
    firstOffset: random.below(2 ** 31) * random.below(4),
    firstStoreTimeMs: 1_700_000_000_000 + random.below(1000),
    lastStoreTimeMs: 1_700_000_001_000 + random.below(1000),
    positions,
    payloadBytes: positions.map(() => random.below(2 ** 32)),
    tagsHashes: positions.map(() => random.below(3) - 1),
  }
}

function randomPayload(random: Random): Buffer {
  const bytes = [0, 1, 8, 300, 5000][random.below(5)]! + random.below(30)
  return Buffer.from(random.hex(bytes), 'hex')
}

/** One to twenty entries of all kinds. */
export function randomBatch(random: Random): { batch: Buffer; entries: number } {
  const parts: Buffer[] = []
  let entries = 0
  const count = 1 + random.below(20)
  for (let i = 0; i < count; i++) {
    const choice = random.below(10)
    if (choice === 0) {
      const block = randomBlock(random)
      parts.push(packEntry(ENTRY_KIND.indexBlock, block.queue, encodeIndexBlock(block)))
      continue
    }
    entries++
    const isState = choice === 1
    const queue = isState ? 0 : queueKey(random.below(2 ** 21), random.below(2 ** 32))
    const kind = isState ? ENTRY_KIND.state : ENTRY_KIND.message
    parts.push(packEntry(kind, queue, randomPayload(random)))
  }
  return { batch: Buffer.concat(parts), entries }
}
