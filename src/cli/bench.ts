// `mq bench produce|consume`: how fast, how late, and what it costs the servers. The load generator
// shares the machine with them, so the CPU time per message says more than the rate.

import { Admin } from '../client/admin.ts'
import type { Client } from '../client/client.ts'
import { Producer } from '../client/producer.ts'
import { Reader } from '../client/reader.ts'
import { systemClock } from '../core/clock.ts'
import { describeError, EXIT, MqError } from '../core/errors.ts'
import { MESSAGE_BYTES_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import { CLIENT_OPTIONS, JSON_OPTION, withSession } from './client-session.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { Histogram } from './histogram.ts'
import type { Column } from './output.ts'
import { producerOptions } from './produce.ts'
import { ServerCpu } from './server-cpu.ts'
import { formatBytes, formatCount, formatDuration } from './units.ts'

const TOPIC = 'mq-bench'
const QUEUE_COUNT = 8
const DURATION_MS = 10_000
/** Reading ends when this long nothing came. */
const QUIET_MS = 2_000

interface BenchResult {
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

const produceBench: Command = {
  usage: '[topic]',
  summary: 'Sends messages as fast as they are acknowledged.',
  examples: [
    { command: 'mq bench produce', does: '10 s of 128-byte messages, 256 in flight' },
    { command: 'mq bench produce --size 1KiB --count 1000000', does: 'a million of 1 KiB' },
    { command: 'mq bench produce --in-flight 1 --batch 1', does: 'one after the other' },
  ],
  options: [
    { flag: '--size <size>', help: 'bytes per body (default 128)' },
    { flag: '--in-flight <n>', help: 'sends waiting for their acknowledgement (default 256)' },
    { flag: '--batch <n>', help: 'messages per request at most; 1 turns batching off' },
    { flag: '--count <n>', help: 'stop after this many messages' },
    { flag: '--duration <duration>', help: 'stop after this long (default 10s)' },
    { flag: '--timeout <duration>', help: 'for each message (default 10s)' },
    JSON_OPTION,
    ...CLIENT_OPTIONS,
  ],
  timeLimit: '--duration (10 s) or --count, and --timeout for what is under way then.',
  notes: [`The topic is ${TOPIC} unless named, and made with ${QUEUE_COUNT} queues if missing.`],
  async run(invocation) {
    const topic = topicOf(invocation)
    return withSession(invocation, async ({ client }) => {
      await ensureTopic(client, topic)
      return report(invocation, await runProduce(invocation, client, topic))
    })
  },
}

const consumeBench: Command = {
  usage: '[topic]',
  summary: 'Reads messages as fast as they come, without a group.',
  examples: [
    { command: 'mq bench consume', does: `what \`mq bench produce\` left in ${TOPIC}` },
    { command: 'mq bench consume --live --duration 20s', does: 'what others send meanwhile' },
  ],
  options: [
    { flag: '--live', help: 'start at the end: latencies are from stored to received' },
    { flag: '--count <n>', help: 'stop after this many messages' },
    { flag: '--duration <duration>', help: 'stop after this long (default 10s)' },
    JSON_OPTION,
    ...CLIENT_OPTIONS,
  ],
  timeLimit: '--duration (10 s) or --count; ends earlier when 2 s pass without a message.',
  notes: ['Latencies need --live: a message that has lain there for a day is not late.'],
  async run(invocation) {
    const topic = topicOf(invocation)
    return withSession(invocation, async ({ client }) =>
      report(invocation, await runConsume(invocation, client, topic)),
    )
  },
}

function topicOf(invocation: Invocation): string {
  const topic = invocation.args[0] ?? TOPIC
  checkTopicName(topic)
  return topic
}

async function ensureTopic(client: Client, topic: string): Promise<void> {
  const admin = new Admin(client)
  const listed = await admin.topics.list()
  if (listed.value.some((each) => each.topic === topic)) return
  await admin.topics.create({ topic, queueCount: QUEUE_COUNT })
}

/** When to stop: a number of messages, a time, or a signal. */
class Limit {
  readonly #invocation: Invocation
  readonly #countMax: number
  readonly #endMs: number
  readonly startMs = systemClock.monoMs()

  constructor(invocation: Invocation) {
    const { flags } = invocation
    const count = flags.integer('count', { min: 1, max: Number.MAX_SAFE_INTEGER })
    this.#invocation = invocation
    this.#countMax = count ?? Number.POSITIVE_INFINITY
    const durationMs = flags.durationMs('duration') ?? (count === undefined ? DURATION_MS : null)
    this.#endMs = durationMs === null ? Number.POSITIVE_INFINITY : this.startMs + durationMs
  }

  isReached(count: number): boolean {
    if (count >= this.#countMax || this.#invocation.interruption.received !== null) return true
    return systemClock.monoMs() >= this.#endMs
  }

  /** Milliseconds that are left; infinite without a --duration. */
  leftMs(): number {
    return Math.max(0, this.#endMs - systemClock.monoMs())
  }
}

async function runProduce(
  invocation: Invocation,
  client: Client,
  topic: string,
): Promise<BenchResult> {
  const { flags, progress } = invocation
  const bodyBytes = flags.bytes('size') ?? 128
  if (bodyBytes > MESSAGE_BYTES_MAX) {
    throw new MqError(
      'MESSAGE_TOO_LARGE',
      `--size is ${formatBytes(bodyBytes)}, a message may have ${formatBytes(MESSAGE_BYTES_MAX)}`,
      { hint: 'mq bench produce --size 1MiB' },
    )
  }
  const inFlight = flags.integer('in-flight', { min: 1, max: 65_536 }) ?? 256
  const batchMessagesMax = flags.integer('batch', { min: 1, max: 65_536 })
  const producer = new Producer(client, {
    ...producerOptions(flags),
    inFlightMessagesMax: inFlight,
    ...(batchMessagesMax === undefined ? {} : { batchMessagesMax }),
  })
  const body = Buffer.alloc(bodyBytes, 'x')
  const latencies = new Histogram()
  let failed = 0
  let firstError: unknown = null
  const cpu = ServerCpu.begin((await new Admin(client).cluster.brokers()).value)
  const limit = new Limit(invocation)
  let started = 0
  const sendMany = async (): Promise<void> => {
    while (!limit.isReached(started)) {
      started++
      const sentMs = systemClock.monoMs()
      try {
        await producer.send({ topic, body })
        latencies.add(systemClock.monoMs() - sentMs)
      } catch (error) {
        failed++
        firstError ??= error
        // A cluster that is gone fails every send at once: there is nothing left to measure.
        if (latencies.count === 0 && failed > inFlight) throw error
      }
    }
  }
  progress.start(() => progressText(latencies.count, limit))
  await Promise.all(Array.from({ length: inFlight }, sendMany))
  const elapsedMs = systemClock.monoMs() - limit.startMs
  const cpuMs = cpu.spentMs()
  progress.stop()
  await producer.close()
  if (firstError !== null) {
    invocation.note(`warning: ${failed} sends failed, the first: ${describeError(firstError)}`)
  }
  const messages = latencies.count
  return result({
    operation: 'produce',
    topic,
    messages,
    failed,
    bodyBytes,
    elapsedMs,
    cpuMs,
    latencies,
  })
}

async function runConsume(
  invocation: Invocation,
  client: Client,
  topic: string,
): Promise<BenchResult> {
  const { flags, progress } = invocation
  const isLive = flags.isSet('live')
  const latencies = new Histogram()
  const cpu = ServerCpu.begin((await new Admin(client).cluster.brokers()).value)
  const reader = new Reader(client, {
    topic,
    from: { kind: isLive ? 'end' : 'start' },
    follows: isLive || flags.isSet('count'),
  })
  const limit = new Limit(invocation)
  let messages = 0
  let bytes = 0
  let lastMs = limit.startMs
  const watch = systemClock.every(50, () => {
    const isQuiet = messages > 0 && systemClock.monoMs() - lastMs > QUIET_MS
    if (isQuiet || limit.isReached(messages)) void reader.close()
  })
  progress.start(() => progressText(messages, limit))
  try {
    for await (const message of reader) {
      messages++
      bytes += message.body.length
      lastMs = systemClock.monoMs()
      if (isLive) latencies.add(systemClock.wallMs() - message.storeTimeMs)
      if (limit.isReached(messages)) break
    }
  } finally {
    watch.cancel()
    progress.stop()
    await reader.close()
  }
  // The wait that showed that nothing more comes is not part of the work.
  const elapsedMs = Math.max(1, lastMs - limit.startMs)
  const bodyBytes = messages === 0 ? 0 : Math.round(bytes / messages)
  const cpuMs = cpu.spentMs()
  return result({
    operation: 'consume',
    topic,
    messages,
    failed: 0,
    bodyBytes,
    elapsedMs,
    cpuMs,
    latencies,
  })
}

function progressText(messages: number, limit: Limit): string {
  const elapsedMs = Math.max(1, systemClock.monoMs() - limit.startMs)
  const rate = formatCount(Math.round((messages * 1_000) / elapsedMs))
  const left = limit.leftMs()
  const leftText = Number.isFinite(left) ? `, ${formatDuration(left)} left` : ''
  return `${formatCount(messages)} messages, ${rate}/s${leftText}`
}

function result(measured: {
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

function report(invocation: Invocation, measured: BenchResult): number {
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

export const bench: CommandGroup = { actions: { produce: produceBench, consume: consumeBench } }
