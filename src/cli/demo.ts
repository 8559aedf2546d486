// `mq demo`: a real cluster moves real records while its brokers are killed and stopped, and every
// record is accounted for at the end.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Admin } from '../client/admin.ts'
import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { seededRandom, systemRandom } from '../core/random.ts'
import type { Command, Invocation } from './command.ts'
import { killAtRandom } from './demo-chaos.ts'
import { isGood, type Verdict } from './demo-ledger.ts'
import { DATA_SET, readRecords } from './demo-records.ts'
import { DemoRun, QUEUE_COUNT, TOPIC } from './demo-run.ts'
import { Interrupted } from './interruption.ts'
import { tableLines } from './output.ts'
import { routeRows } from './route-rows.ts'
import { type RouteChange, watchRoute } from './route-watch.ts'
import { Timeline } from './timeline.ts'
import { formatCount, formatDuration } from './units.ts'

const FOLDER = 'demo-data'
/** Marks a folder that the demo made and may wipe. */
const MARKER = 'made-by-mq-demo'
const PER_SECOND = 5_000
const PASSES = 3
/** Shares of the messages sent when a broker dies. */
const KILL_AT = 0.2
const STOP_AT = 0.6
const OUTAGE_MS = 2_000
/** R6: a closed connection removes a broker from the routes within a second. */
const EVICTION_LIMIT_MS = 1_000
const JOIN_LIMIT_MS = 30_000
const DRAIN_LIMIT_MS = 60_000

export const demo: Command = {
  usage: '',
  summary:
    'Moves real records through a cluster while its brokers die, and accounts for each of them.',
  examples: [
    { command: 'mq demo', does: 'flights of npm vega-datasets, keyed by origin airport' },
    { command: 'mq demo --kill-every 1s --seed 7', does: 'kill -9 of anything, again and again' },
    { command: 'mq demo --data-set my.json --key-field user', does: 'your own records' },
  ],
  options: [
    { flag: '--data-set <file>', help: `a JSON array of records (default ${DATA_SET})` },
    { flag: '--key-field <name>', help: "the field that is a message's key (default origin)" },
    { flag: '--passes <n>', help: `how often the records are sent (default ${PASSES})` },
    { flag: '--rate <n>', help: `messages a second (default ${formatCount(PER_SECOND)})` },
    { flag: '--kill-every <duration>', help: 'kill -9 a random process about this often instead' },
    { flag: '--seed <n>', help: 'for --kill-every: the same victims and pauses again' },
    { flag: '--data <folder>', help: `where the brokers store (default ./${FOLDER}, made anew)` },
    { flag: '--json', help: 'one JSON object at the end instead of the story' },
    { flag: '--verbose', help: 'diagnostics of every process on stderr' },
  ],
  timeLimit:
    'About 30 s; 60 s after the last send it stops waiting for messages and says which are lost.',
  notes: [
    'Exit code 0 only if nothing acknowledged is lost, changed, or out of order within its key.',
  ],
  run,
}

async function run(invocation: Invocation): Promise<number> {
  const { flags, output, progress, interruption } = invocation
  const dataSet = flags.text('data-set') ?? DATA_SET
  const records = readRecords(dataSet, flags.text('key-field') ?? 'origin')
  const passes = flags.integer('passes', { min: 1, max: 10_000 }) ?? PASSES
  const seed = flags.integer('seed', { min: 0, max: 2 ** 31 - 1 }) ?? systemRandom.below(2 ** 31)
  const perSecond = flags.integer('rate', { min: 1, max: 1_000_000 }) ?? PER_SECOND
  const folder = prepareFolder(flags.text('data') ?? FOLDER)
  const timeline = new Timeline({
    output,
    clock: systemClock,
    clearProgress: () => progress.clear(),
  })
  const keys = new Set(records.map((record) => record.key)).size
  const messageCount = records.length * passes
  timeline.event(
    'input',
    `${dataSet.split('/').at(-1)}: ${formatCount(records.length)} records × ${passes} = ${formatCount(messageCount)} messages, ${keys} keys`,
  )
  timeline.phase('start the cluster')
  const demonstration = await DemoRun.start({
    folder,
    records,
    messageCount,
    perSecond,
    onLine(name, line) {
      if (flags.isSet('verbose')) invocation.note(`${name} | ${line}`)
    },
  })
  const interrupted = new Promise<never>((_, reject) => {
    interruption.onReceived(() => reject(new Interrupted(interruption.exitCode ?? EXIT.failed)))
  })
  try {
    const story = tell({ invocation, timeline, demonstration, messageCount, perSecond, seed })
    return await Promise.race([story, interrupted])
  } finally {
    progress.stop()
    await demonstration.stop()
  }
}

interface Story {
  invocation: Invocation
  timeline: Timeline
  demonstration: DemoRun
  messageCount: number
  perSecond: number
  seed: number
}

