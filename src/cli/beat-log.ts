// When each broker was last heard of, put together from what nameservers say about ages. Pure.

/** The same beat, seen twice, differs by what its two questions took on the way. */
const SAME_BEAT_MS = 1_000

export interface BeatSample {
  nameserver: string
  brokerName: string
  /** When the answer was given, on the reader's clock. */
  seenMs: number
  /** How long before that the nameserver had heard of the broker. */
  ageMs: number
}

export class BeatLog {
  readonly #beats = new Map<string, number[]>()

  note({ nameserver, brokerName, seenMs, ageMs }: BeatSample): void {
    const key = keyOf({ nameserver, brokerName })
    const beats = this.#beats.get(key) ?? []
    this.#beats.set(key, beats)
    const beatMs = seenMs - ageMs
    const last = beats.at(-1)
    if (last === undefined || beatMs - last > SAME_BEAT_MS) beats.push(beatMs)
  }

  /** Ascending, on the reader's clock. */
  beatsOf(of: { nameserver: string; brokerName: string }): readonly number[] {
    return this.#beats.get(keyOf(of)) ?? []
  }

  /** Milliseconds between one beat and the next. */
  gapsOf(of: { nameserver: string; brokerName: string }): number[] {
    const beats = this.beatsOf(of)
    return beats.slice(1).map((beatMs, i) => beatMs - (beats[i] as number))
  }
}

function keyOf(of: { nameserver: string; brokerName: string }): string {
  return `${of.nameserver} ${of.brokerName}`
}
