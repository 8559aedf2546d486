// What a measurement found, and how it is shown.

import { EXIT, MqError } from '../core/errors.ts'
import type { Invocation } from './command.ts'
import type { Histogram } from './histogram.ts'
import type { Column } from './output.ts'
import { formatCount } from './units.ts'

export interface BenchResult {
  operation: 'produce' | 'consume'
  topic: string
  messages: number
  failed: number
  bodyBytes: number
  elapsedMs: number
  messagesPerSecond: number
  p50Ms: number | null
  p99Ms: number | null
  maxMs: number | null
  /** Null: not every broker runs on this machine. */
  serverCpuMicrosPerMessage: number | null
}

export function benchResult(measured: {
  operation: 'produce' | 'consume'
  topic: string
  messages: number
  failed: number
  bodyBytes: number
  elapsedMs: number
  cpuMs: number | null
  latencies: Histogram
}): BenchResult {
  const { messages, elapsedMs, cpuMs, latencies } = measured
  const isKnown = cpuMs !== null && messages > 0
  return {
    operation: measured.operation,
    topic: measured.topic,
    messages,
    failed: measured.failed,
    bodyBytes: measured.bodyBytes,
    elapsedMs: Math.round(elapsedMs),
    messagesPerSecond: Math.round((messages * 1_000) / elapsedMs),
    p50Ms: rounded(latencies.quantileMs(0.5)),
    p99Ms: rounded(latencies.quantileMs(0.99)),
    maxMs: latencies.count === 0 ? null : rounded(latencies.maxMs),
    serverCpuMicrosPerMessage: isKnown ? rounded((cpuMs * 1_000) / messages) : null,
  }
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100
}

export function reportBench(invocation: Invocation, measured: BenchResult): number {
  const columns: Column<BenchResult>[] = [
    { title: 'topic', value: (row) => row.topic },
    { title: 'messages', value: (row) => formatCount(row.messages), align: 'right' },
    { title: 'failed', value: (row) => formatCount(row.failed), align: 'right' },
    { title: 'bytes', value: (row) => formatCount(row.bodyBytes), align: 'right' },
    { title: 'seconds', value: (row) => (row.elapsedMs / 1_000).toFixed(2), align: 'right' },
    { title: 'messages/s', value: (row) => formatCount(row.messagesPerSecond), align: 'right' },
    { title: 'p50 ms', value: (row) => numberText(row.p50Ms), align: 'right' },
    { title: 'p99 ms', value: (row) => numberText(row.p99Ms), align: 'right' },
    { title: 'max ms', value: (row) => numberText(row.maxMs), align: 'right' },
    {
      title: 'server CPU µs/message',
      value: (row) => numberText(row.serverCpuMicrosPerMessage, 'unknown'),
      align: 'right',
    },
  ]
  invocation.output.rows(columns, [measured])
  if (measured.messages === 0) {
    throw new MqError('TIMED_OUT', `no message of ${measured.topic} was ${measured.operation}d`, {
      hint: measured.operation === 'consume' ? `mq bench produce ${measured.topic}` : 'mq cluster',
    })
  }
  if (measured.failed > 0) return EXIT.partial
  return invocation.interruption.exitCode ?? EXIT.ok
}

function numberText(value: number | null, unknown = '-'): string {
  return value === null ? unknown : String(value)
}
