// The account of all sends: what was acknowledged must arrive, and everything is counted.

import type { LoadGroup } from './load-group.ts'
import type { LoadProducer } from './load-producer.ts'
import type { Stage } from './stage.ts'
import { lasting } from './words.ts'

/** Slow consumers have a backlog. */
const DRAIN_LIMIT_MS = 240_000

export interface Account {
  group: LoadGroup
  producers: readonly LoadProducer[]
}

/** Waits until all acknowledged messages have arrived; those on a broker that stays away wait there. */
export async function accountFor(
  stage: Stage,
  {
    group,
    producers,
    gone = null,
    title = 'lost',
  }: Account & { gone?: string | null; title?: string },
): Promise<void> {
  const { lab, timeline } = stage
  const reachable = producers.flatMap(({ acknowledged }) =>
    [...acknowledged].filter(([, { brokerName }]) => brokerName !== gone).map(([id]) => id),
  )
  const total = producers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
  // Asked often, so only of those still missing.
  let missing = group.missing(reachable)
  const tookMs = await lab.until(() => {
    missing = group.missing(missing)
    return missing.length === 0
  }, DRAIN_LIMIT_MS)
  const waiting = total - reachable.length
  timeline.fact({
    title,
    expected: 'no acknowledged message is lost',
    seen:
      `${missing.length} of ${total} lost, ${group.duplicates()} delivered more than once` +
      (tookMs === null ? '' : `; the last was delivered after ${lasting(tookMs)}`) +
      (waiting > 0 ? `; ${waiting} wait on ${gone}` : ''),
    isMet: missing.length === 0,
  })
}

/** One row per producer. */
export function sendsTable(stage: Stage, options: Account & { brokerName?: string }): void {
  const { group, producers, brokerName } = options
  stage.timeline.table({
    title: 'sends',
    columns: [
      'producer',
      'sent',
      'acknowledged',
      'failed',
      'retried',
      'lost',
      'duplicated',
      ...(brokerName === undefined ? [] : [`failed requests at ${brokerName}`]),
      'window of failures',
    ],
    rows: producers.map((producer) => {
      const { name, sent, acknowledged, failures, retried, failedAttempts } = producer
      const isOwn = (id: string): boolean => id.startsWith(`${name}-`)
      const there = failedAttempts.filter((attempt) => attempt.brokerName === brokerName)
      return [
        name,
        sent,
        acknowledged.size,
        failures.length,
        retried,
        group.missing(acknowledged.keys()).length,
        group.duplicates(isOwn),
        ...(brokerName === undefined ? [] : [there.length]),
        windowOf(producer),
      ]
    }),
  })
}

function windowOf({ failures }: LoadProducer): string {
  const first = failures[0]
  const last = failures.at(-1)
  return first === undefined || last === undefined ? '-' : lasting(last.atMs - first.atMs)
}
