// One queue as the store holds it in memory: its bounds, and the index of the messages that no
// persisted block covers yet. Offsets are assigned when a message joins a batch and become visible
// when the batch is committed, so a queue has two ends: `assignedOffset` and `nextOffset`.

import type { QueueKey } from './append-log.ts'
import { IndexRun } from './index-run.ts'

export class QueueTail {
  readonly queue: QueueKey
  readonly topicId: number
  readonly queueId: number
  /** First offset that is still stored. */
  minOffset: number
  /** One past the last committed offset. */
  nextOffset: number
  /** The offset that the next appended message gets. */
  assignedOffset: number
  /** Its topic was deleted: what is committed for it from now on is not indexed. */
  isDropped = false
  /** Got messages in the commit that is being published. */
  isTouched = false
  /**
   * What no persisted block covers in full, oldest first; all but the last are full. All of it is
   * in the active segment, so positions never lie further apart than a block can say.
   */
  readonly runs: IndexRun[] = []

  constructor(queue: QueueKey, bounds: { minOffset: number; nextOffset: number }) {
    this.queue = queue
    this.topicId = Math.floor(queue / 0x1_0000_0000)
    this.queueId = queue >>> 0
    this.minOffset = bounds.minOffset
    this.nextOffset = bounds.nextOffset
    this.assignedOffset = bounds.nextOffset
  }

  /** First offset that is in memory; everything below it is in persisted blocks. */
  get firstRunOffset(): number {
    return this.runs.length === 0 ? this.nextOffset : this.runs[0]!.firstOffset
  }

  /** Indexes the next committed message. Returns the run if this filled it, else null. */
  push(position: number, bytes: number, tagsHash: number, storeTimeMs: number): IndexRun | null {
    let run = this.runs[this.runs.length - 1]
    if (run === undefined || run.isFull) {
      run = new IndexRun(this.nextOffset)
      this.runs.push(run)
    }
    run.push(position, bytes, tagsHash, storeTimeMs)
    this.nextOffset++
    return run.isFull ? run : null
  }

  /** The in-memory run that covers `offset`, or null. Newest first: readers are mostly there. */
  runAt(offset: number): IndexRun | null {
    for (let i = this.runs.length - 1; i >= 0; i--) {
      const run = this.runs[i]!
      if (offset >= run.firstOffset) return offset < run.nextOffset ? run : null
    }
    return null
  }

  /** Forgets a run that is persisted now. */
  release(run: IndexRun): void {
    const at = this.runs.indexOf(run)
    if (at >= 0) this.runs.splice(at, 1)
  }
}
