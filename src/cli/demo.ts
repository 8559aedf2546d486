// `mq demo`: a real cluster moves real records while its brokers are killed and stopped, and every
// record is accounted for at the end.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { systemRandom } from '../core/random.ts'
import type { Command, Invocation } from './command.ts'
import { DATA_SET, readRecords } from './demo-records.ts'
import { reportDemo } from './demo-report.ts'
import { DemoRun } from './demo-run.ts'
import { DemoStory } from './demo-story.ts'
import { Interrupted } from './interruption.ts'
import { Timeline } from './timeline.ts'
import { formatCount } from './units.ts'

const FOLDER = 'demo-data'
/** Marks a folder that the demo made and may wipe. */
const MARKER = 'made-by-mq-demo'
const PER_SECOND = 5_000
const PASSES = 3

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
  const perSecond = flags.integer('rate', { min: 1, max: 1_000_000 }) ?? PER_SECOND
  const messageCount = records.length * passes
  const folder = prepareFolder(flags.text('data') ?? FOLDER)
  const timeline = new Timeline({
    output,
    clock: systemClock,
    clearProgress: () => progress.clear(),
  })
  const keyCount = new Set(records.map((record) => record.key)).size
  const times = passes === 1 ? '' : ` × ${passes} = ${formatCount(messageCount)} messages`
  timeline.event(
    'input',
    `${basename(dataSet)}: ${formatCount(records.length)} records${times}, ${keyCount} keys`,
  )
  timeline.phase('start the cluster')
  const started = await DemoRun.start({
    folder,
    records,
    messageCount,
    perSecond,
    onLine(name, line) {
      if (flags.isSet('verbose')) invocation.note(`${name} | ${line}`)
    },
  })
  const story = new DemoStory({
    invocation,
    timeline,
    run: started,
    messageCount,
    perSecond,
    killIntervalMs: flags.durationMs('kill-every') ?? null,
    seed: flags.integer('seed', { min: 0, max: 2 ** 31 - 1 }) ?? systemRandom.below(2 ** 31),
  })
  const interrupted = new Promise<never>((_, reject) => {
    interruption.onReceived(() => reject(new Interrupted(interruption.exitCode ?? EXIT.failed)))
  })
  try {
    const result = await Promise.race([story.tell(), interrupted])
    progress.stop()
    return reportDemo({ output, timeline, cluster: started.cluster, result })
  } finally {
    progress.stop()
    await started.stop()
  }
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
