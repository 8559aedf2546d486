// How a diagnosis is printed: one line for each check, or for each finding of it, then what to do.

import type { GroupDescription, ProbeResult } from '../client/admin-results.ts'
import type { ClusterFacts } from '../client/diagnosis.ts'
import { printable } from '../core/logger.ts'
import { type CheckResult, counted, type Grade } from './doctor-findings.ts'
import type { Output, Paint } from './output.ts'

export interface Diagnosis {
  checks: CheckResult[]
  groups: GroupDescription[]
  /** Null if not even a seed led anywhere. */
  facts: ClusterFacts | null
  /** Only with --probe. */
  probes: (ProbeResult & { brokerName: string })[]
}

/** Numbers for monitoring, under names that stay. */
export interface DiagnosisMetrics {
  problems: number
  warnings: number
  nameservers: number
  nameservers_unreachable: number
  brokers: number
  brokers_unreachable: number
  topics: number
  groups: number
  groups_with_unequal_subscriptions: number
  queues_without_owner: number
  queues_with_two_owners: number
  lag: number
}

const MARKS: Readonly<Record<Grade, string>> = { ok: '✓', warning: '!', problem: '✗' }
const CHECK_WIDTH = 13

export function metricsOf({ checks, groups, facts }: Diagnosis): DiagnosisMetrics {
  const graded = (grade: Grade): number =>
    checks.flatMap(({ findings }) => findings).filter((finding) => finding.grade === grade).length
  const sum = (of: (group: GroupDescription) => number): number =>
    groups.reduce((total, group) => total + of(group), 0)
  const nameservers = facts?.nameservers ?? []
  const brokers = facts?.brokers ?? []
  return {
    problems: graded('problem'),
    warnings: graded('warning'),
    nameservers: nameservers.length,
    nameservers_unreachable: nameservers.filter(({ error }) => error !== null).length,
    brokers: brokers.length,
    brokers_unreachable: brokers.filter(({ probe }) => !probe.isReachable).length,
    topics: facts?.topics.length ?? 0,
    groups: groups.length,
    groups_with_unequal_subscriptions: sum((group) =>
      group.unequalSubscriptions.length > 0 ? 1 : 0,
    ),
    queues_without_owner: sum((group) => group.queuesWithoutOwner),
    queues_with_two_owners: sum((group) => group.queuesWithTwoOwners),
    lag: sum(({ queues }) => queues.reduce((total, { lag }) => total + lag, 0)),
  }
}

export function printDiagnosis(output: Output, diagnosis: Diagnosis): void {
  const metrics = metricsOf(diagnosis)
  if (output.isJson) {
    output.object({
      isHealthy: metrics.problems === 0,
      checks: diagnosis.checks,
      metrics,
      probes: diagnosis.probes.map(({ error, ...probe }) => ({
        ...probe,
        elapsedMs: rounded(probe.elapsedMs),
        error: error?.message ?? null,
      })),
    })
    return
  }
  const { palette } = output
  const paints: Record<Grade, Paint> = {
    ok: palette.green,
    warning: palette.yellow,
    problem: palette.red,
  }
  const line = (grade: Grade, check: string, text: string): void =>
    output.line(`${paints[grade](MARKS[grade])} ${check.padEnd(CHECK_WIDTH)} ${printable(text)}`)
  for (const { check, grade, summary, findings } of diagnosis.checks) {
    if (grade === 'ok') line(grade, check, summary)
    for (const finding of findings) {
      line(finding.grade, check, finding.message)
      output.line(`${' '.repeat(CHECK_WIDTH + 3)}${palette.cyan('try:')} ${printable(finding.fix)}`)
    }
  }
  for (const { brokerName, address, isReachable, elapsedMs, error } of diagnosis.probes) {
    const text = isReachable
      ? `answers in ${rounded(elapsedMs)} ms`
      : (error?.message ?? 'no answer')
    line(isReachable ? 'ok' : 'problem', 'probe', `${brokerName} ${address} ${text}`)
  }
  const { problems, warnings } = metrics
  output.line('')
  output.line(
    problems + warnings === 0
      ? 'all is well'
      : `${counted(problems, 'problem')}, ${counted(warnings, 'warning')}`,
  )
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
