// A message store on the log in memory under virtual time, where a commit takes as long as the test
// says and any write can be made to fail; and ways to restart it, cleanly or not.

import { seededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import type { MessageStore, ReadRequest } from '../../src/store/message-store.ts'
import { openStore, type StoreFixture } from './store-fixture.ts'
import { draftOf, storedMessages } from './stored-draft.ts'

export const QUEUE = queueKey(1, 0)
export const COMMIT_MS = 4

export interface Bench extends StoreFixture {
  clock: VirtualClock
  disk: MemoryDisk
  log: MemoryLog
}

export async function bench(
  options: { disk?: MemoryDisk; clock?: VirtualClock; segmentBytes?: number } = {},
): Promise<Bench> {
  const disk = options.disk ?? new MemoryDisk({ random: seededRandom(1) })
  const clock = options.clock ?? new VirtualClock()
  const segmentBytes = options.segmentBytes ?? 1e9
  const log = new MemoryLog({ disk, clock, commitMs: COMMIT_MS, segmentBytes })
  const fixture = await openStore(log, { clock })
  return { ...fixture, clock, disk, log }
}

/** Closes cleanly and opens again on the same disk. */
export async function restarted(open: Bench): Promise<Bench> {
  await open.clock.runFor(open.store.close(), 1000)
  return bench({ disk: open.disk, clock: open.clock })
}

/** Dies without closing and opens again. */
export function crashed(open: Bench): Promise<Bench> {
  open.log.crash()
  return bench({ disk: open.disk, clock: open.clock })
}

export function bodies(store: MessageStore, request: Partial<ReadRequest> = {}): string[] {
  const all = { queue: QUEUE, offset: 0, messagesMax: 32, bytesMax: 1 << 20, tags: null }
  return storedMessages(store.read({ ...all, ...request }).body).map((message) => message.body)
}

export function numbered(count: number, from = 0): ReturnType<typeof draftOf>[] {
  return Array.from({ length: count }, (_, i) => draftOf({ queue: QUEUE, body: `m${from + i}` }))
}
