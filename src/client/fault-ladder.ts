// Which brokers to leave alone, and for how long. The longer a send took, the longer its broker is out;
// one that failed counts as having taken ten seconds. The steps are those of RocketMQ 5.3. Pure.

const LADDER = [
  { latencyMs: 15_000, outMs: 30_000 },
  { latencyMs: 5_000, outMs: 10_000 },
  { latencyMs: 3_000, outMs: 6_000 },
  { latencyMs: 1_800, outMs: 5_000 },
  { latencyMs: 550, outMs: 2_000 },
  { latencyMs: 100, outMs: 0 },
  { latencyMs: 50, outMs: 0 },
] as const

export const FAILURE_LATENCY_MS = 10_000

/** A broker on trial has this long to prove itself before somebody else tries. */
const TRIAL_MS = 3_000

export function outMsFor(latencyMs: number): number {
  return LADDER.find((step) => latencyMs >= step.latencyMs)?.outMs ?? 0
}

interface Fault {
  untilMs: number
  /** It failed, rather than being slow. */
  hasFailed: boolean
}

export class FaultLadder {
  readonly #faults = new Map<string, Fault>()

  noteSuccess(result: { brokerName: string; latencyMs: number; nowMs: number }): void {
    const outMs = outMsFor(result.latencyMs)
    if (outMs === 0) this.#faults.delete(result.brokerName)
    else this.#faults.set(result.brokerName, { untilMs: result.nowMs + outMs, hasFailed: false })
  }

  noteFailure(result: { brokerName: string; nowMs: number }): void {
    const untilMs = result.nowMs + outMsFor(FAILURE_LATENCY_MS)
    this.#faults.set(result.brokerName, { untilMs, hasFailed: true })
  }

  /**
   * A request to the broker is about to leave. If its time out is over, this one is the trial, and
   * everybody else stays away until it has an outcome: one attempt per window, not a whole burst.
   */
  noteAttempt(attempt: { brokerName: string; nowMs: number }): void {
    const fault = this.#faults.get(attempt.brokerName)
    if (fault === undefined || !fault.hasFailed || attempt.nowMs < fault.untilMs) return
    fault.untilMs = attempt.nowMs + TRIAL_MS
  }

  isAvoided(brokerName: string, nowMs: number): boolean {
    const fault = this.#faults.get(brokerName)
    return fault !== undefined && nowMs < fault.untilMs
  }

  /** When all are out: a slow one before a failed one, then whoever is out the shortest. */
  leastBad(brokerNames: Iterable<string>): string | null {
    let best: string | null = null
    let bestFault: Fault | undefined
    for (const name of brokerNames) {
      const fault = this.#faults.get(name)
      if (best === null || isBetter(fault, bestFault)) {
        best = name
        bestFault = fault
      }
    }
    return best
  }
}

function isBetter(a: Fault | undefined, b: Fault | undefined): boolean {
  if (a === undefined || b === undefined) return a === undefined && b !== undefined
  if (a.hasFailed !== b.hasFailed) return !a.hasFailed
  return a.untilMs < b.untilMs
}
