// `mq sim`: lives of whole clusters under seeds, each with its own faults, each judged. What fails is
// made smaller and told with the command that shows it again, on any machine.

import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { ALL_FAULT_KINDS, type FaultKind } from '../lab/world/fault.ts'
import {
  findPlantedBug,
  PLANTED_BUGS,
  type PlantedBug,
  SAME_TRACE,
} from '../lab/world/planted-bugs.ts'
import { runSeed, type SeedOptions, shortenSeed, Tally } from '../lab/world/run-seeds.ts'
import type { WorldResult } from '../lab/world/world.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command, Invocation } from './command.ts'
import { replayCommand, reportFailure, resultObject, summaryLines } from './sim-report.ts'
import { nearest } from './suggest.ts'
import { formatDuration } from './units.ts'

const SEED_MAX = 2 ** 31 - 1
const SEED_COUNT_DEFAULT = 50
/** So often a world is lived twice, and must come out the same. */
const REPEATED_EVERY = 10

export const sim: Command = {
  usage: '',
  summary:
    'Simulates lives of whole clusters, with random faults, and checks what must always hold.',
  examples: [
    { command: 'mq sim', does: `seeds 1 to ${SEED_COUNT_DEFAULT}` },
    {
      command: 'mq sim --for 60s --seed 1000',
      does: 'as many seeds from 1000 on as a minute allows',
    },
    { command: 'mq sim --seed 17 --trace', does: 'one life, with everything that happened in it' },
    {
      command: 'mq sim --planted never-evicts',
      does: 'how many seeds it takes to find a bug on purpose',
    },
  ],
  options: [
    { flag: '--seed <n>', help: 'the first seed (default 1); alone, the only one' },
    { flag: '--seeds <n>', help: `how many (default ${SEED_COUNT_DEFAULT})` },
    { flag: '--for <duration>', help: 'begin no seed after this much real time' },
    {
      flag: '--faults <kinds>',
      help: 'only these kinds of faults, separated by commas; or "none"',
    },
    { flag: '--work <duration>', help: 'end work and faults after this much virtual time' },
    { flag: '--trace', help: 'print what happens, line by line' },
    { flag: '--planted <name>', help: 'plant this bug, and succeed when it is found' },
    JSON_OPTION,
  ],
  timeLimit:
    'A fifth of a second a seed, or --for; a seed that fails is run up to 40 times more to make it smaller.',
  notes: [
    'Everything runs in this process, in virtual time: no port is opened and no file is written.',
    `Kinds of faults: ${ALL_FAULT_KINDS.join(', ')}.`,
    `Bugs to plant: ${PLANTED_BUGS.map(({ name }) => name).join(', ')}.`,
  ],
  async run(invocation) {
    const { flags, output, progress, interruption } = invocation
    const bug = plantedBug(flags.text('planted'))
    const seeds = seedsOf(invocation)
    const tally = new Tally()
    const startedMs = systemClock.monoMs()
    const elapsedMs = (): number => systemClock.monoMs() - startedMs
    progress.start(() => progressText(tally, elapsedMs()))
    try {
      for (let seed = seeds.first; seed < seeds.first + seeds.count; seed++) {
        if (interruption.received !== null || elapsedMs() >= seeds.limitMs) break
        const options = seedOptions(invocation, { seed, bug, isOnly: seeds.count === 1 })
        const result = await runSeed(options)
        tally.add(result)
        if (isFailure(result, bug)) {
          progress.stop()
          return await ended(invocation, { options, result, tally, elapsedMs: elapsedMs() })
        }
        if (output.isJson) output.object(resultObject(result))
        await output.drained()
      }
    } finally {
      progress.stop()
    }
    if (!output.isJson) for (const line of summaryLines(tally, elapsedMs())) output.line(line)
    if (bug === null || interruption.exitCode !== null) return interruption.exitCode ?? EXIT.ok
    throw new MqError(
      'INTERNAL',
      `the planted bug ${bug.name} was not found within ${tally.seedCount} seeds`,
      { hint: `it is expected within ${bug.seedsMax}: mq sim --planted ${bug.name}` },
    )
  },
}

