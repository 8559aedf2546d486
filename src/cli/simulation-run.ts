// Runs one scenario where it was asked for, and ends it: tables, picture, exit code.

import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, systemClock } from '../core/clock.ts'
import { describeError, EXIT, MqError } from '../core/errors.ts'
import { systemRandom } from '../core/random.ts'
import { type LabCluster, type LabIntervals, PROTOCOL_INTERVALS } from '../lab/lab-cluster.ts'
import { drawPicture } from '../lab/picture.ts'
import { LAB_BROKERS, PER_SECOND, practise, practiseVirtually } from '../lab/practice.ts'
import type { Scenario, ScenarioOptions } from '../lab/scenario.ts'
import type { Invocation } from './command.ts'
import { ThrowawayLab } from './live-lab.ts'
import { notOurs, RealLab } from './real-lab.ts'
import { Timeline } from './timeline.ts'
import { printEnding } from './timeline-ending.ts'
import { formatDuration } from './units.ts'

export const SEED = 1
const SPEED_MAX = 30
/** Options that mean nothing where time and processes are simulated. */
const REAL_ONLY = [
  'speed',
  'route-interval',
  'heartbeat-interval',
  'scan-interval',
  'broker-expiry',
  'nameservers',
  'pid',
]

interface Ending {
  scenario: Scenario
  options: ScenarioOptions
  timeline: Timeline
  /** Where it was played. */
  place: string
  seed: number | null
  traceHash: string | null
}

export async function runVirtually(
  invocation: Invocation,
  scenario: Scenario,
  options: ScenarioOptions,
): Promise<number> {
  const { flags, output } = invocation
  for (const word of REAL_ONLY) {
    if (!flags.isSet(word)) continue
    throw new MqError('USAGE', `--${word} is for real clusters, not for --virtual`, {
      hint: `mq simulate ${scenario.name} --help`,
    })
  }
  const seed = flags.integer('seed', { min: 0, max: 2 ** 32 - 1 }) ?? SEED
  const rate = perSecond(invocation)
  checkPicture(flags.text('html'))
  if (!output.isJson) output.line(`${titleOf(scenario, options)}: virtual time, seed ${seed}`)
  const { timeline, traceHash } = await practiseVirtually(scenario, {
    ...options,
    seed,
    perSecond: rate,
    newTimeline: (clock) => newTimeline(invocation, clock),
  })
  const place = `virtual time, seed ${seed}, trace ${traceHash}`
  return end(invocation, { scenario, options, timeline, place, seed, traceHash })
}

export async function runLive(
  invocation: Invocation,
  scenario: Scenario,
  options: ScenarioOptions,
): Promise<number> {
  const { flags, output, progress, interruption } = invocation
  if (flags.isSet('seed')) {
    throw new MqError('USAGE', '--seed is for --virtual: real processes do as they like', {
      hint: `repeat it with --virtual --seed ${flags.text('seed') ?? SEED}`,
    })
  }
  if (flags.isSet('pid') && (!flags.isSet('broker') || flags.isSet('throwaway'))) {
    throw new MqError(
      'USAGE',
      '--pid is for a broker of a cluster that runs: --broker is missing',
      {
        hint: `repeat it with --broker NAME --pid ${flags.text('pid')}`,
      },
    )
  }
  const rate = perSecond(invocation)
  checkPicture(flags.text('html'))
  const intervals = intervalsOf(invocation)
  const onLine = (name: string, line: string): void => {
    if (flags.isSet('verbose')) invocation.note(`${name} | ${line}`)
  }
  const lab = await liveLab(invocation, options, { intervals, interruption, onLine })
  const place = lab instanceof RealLab ? lab.description : 'a throw-away cluster of real processes'
  if (!output.isJson) {
    const length = formatDuration(scenario.lengthMs(intervals, options))
    output.line(`${titleOf(scenario, options)}: ${place}; takes ${length} at most`)
  }
  const timeline = newTimeline(invocation, systemClock)
  let waitsFor = 'under load'
  progress.start(() => `${formatDuration(timeline.nowMs())}: ${waitsFor}`)
  try {
    await practise(scenario, {
      ...options,
      lab,
      timeline,
      perSecond: rate,
      suffix: `-${systemRandom.hex(3)}`,
      onProgress: (text) => {
        waitsFor = text
      },
    })
  } finally {
    progress.stop()
    await lab.dispose()
  }
  return end(invocation, { scenario, options, timeline, place, seed: null, traceHash: null })
}

