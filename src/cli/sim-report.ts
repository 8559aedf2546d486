// What `mq sim` says of the worlds it has seen.

import { VERSION } from '../core/product.ts'
import type { FaultKind } from '../lab/world/fault.ts'
import { describeFault } from '../lab/world/fault.ts'
import type { Narrowing } from '../lab/world/plan.ts'
import { INVARIANT_NAMES, type Tally } from '../lab/world/run-seeds.ts'
import type { Shortened } from '../lab/world/shorten.ts'
import type { WorldResult } from '../lab/world/world.ts'
import { formatDuration } from './units.ts'

/** One world, for --json. */
export function resultObject(result: WorldResult): object {
  const { seed, virtualMs, eventCount, sentCount, acknowledgedCount, deliveredCount } = result
  return {
    seed,
    isOk: result.violations.length === 0,
    violations: result.violations,
    virtualMs: Math.round(virtualMs),
    eventCount,
    sentCount,
    acknowledgedCount,
    deliveredCount,
    faults: [...result.faults].map(([kind, count]) => ({ kind, count })),
    trace: result.trace,
  }
}

export function summaryLines(tally: Tally, elapsedMs: number): string[] {
  const perSecond = (tally.seedCount / Math.max(0.001, elapsedMs / 1_000)).toFixed(1)
  const faults = [...tally.faults].filter(([, count]) => count > 0)
  const faultCount = faults.reduce((sum, [, count]) => sum + count, 0)
  const seeds =
    tally.seedCount === 1
      ? `seed ${tally.firstSeed}`
      : `${tally.seedCount} seeds, ${tally.firstSeed} to ${tally.lastSeed},`
  return [
    `${seeds} in ${formatDuration(elapsedMs)} (${perSecond} a second)`,
    `${formatDuration(tally.virtualMs)} of virtual time, ${tally.eventCount} events`,
    `${tally.sentCount} messages sent, ${tally.acknowledgedCount} acknowledged, ${tally.deliveredCount} delivered`,
    faultCount === 0
      ? 'no faults'
      : `${faultCount} faults: ${faults.map(([kind, count]) => `${count} ${kind}`).join(', ')}`,
    `${INVARIANT_NAMES.length} invariants: ${INVARIANT_NAMES.join(', ')}`,
  ]
}

/** The command that shows a failure again. */
export function replayCommand(seed: number, { kinds, workMs }: Narrowing): string {
  const faults = kinds === null ? '' : ` --faults ${kindsText(kinds)}`
  return `mq sim --seed ${seed}${faults}${workMs === null ? '' : ` --work ${workMs}ms`}`
}

function kindsText(kinds: readonly FaultKind[]): string {
  return kinds.length === 0 ? 'none' : kinds.join(',')
}

export function reportFailure(
  note: (line: string) => void,
  { result, shortened }: { result: WorldResult; shortened: Shortened },
): void {
  const { plan, runCount } = shortened
  note(`mq ${VERSION}, seed ${result.seed}`)
  for (const { invariant, what, count } of result.violations) {
    note(`broken: ${invariant} (${count} times): ${what}`)
  }
  note(`the last ${shortened.result.lastEvents.length} events:`)
  for (const line of shortened.result.lastEvents) note(`  ${line}`)
  note(
    `made smaller in ${runCount} runs: ${plan.nameservers.length} nameservers, ` +
      `${plan.brokers.length} brokers, ${plan.workMs} ms of work, ${plan.faults.length} faults:`,
  )
  for (const fault of plan.faults) note(`  at ${Math.round(fault.atMs)} ms ${describeFault(fault)}`)
}
