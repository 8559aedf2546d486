// The one ordered, durable log of a broker, as seen from above: packed batches go in, entries come
// out by position. Two implementations keep this promise: sqlite-log.ts (real files) and
// memory-log.ts (the simulation); test/store/append-log-contract.ts holds both to it.
//
// A packed batch is entries back to back (big-endian, as on the wire):
//
//   | payload length | kind | zero | topic id | queue id | payload … |
//   |       4        |  1   |  3   |    4     |    4     |          |
//
// Messages and state changes take consecutive positions, starting at `nextPosition`. Index blocks
// ride along in the same transaction but take no position: they only speed up what the messages
// already say. Topic id and queue id are zero for state changes.

export const ENTRY_KIND = {
  /** Payload: one stored message exactly as a pull answer carries it (remoting/stored-message.ts). */
  message: 1,
  /** Payload: one change of the broker's state (topics, groups, offsets), UTF-8 JSON. */
  state: 2,
  /** Payload: one block of the queue index (index-block.ts). Takes no position. */
  indexBlock: 128,
} as const

export type EntryKind = (typeof ENTRY_KIND)[keyof typeof ENTRY_KIND]

export const ENTRY_HEADER_BYTES = 16

/** One number per queue of a broker: topic id * 2^32 + queue id. Topic ids stay below 2^21. */
export type QueueKey = number

export function queueKey(topicId: number, queueId: number): QueueKey {
  return topicId * 0x1_0000_0000 + queueId
}

export interface LogEntry {
  position: number
  kind: EntryKind
  queue: QueueKey
  payload: Uint8Array
}

/** A checkpoint: the state that all entries below `position` add up to. */
export interface Snapshot {
  position: number
  state: Uint8Array
}

/** What one queue's persisted index blocks cover, over all segments. */
export interface IndexedRange {
  queue: QueueKey
  /** First queue offset of the oldest block. */
  minOffset: number
  /** One past the last queue offset of the newest block. */
  nextOffset: number
}

export interface SegmentInfo {
  basePosition: number
  nextPosition: number
  bytes: number
  /** Store time of the newest message, wall milliseconds; 0 if the segment has none. */
  newestStoreTimeMs: number
  /** File path, or a name for a segment that is not a file. */
  path: string
}

export interface Retired {
  minPosition: number
  indexed: IndexedRange[]
}

export interface Recovery {
  /** Random, made when the folder was first used: a wiped folder has a new one. */
  identity: string
  minPosition: number
  nextPosition: number
  /** The newest snapshot; null for a log that has none yet. */
  snapshot: Snapshot | null
  indexed: IndexedRange[]
  /** Entries at or after the snapshot's position (all, without one), in order, checked. */
  tail: Iterable<LogEntry>
}

/** Of the file system that the log is on. */
export interface DiskSpace {
  /** What this process may still take. */
  freeBytes: number
  totalBytes: number
}

export interface AppendLog {
  /** Opens or creates the log. Everything ever acknowledged is in what this returns. Once. */
  open(): Promise<Recovery>
  /**
   * Appends a packed batch as one transaction: all of it or nothing. When the promise resolves the
   * batch is as durable as the flush mode says. The caller waits for one before it starts the next,
   * and gives the buffer away. Rejects with DISK_FULL (nothing changed; the log can go on) or
   * DISK_FAILED (unknown what is on disk: the process must stop acknowledging and end).
   */
  append(batch: Uint8Array): Promise<void>
  /**
   * Blocks this thread until the append under way ended, at most `waitMs`. True if it did; its
   * promise is settled then. A log that cannot wait (virtual time) says false at once.
   */
  waitForAppend(waitMs: number): boolean
  /** The payloads at these ascending positions, back to back. Synchronous: page cache reads. */
  readPayloads(positions: ArrayLike<number>): Uint8Array
  /** One entry, or null if the position was never written or is already retired. */
  readEntry(position: number): LogEntry | null
  /** The persisted index block that covers `offset` of `queue`, or null. */
  findIndexBlock(queue: QueueKey, offset: number): Uint8Array | null
  /** The last persisted block of `queue` whose first message was stored at or before `timeMs`. */
  findIndexBlockByTime(queue: QueueKey, timeMs: number): Uint8Array | null
  /** Persists a snapshot and whatever index blocks (packed entries) the caller still has in memory. */
  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void>
  /** Whether the active segment has reached its size and `roll` should be called. */
  readonly isRollDue: boolean
  /** Starts a new segment that begins with this snapshot; the blocks go to the one that ends. */
  roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void>
  /** Oldest first; the last one is active. */
  segments(): readonly SegmentInfo[]
  /** Unlinks the oldest segment. Never the active one. Returns what is left. */
  dropOldestSegment(): Promise<Retired>
  /** Only of a log on a file system; null: that does not tell. */
  diskSpace?(): DiskSpace | null
  close(): Promise<void>
}