async function tell(story: Story): Promise<number> {
  const { invocation, timeline, demonstration, messageCount, perSecond, seed } = story
  const { cluster, ledger } = demonstration
  const killIntervalMs = invocation.flags.durationMs('kill-every')
  timeline.event('cluster', 'every line is a process of its own')
  for (const node of cluster.nodes()) {
    timeline.detail(`${node.name.padEnd(13)} ${node.address.padEnd(16)} pid ${node.pid}`)
  }
  timeline.event('topic', `${TOPIC} with ${QUEUE_COUNT} queues; the routes:`)
  await showRoutes(story)
  timeline.phase('start the consumers')
  for (const name of ['consumer-1', 'consumer-2']) demonstration.startConsumer(name)
  if (!(await demonstration.consumersReady(JOIN_LIMIT_MS))) {
    throw new MqError('TIMED_OUT', 'the consumers did not join their group in time', {
      hint: 'mq demo --verbose',
    })
  }
  timeline.event('consumers', '2 processes in one group share the queues')

  timeline.phase('send')
  timeline.event('send', `${formatCount(perSecond)} messages a second`)
  invocation.progress.start(() => {
    const share = Math.round(demonstration.progress * 100)
    return `${share} % sent, ${formatCount(ledger.acknowledged)} acknowledged, ${formatCount(ledger.received)} received`
  })
  const sending = demonstration.sendAll()
  let isSent = false
  void sending.then(() => {
    isSent = true
  })
  let kills = 0
  if (killIntervalMs === undefined) {
    await killOne(story)
    await stopOne(story)
  } else {
    timeline.event('chaos', `any process may be killed; --seed ${seed}`)
    kills = await killAtRandom({
      run: demonstration,
      timeline,
      random: seededRandom(seed),
      intervalMs: killIntervalMs,
      isOver: () => isSent,
    })
  }
  timeline.phase('drain')
  await sending
  timeline.event(
    'sent',
    `${formatCount(ledger.acknowledged)} of ${formatCount(messageCount)} acknowledged`,
  )
  await demonstration.waitFor(() => ledger.isComplete, DRAIN_LIMIT_MS)
  const retries = demonstration.retriedCount()
  await showRoutes(story)
  timeline.phase('stop')
  await demonstration.stop()
  timeline.endPhase()
  return conclude({ ...story, kills, retries })
}

/** A crash under load: the routes forget the broker at once, its keys wait until it is back. */
async function killOne(story: Story): Promise<void> {
  const { timeline, demonstration } = story
  const { cluster, ledger } = demonstration
  await demonstration.waitFor(() => demonstration.progress >= KILL_AT, DRAIN_LIMIT_MS)
  timeline.phase('kill -9 broker-b')
  const victim = cluster.node('broker-b')
  timeline.event(
    'kill -9',
    `${victim.name}, pid ${victim.pid}, after ${formatCount(ledger.acknowledged)} acknowledged`,
  )
  const evicted = watch(story, victim.name, false)
  await victim.kill()
  await bringBack(story, victim.name, await evicted)
}

/** A planned stop under load: the broker takes itself off the routes before it goes. */
async function stopOne(story: Story): Promise<void> {
  const { timeline, demonstration } = story
  const { cluster, ledger } = demonstration
  await demonstration.waitFor(() => demonstration.progress >= STOP_AT, DRAIN_LIMIT_MS)
  timeline.phase('stop broker-a')
  const node = cluster.node('broker-a')
  timeline.event(
    'stop',
    `${node.name} gracefully, after ${formatCount(ledger.acknowledged)} acknowledged`,
  )
  const evicted = watch(story, node.name, false)
  await node.stop()
  await bringBack(story, node.name, await evicted)
}

async function bringBack(
  story: Story,
  name: string,
  evictions: readonly RouteChange[],
): Promise<void> {
  const { timeline, demonstration } = story
  timeline.fact({
    title: 'evicted',
    expected: `each nameserver within ${formatDuration(EVICTION_LIMIT_MS)}`,
    seen: `no longer listed: ${changes(evictions)}`,
    isMet: evictions.every(({ afterMs }) => afterMs !== null && afterMs < EVICTION_LIMIT_MS),
  })
  await showRoutes(story)
  const goneMs = timeline.nowMs()
  await demonstration.waitFor(() => timeline.nowMs() - goneMs >= OUTAGE_MS, OUTAGE_MS * 2)
  const startMs = timeline.nowMs()
  const listed = watch(story, name, true)
  await demonstration.cluster.startNode(name)
  const readyMs = timeline.nowMs() - startMs
  timeline.event(
    'restart',
    `${name} serves again after ${formatDuration(readyMs)}: ${changes(await listed)}`,
  )
  timeline.phase('send')
}

function watch(story: Story, brokerName: string, isListed: boolean): Promise<RouteChange[]> {
  const { client, cluster } = story.demonstration
  return watchRoute(
    { channels: client.channels, clock: systemClock, nameservers: cluster.nameservers, brokerName },
    { isListed, limitMs: 10_000 },
  )
}

