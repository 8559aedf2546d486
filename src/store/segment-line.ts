// The segments of a folder as their writer sees them: one active, ending where the next begins.
// Lives in the storage worker.

import { MqError } from '../core/errors.ts'
import { syncFolder } from './data-folder.ts'
import { HighMark } from './high-mark.ts'
import type { FlushMode, SegmentStatus } from './segment.ts'
import { removeFiles, SegmentWriter } from './segment.ts'

export class SegmentLine {
  readonly #options: { folder: string; identity: string; flush: FlushMode }
  readonly #mark: HighMark
  #active: SegmentWriter

  /** Opens the last of `paths`; without any, makes the first segment. */
  static open(options: {
    folder: string
    identity: string
    flush: FlushMode
    paths: readonly string[]
    /** Those of `paths`, without the last, whose roll was interrupted. */
    unsealed: readonly string[]
  }): SegmentLine {
    const { folder, identity, flush } = options
    for (const path of options.unsealed) seal(new SegmentWriter(path, { flush }))
    const last = options.paths[options.paths.length - 1]
    const path =
      last ?? SegmentWriter.create({ folder, identity, basePosition: 0, chain: 0, snapshot: null })
    return new SegmentLine({ folder, identity, flush }, new SegmentWriter(path, { flush }))
  }

  private constructor(
    options: { folder: string; identity: string; flush: FlushMode },
    active: SegmentWriter,
  ) {
    this.#options = options
    this.#active = active
    this.#mark = new HighMark(options.folder)
  }

  get path(): string {
    return this.#active.path
  }

  get status(): SegmentStatus {
    return this.#active.status
  }

  append(batch: Uint8Array): void {
    this.#active.append(batch)
  }

  checkpoint(state: Uint8Array, indexBlocks: Uint8Array): void {
    this.#active.checkpoint(state, indexBlocks)
  }

  /**
   * In this order: the old segment gets its last index blocks, the new one comes to be, the old one
   * is sealed. Interrupted anywhere, the next open finds either the old segment still active or
   * both, and then seals the old one again.
   */
  roll(state: Uint8Array, indexBlocks: Uint8Array): void {
    const { folder, identity, flush } = this.#options
    const ended = this.#active
    if (indexBlocks.length > 0) ended.append(indexBlocks)
    // The new segment is durable at once; what it continues must not be less so.
    if (flush === 'async') ended.syncWal()
    const basePosition = ended.status.nextPosition
    const { chain } = ended
    const path = SegmentWriter.create({ folder, identity, basePosition, chain, snapshot: state })
    try {
      this.#active = new SegmentWriter(path, { flush })
    } catch (error) {
      // Two segments must never claim the same positions: the old one goes on, so this one goes.
      removeFiles(path)
      syncFolder(folder)
      throw error
    }
    seal(ended)
  }

  drop(path: string): void {
    removeFiles(path)
  }

  tidy(): void {
    this.#active.tidyWal()
  }

  /** Makes everything durable that is not yet (flush=async), and notes how far that goes. */
  mark(): void {
    const { nextPosition } = this.#active.status
    if (this.#options.flush === 'async') this.#active.syncWal()
    this.#mark.raise(nextPosition)
  }

  close(): void {
    const { nextPosition } = this.#active.status
    unlessFull(() => this.#active.close())
    unlessFull(() => this.#mark.raise(nextPosition))
  }
}

/** Ends a segment whose successor exists; at the next open if there is no room for it now. */
function seal(ended: SegmentWriter): void {
  unlessFull(() => ended.seal())
  unlessFull(() => ended.close())
}

/** For what only tidies up: on a full disk the write-ahead log keeps everything until there is room. */
function unlessFull(action: () => void): void {
  try {
    action()
  } catch (error) {
    if (!(error instanceof MqError) || error.code !== 'DISK_FULL') throw error
  }
}
