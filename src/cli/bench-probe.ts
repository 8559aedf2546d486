// `mq bench probe`: what it costs to ask every broker whether it is alive, as a registry does that
// probes instead of being told. Our nameservers never do: this stands in their place so that both ways
// can be compared, and `mq bench nameserver` runs it as a process of its own.

import { sleep, systemClock } from '../core/clock.ts'
import { describeError, EXIT } from '../core/errors.ts'
import { parseAddress } from '../remoting/address.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import { INTERVAL_MS } from './bench-nameserver-load.ts'
import { BenchPeers } from './bench-peers.ts'
import { JSON_OPTION } from './client-session.ts'
import { argument, type Command } from './command.ts'
import type { Column } from './output.ts'
import { formatDuration } from './units.ts'

const PROBE_TIMEOUT_MS = 3_000
const STEP_MS = 5
const DEFAULT_COUNT = 1_000

export interface ProbeCost {
  probes: number
  failed: number
  elapsedMs: number
  cpuMs: number
}

const COLUMNS: readonly Column<ProbeCost>[] = [
  { title: 'probes', value: (row) => String(row.probes), align: 'right' },
  { title: 'failed', value: (row) => String(row.failed), align: 'right' },
  { title: 'seconds', value: (row) => (row.elapsedMs / 1_000).toFixed(2), align: 'right' },
  { title: 'CPU ms', value: (row) => String(row.cpuMs), align: 'right' },
]

export const probeBench: Command = {
  usage: '<address>',
  summary: 'Probes a node as a central prober would probe many, and prints what that costs.',
  examples: [
    { command: 'mq bench probe 127.0.0.1:10911', does: '1,000 brokers, each every 30 s, for 30 s' },
    { command: 'mq bench probe 127.0.0.1:10911 --keep', does: 'over connections that stay open' },
  ],
  options: [
    { flag: '--brokers <n>', help: `brokers that the node stands for (default ${DEFAULT_COUNT})` },
    { flag: '--duration <duration>', help: 'how long (default 30s)' },
    { flag: '--keep', help: 'keep one connection per broker instead of a new one per probe' },
    JSON_OPTION,
  ],
  timeLimit: '--duration (30 s), and 3 s for the last probe.',
  async run(invocation) {
    const { flags } = invocation
    const result = await runProbes(parseAddress(argument(invocation, 0)), {
      count: flags.integer('brokers', { min: 1, max: 100_000 }) ?? DEFAULT_COUNT,
      durationMs: flags.durationMs('duration') ?? INTERVAL_MS,
      keeps: flags.isSet('keep'),
      note: (line) => invocation.note(line),
      isOver: () => invocation.interruption.received !== null,
    })
    invocation.output.rows(COLUMNS, [result])
    if (result.failed > 0) return EXIT.partial
    return invocation.interruption.exitCode ?? EXIT.ok
  },
}

interface ProbeRun {
  count: number
  durationMs: number
  keeps: boolean
  note: (line: string) => void
  isOver: () => boolean
}

async function runProbes(
  address: ReturnType<typeof parseAddress>,
  options: ProbeRun,
): Promise<ProbeCost> {
  const { count, durationMs, keeps, note, isOver } = options
  const peers = new BenchPeers(address, note)
  // Nodes of both roles answer it, brokers that they do not know it.
  const askOne = (connection: Connection): Promise<unknown> =>
    connection.invoke(REQUEST.getClusterInfo, {}, PROBE_TIMEOUT_MS)
  const kept: Connection[] = []
  for (let i = 0; keeps && i < count; i++) {
    const connection = await peers.connect()
    // Whoever connects has to speak soon.
    await askOne(connection)
    kept.push(connection)
  }
  let failed = 0
  let firstError: unknown = null
  const probe = async (i: number): Promise<void> => {
    try {
      const connection = kept[i] ?? (await peers.connect())
      await askOne(connection)
      if (!keeps) connection.close()
    } catch (error) {
      failed++
      firstError ??= error
    }
  }
  const before = process.cpuUsage()
  const startMs = systemClock.monoMs()
  const pending: Promise<void>[] = []
  for (let elapsedMs = 0; elapsedMs < durationMs && !isOver(); ) {
    await sleep(systemClock, STEP_MS)
    elapsedMs = Math.min(durationMs, systemClock.monoMs() - startMs)
    const due = Math.floor((elapsedMs / INTERVAL_MS) * count)
    while (pending.length < due) pending.push(probe(pending.length % count))
  }
  await Promise.all(pending)
  const { user, system } = process.cpuUsage(before)
  const elapsedMs = Math.round(systemClock.monoMs() - startMs)
  peers.stop()
  if (pending.length === 0) {
    note(
      `note: nothing was due: ${count} brokers, each every ${formatDuration(INTERVAL_MS)}, in ${formatDuration(durationMs)}`,
    )
  }
  if (firstError !== null)
    note(`warning: ${failed} failed, the first: ${describeError(firstError)}`)
  return { probes: pending.length, failed, elapsedMs, cpuMs: Math.round((user + system) / 1_000) }
}