function changes(list: readonly RouteChange[]): string {
  return list
    .map(
      ({ nameserver, afterMs }) =>
        `${nameserver} ${afterMs === null ? 'not yet' : `after ${formatDuration(afterMs)}`}`,
    )
    .join(', ')
}

async function showRoutes({ invocation, timeline, demonstration }: Story): Promise<void> {
  const admin = new Admin(demonstration.client).cluster
  const rows = routeRows(TOPIC, await admin.routes(TOPIC), await admin.registrations())
  const lines = tableLines(
    [
      { title: 'nameserver', value: (row) => row.nameserver },
      { title: 'broker', value: (row) => row.brokerName },
      { title: 'address', value: (row) => row.address },
      { title: 'queues', value: (row) => String(row.writeQueueCount), align: 'right' },
      { title: 'permission', value: (row) => row.permission },
    ],
    rows,
    invocation.output.palette,
  )
  for (const line of lines) timeline.detail(line)
}

function conclude(story: Story & { kills: number; retries: number }): number {
  const { invocation, timeline, demonstration, seed, kills, retries } = story
  const { output } = invocation
  const verdict = demonstration.ledger.verdict()
  const isPassed = isGood(verdict) && timeline.facts.every((fact) => fact.isMet)
  const files = dataFiles(demonstration)
  if (output.isJson) {
    output.object({
      isPassed,
      ...verdict,
      retries,
      kills,
      seed,
      phases: timeline.phases.map(({ title, ms }) => ({ title, ms: Math.round(ms) })),
      facts: timeline.facts,
      files,
    })
  } else {
    const lines = [...resultLines(story, verdict), '', ...fileLines(files)]
    for (const line of lines) output.line(line)
  }
  if (isPassed) return EXIT.ok
  throw new MqError('INTERNAL', failureText(verdict), {
    hint: `look into ${demonstration.cluster.folder}, or run it again with --verbose`,
  })
}

function failureText(verdict: Verdict): string {
  if (isGood(verdict)) return 'the routes did not change in time'
  const { lost, wrong, outOfOrder } = verdict
  return `the demo failed: ${lost} lost, ${wrong} wrong, ${outOfOrder} out of order`
}

function resultLines(
  story: Story & { kills: number; retries: number },
  verdict: Verdict,
): string[] {
  const { palette } = story.invocation.output
  const number = (count: number, isBad: boolean): string => {
    const text = formatCount(count).padStart(9)
    return isBad && count > 0 ? palette.red(text) : palette.bold(text)
  }
  const phases = new Map<string, number>()
  for (const { title, ms } of story.timeline.phases)
    phases.set(title, (phases.get(title) ?? 0) + ms)
  return [
    '',
    palette.bold('Every record, end to end'),
    `  ${number(verdict.sent, false)} sent`,
    `  ${number(verdict.acknowledged, false)} acknowledged ${palette.dim(`(${story.retries} requests repeated)`)}`,
    `  ${number(verdict.received, false)} received, content compared byte by byte`,
    `  ${number(verdict.lost, true)} lost`,
    `  ${number(verdict.duplicated, false)} duplicated ${palette.dim('(delivered again: at least once is the promise)')}`,
    `  ${number(verdict.outOfOrder, true)} out of order within their key`,
    `  ${number(verdict.wrong, true)} wrong content`,
    ...(story.kills > 0 ? [`  ${number(story.kills, false)} processes killed`] : []),
    '',
    palette.bold('Time'),
    ...[...phases].map(([title, ms]) => `  ${formatDuration(ms).padStart(9)} ${title}`),
  ]
}

function dataFiles({ cluster }: DemoRun): string[] {
  return cluster.names('broker').flatMap((broker) => {
    const folder = cluster.dataFolder(broker)
    const names = existsSync(folder) ? readdirSync(folder) : []
    return names.filter((name) => /^\d+\.db$/.test(name)).map((name) => join(folder, name))
  })
}

function fileLines(files: readonly string[]): string[] {
  const first = files[0] ?? ''
  return [
    'The messages are still there, in ordinary SQLite files:',
    ...files.map((file) => `  ${file}`),
    'Look for yourself:',
    `  sqlite3 -readonly ${first} "SELECT queue_id, count(*), sum(length(payload)) FROM entries WHERE kind = 1 GROUP BY queue_id"`,
  ]
}

/** Only a folder of an earlier demo is wiped; anything else is not ours. */
function prepareFolder(path: string): string {
  const folder = resolve(path)
  const isOurs = existsSync(join(folder, MARKER))
  if (existsSync(folder) && !isOurs && readdirSync(folder).length > 0) {
    throw new MqError('DATA_FOLDER_UNUSABLE', `${folder} is not empty and not of an earlier demo`, {
      hint: 'mq demo --data NEW_FOLDER',
    })
  }
  if (isOurs) rmSync(folder, { recursive: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, MARKER), 'mq demo wipes this folder when it runs again\n')
  return folder
}
