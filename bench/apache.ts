// mq beside Apache RocketMQ under Apache's own load: its benchmark Producer sends to an Apache broker
// and to ours in turn, several times, and both rates are printed with their ratio, in the form that
// docs/BENCHMARKS.md holds.
//
//     bun bench/apache.ts [--runs 3] [--senders 64] [--bytes 128] [--queues 8] [--flush ASYNC_FLUSH]
//                         [--apache 5.3.3] [--only apache|mq|answers]
//
// With `--only answers`, or `--ceiling` beside the other two, the third is a server that answers at once
// and stores nothing: no broker can be faster than that on this machine.
//
// Our broker always fsyncs before it acknowledges. Apache's does so only with --flush SYNC_FLUSH.
// Both keep their files in build/bench, on the same disk, and stay up between their turns.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  APACHE_VERSIONS,
  mqadmin,
  startApacheBroker,
  startApacheNameserver,
} from '../test/interop/peers/apache.ts'
import { javaMissing, PROJECT_DIR } from '../test/interop/peers/maven.ts'
import { mq, startBroker, startNameserver } from '../test/interop/peers/mq.ts'
import { freePorts } from '../test/interop/peers/ports.ts'
import { Process } from '../test/interop/peers/process.ts'
import { type ProducerRun, runProducer } from './apache/producer.ts'

const TOPIC = 'bench'
const ANSWERS_START_MS = 10_000

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    senders: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '128' },
    queues: { type: 'string', default: '8' },
    flush: { type: 'string', default: 'ASYNC_FLUSH' },
    apache: { type: 'string', default: '5.3.3' },
    only: { type: 'string', default: '' },
    ceiling: { type: 'boolean', default: false },
  },
})

interface Contender {
  name: string
  nameserver: string
  broker: Process
  runs: ProducerRun[]
  stop(): Promise<void>
}

async function startApache(dir: string): Promise<Contender> {
  const version = APACHE_VERSIONS.find((known) => known === flags.apache)
  if (version === undefined) throw new Error(`--apache is one of ${APACHE_VERSIONS.join(', ')}`)
  const flush = flags.flush === 'SYNC_FLUSH' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH'
  const nameserver = await startApacheNameserver({ version, dir })
  const nameservers = [nameserver.address]
  const broker = await startApacheBroker({ version, dir, nameservers, flush, heapMb: 2048 })
  const { stdout } = await mqadmin({ version, dir: join(dir, 'admin') }, [
    ...['updateTopic', '-n', nameserver.address, '-b', broker.address, '-t', TOPIC],
    ...['-r', flags.queues, '-w', flags.queues],
  ])
  if (!stdout.includes('create topic')) throw new Error(`mqadmin updateTopic said: ${stdout}`)
  return {
    name: `Apache ${version} ${flush}`,
    nameserver: nameserver.address,
    broker: broker.process,
    runs: [],
    async stop() {
      await broker.process.stop()
      await nameserver.process.stop()
    },
  }
}

async function startOurs(dir: string): Promise<Contender> {
  const nameserver = await startNameserver(dir)
  const broker = await startBroker({ dir, nameservers: [nameserver.address] })
  const created = await mq([
    ...['topic', 'create', TOPIC, '--queues', flags.queues],
    ...['--nameservers', nameserver.address],
  ])
  if (created.exitCode !== 0) throw new Error(`mq topic create: ${created.stderr}`)
  return {
    name: 'mq, fsync before every answer',
    nameserver: nameserver.address,
    broker: broker.process,
    runs: [],
    async stop() {
      await broker.process.stop()
      await nameserver.process.stop()
    },
  }
}

/** The route comes from a broker that made the topic and then moved, in name, to where the answers are. */
async function startAnswers(dir: string): Promise<Contender> {
  const ours = await startOurs(dir)
  await ours.broker.stop()
  const [port] = freePorts(1)
  const answers = Process.start({
    name: 'answer server',
    command: [process.execPath, join(import.meta.dir, 'apache/answer-server.ts'), String(port)],
    logPath: join(dir, 'answers.log'),
  })
  await answers.waitForOutput(/^ready$/m, ANSWERS_START_MS)
  const route = await startBroker({
    dir,
    nameservers: [ours.nameserver],
    advertise: `127.0.0.1:${port}`,
  })
  return {
    ...ours,
    name: 'answers at once, stores nothing',
    broker: answers,
    async stop() {
      await answers.stop()
      await route.process.stop()
      await ours.stop()
    },
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function tableRow({ name, runs }: Contender): string {
  const rates = runs.map((run) => run.messagesPerSecond)
  const cells = [
    name,
    Math.min(...rates).toLocaleString('en'),
    median(rates).toLocaleString('en'),
    Math.max(...rates).toLocaleString('en'),
    median(runs.map((run) => run.averageMs)).toFixed(2),
    median(runs.map((run) => run.serverCpuUsPerMessage)).toFixed(1),
    Math.max(...runs.map((run) => run.serverRssMb)).toFixed(0),
    runs.reduce((sum, run) => sum + run.failedCount, 0),
  ]
  return `| ${cells.join(' | ')} |`
}

async function measure(contender: Contender, dir: string): Promise<void> {
  const run = await runProducer({
    nameserver: contender.nameserver,
    topic: TOPIC,
    senderCount: Number(flags.senders),
    messageBytes: Number(flags.bytes),
    serverPid: contender.broker.pid,
    dir,
  })
  contender.runs.push(run)
  say(
    `${contender.name}, run ${contender.runs.length}: ${run.messagesPerSecond} messages/s, ` +
      `${run.averageMs.toFixed(2)} ms, ${run.serverCpuUsPerMessage.toFixed(1)} µs of server CPU per message, ` +
      `${run.serverRssMb.toFixed(0)} MB, ${run.failedCount} failed`,
  )
}

async function main(): Promise<void> {
  const missing = javaMissing()
  if (missing !== null) throw new Error(missing)
  mkdirSync(join(PROJECT_DIR, 'build/bench'), { recursive: true })
  const dir = mkdtempSync(join(PROJECT_DIR, 'build/bench/apache-'))
  const contenders: Contender[] = []
  try {
    for (const [name, start] of [
      ['apache', startApache],
      ['mq', startOurs],
      ['answers', startAnswers],
    ] as const) {
      const isWanted = name === 'answers' ? flags.ceiling : flags.only === ''
      if (!isWanted && flags.only !== name) continue
      mkdirSync(join(dir, name))
      contenders.push(await start(join(dir, name)))
    }
    for (let run = 0; run < Number(flags.runs); run += 1) {
      for (const contender of contenders) await measure(contender, dir)
    }
    printTable(contenders)
  } finally {
    for (const contender of contenders) await contender.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function printTable(contenders: readonly Contender[]): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}`
  say('')
  say(
    `Apache's benchmark Producer 5.5.0, ${flags.senders} senders, ${flags.bytes} B, ${flags.queues} queues, ` +
      `${flags.runs} runs each in turn, 9 s measured after 10 s of warm-up; ` +
      `${machine}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, load generator on the same machine.`,
  )
  say('')
  say(
    '| server | messages/s min | median | max | mean ms | server CPU µs/message | RSS MB | failed |',
  )
  say('|---|---|---|---|---|---|---|---|')
  for (const contender of contenders) say(tableRow(contender))
  const [apache, ours] = contenders
  if (flags.only !== '' || apache === undefined || ours === undefined) return
  const rate = ({ runs }: Contender) => median(runs.map((run) => run.messagesPerSecond))
  say('')
  say(`mq / Apache: ${(rate(ours) / rate(apache)).toFixed(2)} (median to median)`)
}

await main()
