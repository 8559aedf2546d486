// One run of Apache's own benchmark Producer against a server, and what that cost the server.
//
// The Producer prints its rate every second, over the nine seconds before, from the tenth second on:
// the tenth second ends the warm-up, the line nine seconds later covers exactly what was measured.

import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { JAVA_MODULE_FLAGS, mavenClassPath } from '../../test/interop/peers/maven.ts'
import { Process, waitFor } from '../../test/interop/peers/process.ts'
import { processCost } from './process-cost.ts'

const WARM_UP_TIMEOUT_MS = 60_000
const MEASURED_LINES = 9
const REPORT_PATTERN =
  /TPS: (\d+) .*Average RT\(ms\):\s+([\d.]+) .*Send Failed: (\d+) .*Response Failed: (\d+)/g

export interface ProducerRun {
  messagesPerSecond: number
  averageMs: number
  failedCount: number
  serverCpuUsPerMessage: number
  serverRssMb: number
}

export interface ProducerOptions {
  nameserver: string
  topic: string
  senderCount: number
  messageBytes: number
  serverPid: number
  dir: string
}

export async function runProducer(options: ProducerOptions): Promise<ProducerRun> {
  const classPath = await mavenClassPath({
    dir: import.meta.dir,
    output: 'benchmark',
    version: '5.5.0',
    goals: ['dependency:copy-dependencies'],
  })
  const producer = Process.start({
    name: 'benchmark Producer',
    command: [
      ...['java', '-Xms256m', '-Xmx1g', ...JAVA_MODULE_FLAGS, `-Duser.home=${options.dir}`],
      ...['-cp', classPath, 'org.apache.rocketmq.example.benchmark.Producer'],
      ...['-n', options.nameserver, '-t', options.topic, '-ri', '1000'],
      ...['-w', String(options.senderCount), '-s', String(options.messageBytes)],
    ],
    logPath: join(options.dir, 'producer.log'),
  })
  try {
    await reportLine(producer, 1)
    const start = { atMs: systemClock.monoMs(), ...processCost(options.serverPid) }
    const line = await reportLine(producer, 1 + MEASURED_LINES)
    const end = { atMs: systemClock.monoMs(), ...processCost(options.serverPid) }
    const messagesPerSecond = Number(line[1])
    const messageCount = (messagesPerSecond * (end.atMs - start.atMs)) / 1000
    return {
      messagesPerSecond,
      averageMs: Number(line[2]),
      failedCount: Number(line[3]) + Number(line[4]),
      serverCpuUsPerMessage: ((end.cpuMs - start.cpuMs) * 1000) / messageCount,
      serverRssMb: end.rssMb,
    }
  } finally {
    await producer.stop('SIGKILL')
  }
}

/** Waits for the `count`-th report. */
function reportLine(producer: Process, count: number): Promise<RegExpExecArray> {
  return waitFor(`report ${count} of the benchmark Producer`, WARM_UP_TIMEOUT_MS, () => {
    if (producer.hasExited)
      throw new Error(`the Producer ended: ${producer.output}${producer.errors}`)
    return [...producer.output.matchAll(REPORT_PATTERN)][count - 1] ?? null
  })
}
