// One batch while it forms: the packed entries in one growing buffer that messages are written into
// in place, and beside it, in columns, what the commit has to publish and whom it has to tell.
// Nothing here is per message but numbers and references in arrays.

import { writeUint32 } from '../core/big-endian.ts'
import { ENTRY_HEADER_BYTES, ENTRY_KIND, type EntryKind } from './append-log.ts'
import type { Appended, Assigned, MessageDraft } from './message-store.ts'
import type { OutgoingRun } from './queue-index.ts'
import type { QueueTail } from './queue-tail.ts'

/** A batch is expected to be like the one before; an unused page costs nothing, a touched one does. */
const BYTES_START = 8 * 1024

export class BatchBuffer {
  readonly firstPosition: number
  /** Packed bytes so far. */
  bytes = 0
  /** The part of them that appends brought: without the index blocks. */
  entryBytes = 0
  #buffer: Buffer

  // One element per entry that takes a position; a state change has no tail.
  readonly tails: (QueueTail | null)[] = []
  readonly sizes: number[] = []
  readonly tags: number[] = []
  readonly times: number[] = []
  /** The state changes among them, in order. */
  readonly changes: Uint8Array[] = []
  /** One per append call, in call order. */
  readonly completions: Appended[] = []
  /** Index blocks that ride along. */
  runs: readonly OutgoingRun[] = []

  constructor(options: { firstPosition: number; bytesExpected: number }) {
    this.firstPosition = options.firstPosition
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(BYTES_START, options.bytesExpected))
  }

  get entryCount(): number {
    return this.tails.length
  }

  addMessage(draft: MessageDraft, tail: QueueTail, assigned: Assigned): void {
    const at = this.#beginEntry(ENTRY_KIND.message, draft.bytes)
    writeUint32(this.#buffer, at + 8, tail.topicId)
    writeUint32(this.#buffer, at + 12, tail.queueId)
    draft.write(this.#buffer, at + ENTRY_HEADER_BYTES, assigned)
    this.tails.push(tail)
    this.sizes.push(draft.bytes)
    this.tags.push(draft.tagsHash)
    this.times.push(assigned.storeTimeMs)
  }

  addState(change: Uint8Array): void {
    const at = this.#beginEntry(ENTRY_KIND.state, change.length)
    writeUint32(this.#buffer, at + 8, 0)
    writeUint32(this.#buffer, at + 12, 0)
    this.#buffer.set(change, at + ENTRY_HEADER_BYTES)
    this.tails.push(null)
    this.sizes.push(change.length)
    this.tags.push(0)
    this.times.push(0)
    this.changes.push(change)
  }

  /** Takes back entries that were added after the batch had this size. */
  truncate(size: { bytes: number; entryCount: number }): void {
    this.bytes = size.bytes
    this.entryBytes = size.bytes
    for (const column of [this.tails, this.sizes, this.tags, this.times]) {
      column.length = size.entryCount
    }
  }

  /** Index blocks take no position: they only follow the entries in the buffer. */
  addRuns(runs: readonly OutgoingRun[]): void {
    this.runs = runs
    for (const { tail, run } of runs) {
      const at = this.#grow(run.packedBytes)
      run.pack(this.#buffer, at, tail.queue)
    }
  }

  /** The packed batch. The buffer belongs to the log from here on. */
  packed(): Buffer {
    return this.#buffer.subarray(0, this.bytes)
  }

  #beginEntry(kind: EntryKind, payloadBytes: number): number {
    const at = this.#grow(ENTRY_HEADER_BYTES + payloadBytes)
    this.entryBytes = this.bytes
    writeUint32(this.#buffer, at, payloadBytes)
    writeUint32(this.#buffer, at + 4, kind * 0x1_00_00_00)
    return at
  }

  /** Makes room for `bytes` more and returns where they start. */
  #grow(bytes: number): number {
    const at = this.bytes
    this.bytes = at + bytes
    if (this.bytes > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    return at
  }
}
