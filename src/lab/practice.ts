// One scenario from the first event to the last table, whatever the cluster is made of.

import type { Clock } from '../core/clock.ts'
import { brokerShutdown } from './broker-shutdown.ts'
import { deleteAway } from './delete-away.ts'
import { nameserverLoss } from './nameserver-loss.ts'
import { scaleIn } from './scale-in.ts'
import { scaleOut } from './scale-out.ts'
import type { Scenario, ScenarioOptions } from './scenario.ts'
import { splitView } from './split-view.ts'
import { Stage, type StageOptions } from './stage.ts'
import type { Timeline } from './timeline.ts'
import { expand, shrink } from './topic-queues.ts'
import { VirtualLab } from './virtual-lab.ts'

export const SCENARIOS: readonly Scenario[] = [
  brokerShutdown,
  splitView,
  nameserverLoss,
  scaleOut,
  scaleIn,
  expand,
  shrink,
  deleteAway,
]

/** What a throw-away cluster begins with. */
export const LAB_BROKERS = ['broker-a', 'broker-b'] as const
export const PER_SECOND = 50

/** Plays the scenario; what it set up is closed whatever happens. */
export async function practise(
  scenario: Scenario,
  options: StageOptions & ScenarioOptions,
): Promise<void> {
  const stage = new Stage(options)
  try {
    await scenario.run(stage, options)
  } finally {
    await stage.close()
  }
}

export interface VirtualRun<T extends Timeline> {
  timeline: T
  /** Equal for equal runs: made of everything that arrived anywhere, and when. */
  traceHash: string
}

/** The scenario in virtual time. The same seed gives the same timeline, to the byte. */
export async function practiseVirtually<T extends Timeline>(
  scenario: Scenario,
  options: ScenarioOptions & {
    seed: number
    perSecond?: number
    newTimeline: (clock: Clock) => T
  },
): Promise<VirtualRun<T>> {
  const { seed, perSecond = PER_SECOND } = options
  const lab = await VirtualLab.start(seed, LAB_BROKERS)
  const timeline = options.newTimeline(lab.clock)
  const stage = { ...options, lab, timeline, perSecond, suffix: '', onProgress: () => {} }
  await lab.run(practise(scenario, stage))
  return { timeline, traceHash: lab.traceHash }
}