function liveLab(
  invocation: Invocation,
  { mode, brokerName }: ScenarioOptions,
  options: ConstructorParameters<typeof ThrowawayLab>[0],
): Promise<LabCluster & { dispose(): Promise<void> }> {
  const { flags } = invocation
  if (!flags.isSet('broker') || flags.isSet('throwaway')) {
    const brokers: readonly string[] = LAB_BROKERS
    if (brokers.includes(brokerName)) return ThrowawayLab.start({ ...options, brokers })
    throw new MqError('BROKER_NOT_FOUND', `the throw-away cluster has no broker ${brokerName}`, {
      hint: `it has ${brokers.join(' and ')}`,
    })
  }
  if (mode === 'disconnect') throw notOurs('to disconnect a broker')
  return RealLab.of(invocation, { ...options, brokerName })
}

function intervalsOf({ flags }: Invocation): LabIntervals {
  const speed = flags.integer('speed', { min: 1, max: SPEED_MAX }) ?? 1
  const { routePullMs, heartbeatMs, scanMs, expiryMs, rebalanceMs } = PROTOCOL_INTERVALS
  const intervals = {
    routePullMs: flags.durationMs('route-interval') ?? routePullMs / speed,
    heartbeatMs: flags.durationMs('heartbeat-interval') ?? heartbeatMs / speed,
    scanMs: flags.durationMs('scan-interval') ?? scanMs / speed,
    expiryMs: flags.durationMs('broker-expiry') ?? expiryMs / speed,
    rebalanceMs: rebalanceMs / speed,
  }
  if (intervals.expiryMs > intervals.heartbeatMs) return intervals
  throw new MqError(
    'USAGE',
    `brokers that register every ${formatDuration(intervals.heartbeatMs)} would expire after ${formatDuration(intervals.expiryMs)}`,
    { hint: 'choose --heartbeat-interval well below --broker-expiry' },
  )
}

function perSecond({ flags }: Invocation): number {
  return flags.integer('rate', { min: 1, max: 10_000 }) ?? PER_SECOND
}

function newTimeline({ output, progress }: Invocation, clock: Clock): Timeline {
  return new Timeline({ output, clock, clearProgress: () => progress.clear() })
}

function titleOf(scenario: Scenario, { mode, brokerName }: ScenarioOptions): string {
  return scenario.name === 'broker-shutdown'
    ? `${scenario.name} (${mode} ${brokerName})`
    : scenario.name
}

function end(invocation: Invocation, ending: Ending): number {
  const { output, flags, interruption } = invocation
  const { scenario, options, timeline, place, seed, traceHash } = ending
  if (output.isJson) {
    for (const entry of timeline.entries) output.object(entry)
    output.object({ kind: 'end', scenario: scenario.name, place, seed, traceHash })
  } else {
    printEnding(output, timeline)
    if (traceHash !== null)
      output.line(`\nseed ${seed}, trace ${traceHash}: the same on every machine`)
  }
  const path = flags.text('html')
  if (path !== undefined) {
    writePicture(path, drawPicture({ title: titleOf(scenario, options), place, timeline }))
    invocation.note(`picture: ${path}`)
  }
  const missed = timeline.facts.filter((fact) => !fact.isMet)
  if (missed.length === 0) return interruption.exitCode ?? EXIT.ok
  const titles = missed.map(({ requirement, title }) => `${requirement} ${title}`.trim()).join(', ')
  throw new MqError(
    'INTERNAL',
    `${missed.length} of ${timeline.facts.length} expectations were not met: ${titles}`,
    { hint: 'run it again with --verbose to see what nodes and clients said' },
  )
}

function writePicture(path: string, html: string): void {
  try {
    writeFileSync(path, html)
  } catch (cause) {
    throw pictureError(path, cause)
  }
}

/** Before minutes of work are done in vain. */
function checkPicture(path: string | undefined): void {
  if (path === undefined) return
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch (cause) {
    throw pictureError(path, cause)
  }
}

function pictureError(path: string, cause: unknown): MqError {
  return new MqError('USAGE', `cannot write the picture to ${path}: ${describeError(cause)}`, {
    hint: 'name a file in a folder that exists: --html out.html',
    cause,
  })
}