/** A failure is what was looked for if a bug was planted, else what nobody wants. */
async function ended(
  invocation: Invocation,
  run: { options: SeedOptions; result: WorldResult; tally: Tally; elapsedMs: number },
): Promise<number> {
  const { output, note } = invocation
  const { options, result, tally } = run
  if (options.bug !== null) {
    if (output.isJson) output.object(resultObject(result))
    const names = result.violations.map(({ invariant }) => invariant).join(', ')
    if (!output.isJson) {
      output.line(`found at seed ${result.seed}, the ${ordinal(tally.seedCount)}: ${names}`)
      for (const line of summaryLines(tally, run.elapsedMs)) output.line(line)
    }
    return EXIT.ok
  }
  note(`seed ${result.seed} failed, looking for a smaller life that fails the same way …`)
  const shortened = await shortenSeed(options, result)
  if (output.isJson) output.object(resultObject(result))
  reportFailure(note, { result, shortened })
  const [first] = result.violations
  const others = result.violations.length - 1
  throw new MqError(
    'INTERNAL',
    `seed ${result.seed} breaks ${first?.invariant}${others > 0 ? ` and ${others} more` : ''}`,
    { hint: replayCommand(result.seed, shortened.narrowing) },
  )
}

function isFailure(result: WorldResult, bug: PlantedBug | null): boolean {
  if (bug === null) return result.violations.length > 0
  return result.violations.some(({ invariant }) => bug.noticedBy.includes(invariant))
}

function seedsOf({ flags }: Invocation): { first: number; count: number; limitMs: number } {
  const first = flags.integer('seed', { min: 0, max: SEED_MAX })
  const limitMs = flags.durationMs('for') ?? null
  const asked = flags.integer('seeds', { min: 1, max: SEED_MAX })
  const isOne = first !== undefined && limitMs === null && !flags.isSet('planted')
  const fallback = limitMs !== null ? SEED_MAX : isOne ? 1 : SEED_COUNT_DEFAULT
  return {
    first: first ?? 1,
    count: asked ?? fallback,
    limitMs: limitMs ?? Number.POSITIVE_INFINITY,
  }
}

function seedOptions(
  { flags, output }: Invocation,
  { seed, bug, isOnly }: { seed: number; bug: PlantedBug | null; isOnly: boolean },
): SeedOptions {
  const isTraced = flags.isSet('trace')
  const needsTwo = bug?.noticedBy.includes(SAME_TRACE) === true
  return {
    seed,
    bug,
    narrowing: {
      kinds: faultKinds(flags.text('faults')),
      workMs: flags.durationMs('work') ?? null,
    },
    isRepeated: needsTwo || isOnly || seed % REPEATED_EVERY === 0,
    ...(isTraced ? { onLine: (line: string) => output.line(line) } : {}),
  }
}

function faultKinds(text: string | undefined): FaultKind[] | null {
  if (text === undefined) return null
  if (text === 'none') return []
  return text.split(',').map((word) => {
    const kind = ALL_FAULT_KINDS.find((each) => each === word.trim())
    if (kind !== undefined) return kind
    throw new MqError('USAGE', `--faults: there is no kind of fault "${word.trim()}"`, {
      hint: `choose from ${ALL_FAULT_KINDS.join(', ')}, or none`,
    })
  })
}

function plantedBug(name: string | undefined): PlantedBug | null {
  if (name === undefined) return null
  const bug = findPlantedBug(name)
  if (bug !== null) return bug
  const names = PLANTED_BUGS.map((each) => each.name)
  const close = nearest(name, names)
  throw new MqError('USAGE', `there is no bug "${name}" to plant`, {
    hint: close === null ? `choose from ${names.join(', ')}` : `did you mean ${close}?`,
  })
}

function progressText(tally: Tally, elapsedMs: number): string {
  const perSecond = (tally.seedCount / Math.max(1, elapsedMs / 1_000)).toFixed(1)
  return `${tally.seedCount} seeds, ${perSecond} a second, ${formatDuration(tally.virtualMs)} of virtual time`
}

function ordinal(count: number): string {
  return count === 1 ? 'first' : `${count}th`
}
