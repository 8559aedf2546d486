// What a scenario is: a name, a promise of how long it takes, and a script over a stage.

import type { LabIntervals } from './lab-cluster.ts'
import type { Stage } from './stage.ts'

/** Four ways for a broker to go. */
export const SHUTDOWN_MODES = ['graceful', 'kill', 'freeze', 'disconnect'] as const
export type ShutdownMode = (typeof SHUTDOWN_MODES)[number]

export interface ScenarioOptions {
  mode: ShutdownMode
  /** The broker that goes. */
  brokerName: string
}

/** Load before anything goes wrong. */
export const WARM_UP_MS = 3_000

export interface Scenario {
  name: string
  /** One line for a list. */
  summary: string
  /** About how long it takes, so that nobody waits in the dark. */
  lengthMs(intervals: LabIntervals, options: ScenarioOptions): number
  run(stage: Stage, options: ScenarioOptions): Promise<void>
}
