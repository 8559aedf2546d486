// How fast a total grows, averaged over the last 10 s, minute and 10 minutes. Pure: it is given the
// total and the time every now and then, and keeps one sample for each.

interface Sample {
  atMs: number
  total: number
}

const WINDOWS_MS = [10_000, 60_000, 600_000] as const
/** However often it is asked for, a total is not sampled more often than this. */
const SAMPLE_INTERVAL_MS = 1_000

export class RateMeter {
  #samples: Sample[] = []

  sample(total: number, nowMs: number): void {
    const newest = this.#samples.at(-1)
    if (newest !== undefined && nowMs - newest.atMs < SAMPLE_INTERVAL_MS) return
    this.#samples.push({ atMs: nowMs, total })
    // The newest sample older than the longest window is where that window begins.
    const begin = this.#indexAt(nowMs - WINDOWS_MS[2])
    if (begin > 0) this.#samples = this.#samples.slice(begin)
  }

  /** Per second, for each window; a meter younger than a window averages over its life. */
  rates(): number[] {
    const newest = this.#samples.at(-1)
    if (newest === undefined) return WINDOWS_MS.map(() => 0)
    return WINDOWS_MS.map((windowMs) => {
      const begin = this.#samples[Math.max(0, this.#indexAt(newest.atMs - windowMs))]!
      const elapsedMs = newest.atMs - begin.atMs
      return elapsedMs === 0 ? 0 : ((newest.total - begin.total) * 1_000) / elapsedMs
    })
  }

  #indexAt(atMs: number): number {
    return this.#samples.findLastIndex((sample) => sample.atMs <= atMs)
  }
}
