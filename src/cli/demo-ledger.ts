// What was sent, what came back, and the verdict. Pure: told of sends and deliveries, asked at the end.
//
// Delivery is at least once, so a repetition is counted and is no fault. Order is judged on first
// deliveries: of two messages with the same key the earlier one must have been delivered first, by
// whichever consumer. Consumers stamp what they print, because their pipes are read independently.

export interface DemoRecord {
  key: string
  body: string
}

export interface Delivery {
  consumer: string
  /** When the consumer printed it, wall clock of this machine. */
  timeMs: number
  sequence: number
  key: string
  body: string
}

export interface Verdict {
  sent: number
  acknowledged: number
  /** Different messages that arrived. */
  received: number
  /** Acknowledged, but never delivered. */
  lost: number
  /** Deliveries beyond the first of each message. */
  duplicated: number
  /** First deliveries that came before one of an earlier message with the same key. */
  outOfOrder: number
  /** Deliveries whose key or body is not what was sent, or that nobody sent. */
  wrong: number
  /** Sent without an acknowledgement, and nevertheless delivered. */
  unacknowledgedButReceived: number
}

interface FirstDelivery {
  consumer: string
  timeMs: number
  /** Number of this delivery among those of its consumer: exact where times are equal. */
  index: number
}

export class DemoLedger {
  readonly #records: readonly DemoRecord[]
  readonly #sent = new Set<number>()
  readonly #acknowledged = new Set<number>()
  readonly #first = new Map<number, FirstDelivery>()
  readonly #deliveryCounts = new Map<string, number>()
  #duplicated = 0
  #wrong = 0

  /** Message `sequence` carries record `sequence` modulo their number. */
  constructor(records: readonly DemoRecord[]) {
    this.#records = records
  }

  record(sequence: number): DemoRecord {
    return this.#records[sequence % this.#records.length] as DemoRecord
  }

  get acknowledged(): number {
    return this.#acknowledged.size
  }

  get received(): number {
    return this.#first.size
  }

  noteSent(sequence: number): void {
    this.#sent.add(sequence)
  }

  noteAcknowledged(sequence: number): void {
    this.#acknowledged.add(sequence)
  }

  noteDelivery(delivery: Delivery): void {
    const { consumer, timeMs, sequence, key, body } = delivery
    const index = this.#deliveryCounts.get(consumer) ?? 0
    this.#deliveryCounts.set(consumer, index + 1)
    const record = this.#sent.has(sequence) ? this.record(sequence) : null
    if (record === null || record.key !== key || record.body !== body) {
      this.#wrong++
      return
    }
    const first = this.#first.get(sequence)
    const candidate = { consumer, timeMs, index }
    if (first !== undefined) this.#duplicated++
    if (first === undefined || isBefore(candidate, first)) this.#first.set(sequence, candidate)
  }

  /** Whether everything acknowledged has arrived. */
  get isComplete(): boolean {
    return this.lost().length === 0
  }

  lost(): number[] {
    return [...this.#acknowledged].filter((sequence) => !this.#first.has(sequence))
  }

  verdict(): Verdict {
    const received = [...this.#first.keys()]
    return {
      sent: this.#sent.size,
      acknowledged: this.#acknowledged.size,
      received: received.length,
      lost: this.lost().length,
      duplicated: this.#duplicated,
      outOfOrder: this.#outOfOrder(),
      wrong: this.#wrong,
      unacknowledgedButReceived: received.filter((each) => !this.#acknowledged.has(each)).length,
    }
  }

  #outOfOrder(): number {
    const latest = new Map<string, FirstDelivery>()
    let count = 0
    for (const sequence of [...this.#first.keys()].sort((a, b) => a - b)) {
      const { key } = this.record(sequence)
      const own = this.#first.get(sequence) as FirstDelivery
      const previous = latest.get(key)
      if (previous !== undefined && isBefore(own, previous)) count++
      else latest.set(key, own)
    }
    return count
  }
}

/** Certainly before: within one consumer by position, between two by their stamps. */
function isBefore(a: FirstDelivery, b: FirstDelivery): boolean {
  return a.consumer === b.consumer ? a.index < b.index : a.timeMs < b.timeMs
}

/** Nothing acknowledged is missing, nothing is changed, and every key is in order. */
export function isGood(verdict: Verdict): boolean {
  const { acknowledged, lost, wrong, outOfOrder } = verdict
  return acknowledged > 0 && lost === 0 && wrong === 0 && outOfOrder === 0
}
