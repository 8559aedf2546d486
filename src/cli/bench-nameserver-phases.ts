// What each phase of `mq bench nameserver` took and cost, and how it is shown.

import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { formatAddress } from '../remoting/address.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { RemotingServer } from '../remoting/server.ts'
import type { PhaseOutcome } from './bench-nameserver-load.ts'
import type { ProbeCost } from './bench-probe.ts'
import { childEnvironment } from './child-node.ts'
import type { Invocation } from './command.ts'
import { cpuTimeMs, residentBytes } from './local-process.ts'
import type { Column } from './output.ts'
import { selfCommand } from './self.ts'
import { formatBytes, formatCount } from './units.ts'

export interface BenchPhase {
  phase: string
  operations: number
  elapsedMs: number
  perSecond: number
  p50Ms: number | null
  p99Ms: number | null
  maxMs: number | null
  /** Of the nameserver, or of the one who probes; null: it does not run on this machine. */
  cpuMicrosPerOperation: number | null
  cpuPercent: number | null
  /** Memory of the nameserver after the phase. */
  residentBytes: number | null
}

/** Measures what one process spends on a phase. */
export class PhaseMeter {
  readonly #pid: number | null

  constructor(pid: number | null) {
    this.#pid = pid
  }

  async measure(phase: string, work: () => Promise<PhaseOutcome>): Promise<BenchPhase> {
    const cpuBeforeMs = this.#cpuMs()
    const startMs = systemClock.monoMs()
    const { count, latencies } = await work()
    const elapsedMs = systemClock.monoMs() - startMs
    const cpuAfterMs = this.#cpuMs()
    const cpuMs = cpuBeforeMs === null || cpuAfterMs === null ? null : cpuAfterMs - cpuBeforeMs
    return {
      ...costs({ phase, operations: count, elapsedMs, cpuMs }),
      p50Ms: rounded(latencies.quantileMs(0.5)),
      p99Ms: rounded(latencies.quantileMs(0.99)),
      maxMs: latencies.count === 0 ? null : rounded(latencies.maxMs),
      residentBytes: this.#pid === null ? null : residentBytes(this.#pid),
    }
  }

  #cpuMs(): number | null {
    return this.#pid === null ? null : cpuTimeMs(this.#pid)
  }
}

/** The same brokers, probed: by a process of its own, against a node that stands for all of them. */
export async function probedPhase(options: {
  brokerCount: number
  durationMs: number
  keeps: boolean
}): Promise<BenchPhase> {
  const { brokerCount, durationMs, keeps } = options
  const server = new RemotingServer({
    network: bunNetwork,
    clock: systemClock,
    logger: new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'probed' }),
    handlers: new Map(),
  })
  const address = formatAddress(await server.start({ host: '127.0.0.1', port: 0 }))
  const words = ['--brokers', String(brokerCount), '--duration', `${durationMs}ms`, '--json']
  const child = Bun.spawn(
    [...selfCommand(), 'bench', 'probe', address, ...words, ...(keeps ? ['--keep'] : [])],
    { env: childEnvironment(), stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
  )
  const text = await new Response(child.stdout).text()
  const exitCode = await child.exited
  await server.stop()
  if (exitCode !== EXIT.ok) throw new MqError('INTERNAL', `probing ended with ${exitCode}`)
  const { probes, elapsedMs, cpuMs } = JSON.parse(text) as ProbeCost
  const phase = keeps ? 'probe every 30 s, kept open' : 'probe every 30 s'
  return {
    ...costs({ phase, operations: probes, elapsedMs, cpuMs }),
    p50Ms: null,
    p99Ms: null,
    maxMs: null,
    residentBytes: null,
  }
}

function costs(measured: {
  phase: string
  operations: number
  elapsedMs: number
  cpuMs: number | null
}): Omit<BenchPhase, 'p50Ms' | 'p99Ms' | 'maxMs' | 'residentBytes'> {
  const { phase, operations, elapsedMs, cpuMs } = measured
  const isKnown = cpuMs !== null && operations > 0
  return {
    phase,
    operations,
    elapsedMs: Math.round(elapsedMs),
    perSecond: Math.round((operations * 1_000) / elapsedMs),
    cpuMicrosPerOperation: isKnown ? rounded((cpuMs * 1_000) / operations) : null,
    cpuPercent: cpuMs === null ? null : rounded((cpuMs * 100) / elapsedMs),
  }
}

const COLUMNS: readonly Column<BenchPhase>[] = [
  { title: 'phase', value: (row) => row.phase },
  { title: 'operations', value: (row) => formatCount(row.operations), align: 'right' },
  { title: 'seconds', value: (row) => (row.elapsedMs / 1_000).toFixed(2), align: 'right' },
  { title: 'per second', value: (row) => formatCount(row.perSecond), align: 'right' },
  { title: 'p50 ms', value: (row) => numberText(row.p50Ms), align: 'right' },
  { title: 'p99 ms', value: (row) => numberText(row.p99Ms), align: 'right' },
  { title: 'max ms', value: (row) => numberText(row.maxMs), align: 'right' },
  { title: 'CPU µs each', value: (row) => numberText(row.cpuMicrosPerOperation), align: 'right' },
  { title: 'CPU %', value: (row) => numberText(row.cpuPercent), align: 'right' },
  {
    title: 'memory',
    value: (row) => (row.residentBytes === null ? '-' : formatBytes(row.residentBytes)),
    align: 'right',
  },
]

export function reportPhases(invocation: Invocation, phases: readonly BenchPhase[]): void {
  invocation.output.rows(COLUMNS, phases)
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100
}

function numberText(value: number | null): string {
  return value === null ? '-' : String(value)
}
