// What the brokers say of a change of queues, put together: which groups are behind, which may go on,
// which queues nobody has taken. Pure.

import type { ChangePlan, ChangeView, TopicChange } from '../remoting/topic-change.ts'
import { isSameChange, queueCountOn } from '../remoting/topic-change.ts'

export interface BrokerView {
  brokerName: string
  address: string
  /** Null: it does not have the topic. */
  view: ChangeView | null
}

export interface GroupWait {
  group: string
  /** On the broker where most are connected; 0: nobody consumes for it now. */
  memberCount: number
  /** What it has still to consume. */
  messageCount: number
}

/** In order; a broker that abandoned a change has to begin again. */
const PHASES: readonly TopicChange['phase'][] = ['prepared', 'fenced', 'finished']

/** Whether a broker has come at least that far in this very change. */
export function isPast(
  { view }: BrokerView,
  plan: Pick<ChangePlan, 'before' | 'after' | 'attempt'>,
  phase: TopicChange['phase'],
): boolean {
  const change = view?.change ?? null
  if (change === null || !isOf(change, plan)) return false
  return PHASES.indexOf(change.phase) >= PHASES.indexOf(phase)
}

function isOf(
  change: TopicChange,
  plan: Pick<ChangePlan, 'before' | 'after' | 'attempt'>,
): boolean {
  return change.attempt === plan.attempt && isSameChange(change, plan)
}

export function isFencedIn(view: BrokerView, plan: ChangePlan): boolean {
  return isPast(view, plan, 'fenced') && !isPast(view, plan, 'finished')
}

/** Groups that have consumed everything before the cuts and are still held somewhere. */
export function drainedGroups(views: readonly BrokerView[]): string[] {
  const behind = new Set(behindGroups(views).map(({ group }) => group))
  const held = views.flatMap(({ view }) => view?.groups ?? []).filter((each) => !each.isReleased)
  return [...new Set(held.map(({ group }) => group))].filter((group) => !behind.has(group))
}

export function behindGroups(views: readonly BrokerView[]): GroupWait[] {
  return waitsOf(views, ({ view }, group) => {
    const known = view?.groups.find((each) => each.group === group.group)
    // A group that reads on already may have been set back since.
    if (known !== undefined) return known.isReleased ? 0 : known.behindCount
    // A broker its members have not told of themselves yet: they cannot have consumed there.
    const cuts = view?.change?.cuts ?? []
    return group.memberCount > 0 ? cuts.reduce((sum, cut) => sum + cut, 0) : 0
  })
}

/** Groups that have not consumed all of the queues that go. */
export function leftGroups(views: readonly BrokerView[]): GroupWait[] {
  return waitsOf(
    views,
    ({ view }, { group }) => view?.groups.find((each) => each.group === group)?.leftCount ?? 0,
  )
}

/** Queues of the new list that members of a group have not committed in: nobody owned them yet. */
export function untakenQueues(
  views: readonly BrokerView[],
  plan: Pick<ChangePlan, 'after'>,
): { group: string; brokerName: string; queueId: number }[] {
  const online = groupsOf(views).filter(({ memberCount }) => memberCount > 0)
  return online.flatMap(({ group }) =>
    views.flatMap(({ brokerName, view }) => {
      const count = queueCountOn(plan.after, brokerName)
      const known = view?.groups.find((each) => each.group === group)
      const ids = known?.untakenQueueIds ?? Array.from({ length: count }, (_, id) => id)
      return ids
        .filter((queueId) => queueId < count)
        .map((queueId) => ({ group, brokerName, queueId }))
    }),
  )
}

function waitsOf(
  views: readonly BrokerView[],
  countAt: (view: BrokerView, group: { group: string; memberCount: number }) => number,
): GroupWait[] {
  return groupsOf(views)
    .map((group) => ({
      ...group,
      messageCount: views.reduce((sum, view) => sum + countAt(view, group), 0),
    }))
    .filter(({ messageCount }) => messageCount > 0)
}

function groupsOf(views: readonly BrokerView[]): { group: string; memberCount: number }[] {
  const counts = new Map<string, number>()
  for (const { group, memberCount } of views.flatMap(({ view }) => view?.groups ?? [])) {
    counts.set(group, Math.max(counts.get(group) ?? 0, memberCount))
  }
  return [...counts].map(([group, memberCount]) => ({ group, memberCount }))
}
