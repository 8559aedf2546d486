// Plays a scenario of the lab in virtual time. A stage of one's own takes an answer away, to see that
// the scenario notices.

import { LAB_BROKERS, practiseVirtually, SCENARIOS } from '../../src/lab/practice.ts'
import type { Scenario, ShutdownMode } from '../../src/lab/scenario.ts'
import { Stage, type StageOptions } from '../../src/lab/stage.ts'
import { type Fact, Timeline } from '../../src/lab/timeline.ts'
import { VirtualLab } from '../../src/lab/virtual-lab.ts'

/** Enough for every share and window to show. */
const PER_SECOND = 20

export interface PracticeOptions {
  seed: number
  mode?: ShutdownMode
  perSecond?: number
}

export interface Practice {
  timeline: Timeline
  traceHash: string
}

export function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  return scenario
}

const played = new Map<string, Promise<Practice>>()

/** Plays it, or remembers how it went: that depends on nothing else. */
export function play(name: string, options: PracticeOptions): Promise<Practice> {
  const key = JSON.stringify([name, options])
  const known = played.get(key) ?? playAnew(name, options)
  played.set(key, known)
  return known
}

export function playAnew(name: string, options: PracticeOptions): Promise<Practice> {
  return practiseVirtually(scenarioOf(name), {
    mode: 'kill',
    brokerName: 'broker-b',
    perSecond: PER_SECOND,
    newTimeline: (clock) => new Timeline({ clock, onEntry: () => {} }),
    ...options,
  })
}

/** The same on a stage, or a cluster, that lacks something. */
export async function playOn(
  name: string,
  options: PracticeOptions & {
    newStage?: (options: StageOptions) => Stage
    prepare?: (lab: VirtualLab) => void
  },
): Promise<Timeline> {
  const { seed, mode = 'kill', perSecond = PER_SECOND } = options
  const lab = await VirtualLab.start(seed, LAB_BROKERS)
  options.prepare?.(lab)
  const timeline = new Timeline({ clock: lab.clock, onEntry: () => {} })
  const own = { lab, timeline, perSecond, suffix: '', onProgress: () => {} }
  const stage = options.newStage?.(own) ?? new Stage(own)
  await lab.run(scenarioOf(name).run(stage, { mode, brokerName: 'broker-b' }))
  return timeline
}

export function missed({ facts }: Timeline): string[] {
  return facts
    .filter(({ isMet }) => !isMet)
    .map(({ requirement, title, seen }) => `${requirement} ${title}: ${seen}`)
}

export function factsOf({ facts }: Timeline, requirement: string): Fact[] {
  return facts.filter((fact) => fact.requirement === requirement)
}

export function fact({ facts }: Timeline, title: string): Fact {
  const found = facts.find((each) => each.title === title)
  if (found === undefined) throw new Error(`there is no fact "${title}"`)
  return found
}

/** The first number of what was seen. */
export function numberIn(text: string): number {
  return Number(/\d+(\.\d+)?/.exec(text)?.[0] ?? Number.NaN)
}
