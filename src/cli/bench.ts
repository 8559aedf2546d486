// `mq bench produce|consume`: how fast, how late, and what it costs the servers. The load generator
// shares the machine with them, so the CPU time per message says more than the rate.

import { Admin } from '../client/admin.ts'
import type { Client } from '../client/client.ts'
import { Producer } from '../client/producer.ts'
import { Reader } from '../client/reader.ts'
import { systemClock } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { MESSAGE_BYTES_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import { BenchLimit, benchProgress } from './bench-limit.ts'
import { nameserverBench } from './bench-nameserver.ts'
import { probeBench } from './bench-probe.ts'
import { type BenchResult, benchResult, reportBench } from './bench-result.ts'
import { CLIENT_OPTIONS, JSON_OPTION, withSession } from './client-session.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { Histogram } from './histogram.ts'
import { producerOptions } from './producer-flags.ts'
import { ServerCpu } from './server-cpu.ts'
import { formatBytes } from './units.ts'

const TOPIC = 'mq-bench'
const QUEUE_COUNT = 8
/** Reading ends when this long nothing came. */
const QUIET_MS = 2_000

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
      return reportBench(invocation, await runProduce(invocation, client, topic))
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
      reportBench(invocation, await runConsume(invocation, client, topic)),
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
  const limit = new BenchLimit(invocation)
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
  progress.start(() => benchProgress(latencies.count, limit))
  await Promise.all(Array.from({ length: inFlight }, sendMany))
  const elapsedMs = systemClock.monoMs() - limit.startMs
  const cpuMs = cpu.spentMs()
  progress.stop()
  await producer.close()
  if (firstError !== null) {
    invocation.note(`warning: ${failed} sends failed, the first: ${describeError(firstError)}`)
  }
  const messages = latencies.count
  return benchResult({
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
  const limit = new BenchLimit(invocation)
  let messages = 0
  let bytes = 0
  let lastMs = limit.startMs
  const watch = systemClock.every(50, () => {
    const isQuiet = messages > 0 && systemClock.monoMs() - lastMs > QUIET_MS
    if (isQuiet || limit.isReached(messages)) void reader.close()
  })
  progress.start(() => benchProgress(messages, limit))
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
  return benchResult({
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

export const bench: CommandGroup = {
  actions: {
    produce: produceBench,
    consume: consumeBench,
    nameserver: nameserverBench,
    probe: probeBench,
  },
}
