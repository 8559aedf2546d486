// What happened in a world, as far as its promises are concerned: plain records in the order of
// virtual time. invariants.ts judges them and asks nobody else.

/** "topic@broker:queue". */
export type QueueText = string

export type HistoryEvent =
  | { kind: 'sent'; id: string }
  | {
      kind: 'acknowledged'
      id: string
      topic: string
      producer: string
      /** Counts the sends of one producer; keyed sends keep its order. */
      sequence: number
      key: string | null
      queue: QueueText
      offset: number
      attempts: number
    }
  | { kind: 'send-failed'; id: string; error: string }
  /** Handed to a member of the group. */
  | {
      kind: 'delivered'
      group: string
      member: string
      queue: QueueText
      offset: number
      id: string
    }
  /** The member's handler returned. */
  | { kind: 'processed'; group: string; queue: QueueText; offset: number }
  /** A broker was seen to hold this as the group's offset. */
  | { kind: 'committed'; group: string; queue: QueueText; offset: number }
  /** A power cut took what flush=async had acknowledged: these offsets will be given away again. */
  | { kind: 'rewound'; queue: QueueText; fromOffset: number; toOffset: number; ids: string[] }
  /** The log of this run of a broker failed for good. */
  | { kind: 'log-failed'; run: string }
  /** A broker has started: what its log says, and what it then knew. */
  | { kind: 'recovered'; run: string; logged: string; known: string }
  /** This run of a broker answered a send with success. */
  | { kind: 'send-answered'; run: string }

export type Timed = HistoryEvent & { atMs: number }

/** The most that was ever in one buffer, and what it may hold. */
export interface BufferUse {
  name: string
  most: number
  limit: number
}

/** One fact, who decides it, and what somebody else believes of it. */
export interface CopyOfFact {
  fact: string
  owner: string
  copy: string
  owned: string
  copied: string
}

/** What was found when everything had settled. */
export interface Settled {
  /** Queue → offset → message id, read from the disks. */
  stored: Map<QueueText, Map<number, string>>
  /** Group → queue → members that have it. */
  owners: Map<string, Map<QueueText, string[]>>
  copies: CopyOfFact[]
  /** Queues of brokers that never came back. */
  lostQueues: ReadonlySet<QueueText>
  /** Topics each group reads. */
  subscriptions: ReadonlyMap<string, readonly string[]>
  /** What did not happen although nothing stood in its way any more. */
  stuck: string[]
}

export class History {
  readonly events: Timed[] = []
  readonly buffers = new Map<string, BufferUse>()
  settled: Settled | null = null
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  note(event: HistoryEvent): void {
    this.events.push({ ...event, atMs: this.#nowMs() })
  }

  noteBuffer(name: string, size: number, limit: number): void {
    const known = this.buffers.get(name)
    if (known === undefined) this.buffers.set(name, { name, most: size, limit })
    else if (size > known.most) known.most = size
  }

  count(kind: HistoryEvent['kind']): number {
    let count = 0
    for (const event of this.events) if (event.kind === kind) count++
    return count
  }
}
