// kill -9 of any process at any moment, one at a time, until the load is through. The moments and the
// victims come from a seed; what happens in between does not, because the processes are real.

import { sleep, systemClock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { DemoRun } from './demo-run.ts'
import type { Timeline } from './timeline.ts'

/** How long a killed process stays away, at most. */
const AWAY_MS_MAX = 1_500

export interface ChaosOptions {
  run: DemoRun
  timeline: Timeline
  random: Random
  /** Mean time between two kills. */
  intervalMs: number
  isOver: () => boolean
}

/** Resolves with the number of kills, when everything is back. */
export async function killAtRandom(options: ChaosOptions): Promise<number> {
  const { run, timeline, random, intervalMs, isOver } = options
  let kills = 0
  for (;;) {
    await pause(random.float() * 2 * intervalMs, isOver)
    if (isOver()) return kills
    const victim = pick(run, random)
    const awayMs = random.float() * AWAY_MS_MAX
    timeline.event(
      'kill -9',
      `${victim.name} (pid ${victim.pid}), back after ${awayMs.toFixed(0)} ms`,
    )
    kills++
    await victim.kill()
    await sleep(systemClock, awayMs)
    await victim.restart()
  }
}

interface Victim {
  name: string
  pid: number
  kill(): Promise<void>
  restart(): Promise<unknown>
}

function pick(run: DemoRun, random: Random): Victim {
  const nodes = run.cluster.nodes().map(
    (node): Victim => ({
      name: node.name,
      pid: node.pid,
      kill: () => node.kill(),
      restart: () => run.cluster.startNode(node.name),
    }),
  )
  const consumers = run.consumerNames().flatMap((name): Victim[] => {
    const consumer = run.consumer(name)
    if (consumer === undefined) return []
    return [
      {
        name,
        pid: consumer.pid,
        kill: () => consumer.kill(),
        restart: async () => run.startConsumer(name),
      },
    ]
  })
  const all = [...nodes, ...consumers]
  return all[random.below(all.length)] as Victim
}

async function pause(delayMs: number, isOver: () => boolean): Promise<void> {
  const endMs = systemClock.monoMs() + delayMs
  while (systemClock.monoMs() < endMs && !isOver()) await sleep(systemClock, 20)
}
