// How a demonstration ended: what became of every record, how long each phase took, and the files.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, MqError } from '../core/errors.ts'
import { isGood, type Verdict } from './demo-ledger.ts'
import type { LocalCluster } from './local-cluster.ts'
import type { Output } from './output.ts'
import type { Timeline } from './timeline.ts'
import { formatCount, formatDuration } from './units.ts'

export interface DemoResult {
  verdict: Verdict
  /** Requests that were sent again. */
  retries: number
  /** Processes killed at random. */
  kills: number
  seed: number
}

/** Prints the result; throws unless everything acknowledged arrived whole and in order. */
export function reportDemo(options: {
  output: Output
  timeline: Timeline
  cluster: LocalCluster
  result: DemoResult
}): number {
  const { output, timeline, cluster, result } = options
  const { verdict } = result
  // The routes' times are shown and not judged: on a busy machine they say nothing about messages.
  const isPassed = isGood(verdict)
  const files = dataFiles(cluster)
  if (output.isJson) {
    output.object({
      isPassed,
      ...verdict,
      retries: result.retries,
      kills: result.kills,
      seed: result.seed,
      phases: timeline.phases.map(({ title, ms }) => ({ title, ms: Math.round(ms) })),
      facts: timeline.facts,
      files,
    })
  } else {
    const { palette } = output
    const lines = [
      '',
      palette.bold('Every record, end to end'),
      ...countLines(output, result),
      '',
      palette.bold('Time'),
      ...phaseLines(timeline),
      '',
      palette.bold('The messages are still there, in ordinary SQLite files'),
      ...files.map((file) => `  ${file}`),
      `  sqlite3 -readonly ${files[0] ?? ''} "SELECT queue_id, count(*), sum(length(payload)) FROM entries WHERE kind = 1 GROUP BY queue_id"`,
    ]
    for (const line of lines) output.line(line)
  }
  if (isPassed) return EXIT.ok
  throw new MqError('INTERNAL', failureText(verdict), {
    hint: `look into ${cluster.folder}, or run it again with --verbose`,
  })
}

function failureText(verdict: Verdict): string {
  const { lost, wrong, outOfOrder } = verdict
  return `the demo failed: ${lost} lost, ${wrong} wrong, ${outOfOrder} out of order`
}

function countLines(output: Output, { verdict, retries, kills }: DemoResult): string[] {
  const { palette } = output
  const line = (count: number, text: string, isBad = false): string => {
    const number = formatCount(count).padStart(9)
    return `  ${isBad && count > 0 ? palette.red(number) : palette.bold(number)} ${text}`
  }
  return [
    line(verdict.sent, 'sent'),
    line(verdict.acknowledged, `acknowledged ${palette.dim(`(${retries} requests repeated)`)}`),
    line(verdict.received, 'received, every one compared with what was sent'),
    line(verdict.lost, 'lost', true),
    line(
      verdict.duplicated,
      `duplicated ${palette.dim('(delivered again after a crash: at least once is the promise)')}`,
    ),
    line(verdict.outOfOrder, 'out of order within their key', true),
    line(verdict.wrong, 'wrong content', true),
    ...(kills > 0 ? [line(kills, 'processes killed')] : []),
  ]
}

function phaseLines(timeline: Timeline): string[] {
  const sums = new Map<string, number>()
  for (const { title, ms } of timeline.phases) sums.set(title, (sums.get(title) ?? 0) + ms)
  return [...sums].map(([title, ms]) => `  ${formatDuration(ms).padStart(9)} ${title}`)
}

function dataFiles(cluster: LocalCluster): string[] {
  return cluster.names('broker').flatMap((broker) => {
    const folder = cluster.dataFolder(broker)
    const names = existsSync(folder) ? readdirSync(folder) : []
    return names.filter((name) => /^\d+\.db$/.test(name)).map((name) => join(folder, name))
  })
}
