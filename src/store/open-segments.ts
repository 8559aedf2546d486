// The segments that are open for reading: a bounded number of connections, least recently used
// closed first. Consumers read the newest segment, and a few groups are behind; hundreds of old
// segments must not hold hundreds of file descriptors.

import { SegmentReader } from './segment-reader.ts'

export class OpenSegments {
  readonly #countMax: number
  /** Insertion order is the order of use. */
  readonly #readers = new Map<string, SegmentReader>()
  /** The one asked for last: nearly always the one asked for next. */
  #last: SegmentReader | null = null

  constructor(options: { countMax: number }) {
    this.#countMax = options.countMax
  }

  get count(): number {
    return this.#readers.size
  }

  get(path: string): SegmentReader {
    if (this.#last?.path === path) return this.#last
    const reader = this.#readers.get(path) ?? new SegmentReader(path)
    this.#readers.delete(path)
    this.#readers.set(path, reader)
    this.#last = reader
    if (this.#readers.size > this.#countMax) this.#closeLeastUsed()
    return reader
  }

  drop(path: string): void {
    this.#readers.get(path)?.close()
    this.#readers.delete(path)
    if (this.#last?.path === path) this.#last = null
  }

  close(): void {
    for (const path of [...this.#readers.keys()]) this.drop(path)
  }

  #closeLeastUsed(): void {
    const least = this.#readers.keys().next().value
    if (least !== undefined) this.drop(least)
  }
}
