// Latencies of millions of events in a few kilobytes: buckets that grow with the value, so that every
// answer is right to within 1.6 %. Values are milliseconds; a microsecond is the finest.

const SUB_BUCKET_BITS = 6
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS

export class Histogram {
  readonly #counts = new Map<number, number>()
  #count = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  add(valueMs: number): void {
    const bucket = bucketOf(Math.max(0, Math.round(valueMs * 1_000)))
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1)
    this.#count++
    if (valueMs > this.#maxMs) this.#maxMs = valueMs
  }

  /** The value that `quantile` (0…1) of all values do not exceed; null without values. */
  quantileMs(quantile: number): number | null {
    if (this.#count === 0) return null
    const wanted = Math.max(1, Math.ceil(quantile * this.#count))
    let seen = 0
    for (const bucket of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(bucket) ?? 0
      if (seen >= wanted) return Math.min(this.#maxMs, topOf(bucket) / 1_000)
    }
    return this.#maxMs
  }
}

function bucketOf(micros: number): number {
  if (micros < SUB_BUCKETS) return micros
  const exponent = Math.floor(Math.log2(micros)) - SUB_BUCKET_BITS
  return (exponent + 1) * SUB_BUCKETS + (Math.floor(micros / 2 ** exponent) - SUB_BUCKETS)
}

/** The largest value of a bucket. */
function topOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const exponent = Math.floor(bucket / SUB_BUCKETS) - 1
  const base = (bucket % SUB_BUCKETS) + SUB_BUCKETS
  return (base + 1) * 2 ** exponent - 1
}
