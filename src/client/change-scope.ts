// Where a change of a topic's queues begins: what the brokers have, what is planned, and whether
// somebody began it already.

import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { PERMISSION } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import {
  type ChangePlan,
  isSameChange,
  partsOf,
  type QueueLayout,
  type TopicChange,
} from '../remoting/topic-change.ts'
import { askAll, findBrokers, mastersOf, requireRoute } from './admin-peers.ts'
import type { BrokerSummary, Gathered, PeerFailure } from './admin-results.ts'
import { fetchChangeView } from './change-calls.ts'
import type { BrokerView } from './change-progress.ts'
import type { Client } from './client.ts'
import { placementsOf } from './placements.ts'
import { type BrokerQueues, describePlan, planQueues, type QueuePlan } from './queue-plan.ts'

export interface ChangeScope {
  topic: string
  plan: ChangePlan
  brokers: BrokerQueues[]
  /** False: everything is as wanted. */
  isNeeded: boolean
  isResumed: boolean
  /** Some broker is past the fence: nothing can take the place of this change. */
  isBinding: boolean
  /** The highest that any broker has seen: of two changes a broker takes the higher attempt. */
  seenAttempt: number
  /** A change that no broker is past the fence of, and that this one takes the place of. */
  overruled: TopicChange | null
  failures: PeerFailure[]
}

export interface ScopeOptions {
  topic: string
  queueCount: number
  order: 'drain' | 'none'
  holdMs: number
  /** Also if a broker of a change that was begun is away: it may be lost for good. */
  isForced?: boolean
  /** Lost for good: as if the routes did not have them any more. */
  lostBrokers?: readonly string[]
}

/** Without the brokers' word: for those of other products, which have no part in keeping order. */
export async function findPlainPlan(client: Client, options: ScopeOptions): Promise<QueuePlan> {
  const { topic, queueCount } = options
  const { route } = await requireRoute(client, topic)
  const brokers = await brokersOf(client, route)
  return planQueues({ topic, route, brokers, queueCount })
}

export async function findScope(client: Client, options: ScopeOptions): Promise<ChangeScope> {
  const { topic, queueCount, order, holdMs, lostBrokers = [] } = options
  const { route: known, failures } = await requireRoute(client, topic)
  const route = routeWithout(known, lostBrokers)
  const all = await brokersOf(client, known)
  await checkLost(client, topic, all, lostBrokers)
  const brokers = all.filter(({ brokerName }) => !lostBrokers.includes(brokerName))
  checkQueueCount(queueCount, brokers.length)
  const { value: views, failures: silent } = await viewsOf(client, topic, brokers)
  const failed = silent[0]
  if (failed !== undefined) throw cannotChange(topic, failed)
  const seenAttempt = seenAttemptOf(views)
  const running = runningChange(views)
  const isBinding = running !== null && isPastFence(views, running)
  const scope = { topic, seenAttempt, isBinding, overruled: null, failures }
  if (running !== null && options.isForced !== true) {
    checkPresent(topic, running, [...brokers.map(({ brokerName }) => brokerName), ...lostBrokers])
  }
  if (running !== null && isBinding) {
    checkSame(topic, running, queueCount)
    const { before, after } = running
    const described = describePlan({ topic, route, brokers, before, after })
    const plan = { ...planOf(running), holdMs }
    const rows = withInvolved(described.brokers, views)
    return { ...scope, plan, brokers: rows, isNeeded: true, isResumed: true }
  }
  checkRoute(topic, route, views)
  const { before, after, brokers: planned } = planQueues({ topic, route, brokers, queueCount })
  const rows = withInvolved(planned, views)
  const isNeeded =
    before.tag !== after.tag ||
    rows.some(({ retiredQueueIds }) => retiredQueueIds.length > 0) ||
    views.some(isRunning)
  const birthId = views.flatMap(({ view }) => view?.birthId ?? [])[0] ?? null
  const plan = { order, before, after, holdMs, birthId, attempt: seenAttempt + 1 }
  if (running === null) return { ...scope, plan, brokers: rows, isNeeded, isResumed: false }
  // If others were prepared for yet another one no broker may be left in that.
  const isMine = (change: TopicChange): boolean =>
    isSameChange(change, plan) && change.order === order
  if (!newestChanges(views).every(isMine)) {
    return { ...scope, overruled: running, plan, brokers: rows, isNeeded, isResumed: false }
  }
  const joined = { ...plan, attempt: running.attempt }
  return { ...scope, plan: joined, brokers: rows, isNeeded, isResumed: true }
}

/** What `mq topic plan` shows: the change that would be made, or the one on its way. */
export async function planTopicChange(
  client: Client,
  options: { topic: string; queueCount: number },
): Promise<{ scope: ChangeScope; running: TopicChange | null }> {
  const scope = await findScope(client, { ...options, order: 'drain', holdMs: 0 })
  if (!scope.isResumed) return { scope, running: scope.overruled }
  const { value } = await fetchViews(client, scope)
  return { scope, running: runningChange(value) }
}

/** The change that the brokers of a route are in. Those that do not answer, or cannot, have none. */
export async function findRunningChange(
  client: Client,
  topic: string,
  route: TopicRoute,
): Promise<{ phase: TopicChange['phase']; queueCount: number } | null> {
  const { value } = await viewsOf(client, topic, placementsOf(route))
  const running = runningChange(value)
  return running === null ? null : { phase: running.phase, queueCount: queueCountOf(running.after) }
}

/** Every broker of the change. */
export function fetchViews(
  client: Client,
  { topic, brokers }: Pick<ChangeScope, 'topic' | 'brokers'>,
): Promise<Gathered<BrokerView[]>> {
  return viewsOf(client, topic, brokers)
}

async function viewsOf(
  client: Client,
  topic: string,
  brokers: readonly { brokerName: string; address: string }[],
): Promise<Gathered<BrokerView[]>> {
  const { value, failures } = await askAll(
    brokers.map(({ address }) => address),
    `its part of topic ${topic}`,
    (address) => fetchChangeView(client.caller, address, topic),
  )
  const views = value.flatMap(({ peer, value: view }) => {
    const broker = brokers.find(({ address }) => address === peer)
    return broker === undefined ? [] : { brokerName: broker.brokerName, address: peer, view }
  })
  return { value: views, failures }
}

async function brokersOf(client: Client, route: TopicRoute): Promise<BrokerSummary[]> {
  const clusters = new Set(route.brokers.map(({ cluster }) => cluster))
  const masters = mastersOf((await findBrokers(client)).value)
  return masters.filter(({ cluster }) => clusters.has(cluster))
}

/**
 * The change some broker is in: of several, the one that is furthest. One with an older attempt than
 * others have seen is over: the broker was away when they went on without it.
 */
function runningChange(views: readonly BrokerView[]): TopicChange | null {
  const newest = newestChanges(views)
  const fenced = newest.find(({ phase }) => phase === 'fenced')
  return fenced ?? newest.find(({ phase }) => phase === 'prepared') ?? null
}

/** Whether some broker is past the fence: then it is completed before there can be another. */
function isPastFence(views: readonly BrokerView[], running: TopicChange): boolean {
  return newestChanges(views).some(
    (change) =>
      isSameChange(change, running) && (change.phase === 'fenced' || change.phase === 'finished'),
  )
}

function newestChanges(views: readonly BrokerView[]): TopicChange[] {
  const seenAttempt = seenAttemptOf(views)
  return views
    .flatMap(({ view }) => view?.change ?? [])
    .filter(({ attempt }) => attempt === seenAttempt)
}

function seenAttemptOf(views: readonly BrokerView[]): number {
  return Math.max(0, ...views.map(({ view }) => view?.change?.attempt ?? 0))
}

function isRunning({ view }: BrokerView): boolean {
  const phase = view?.change?.phase
  return phase === 'prepared' || phase === 'fenced'
}

/** Also brokers that only another change, now overruled, was to give queues to. */
function withInvolved(rows: BrokerQueues[], views: readonly BrokerView[]): BrokerQueues[] {
  const others = views
    .filter(isRunning)
    .filter(({ brokerName }) => !rows.some((row) => row.brokerName === brokerName))
  return [
    ...rows,
    ...others.map(({ brokerName, address }) => ({
      brokerName,
      address,
      beforeCount: 0,
      afterCount: 0,
      newQueueIds: [],
      retiredQueueIds: [],
    })),
  ]
}

function planOf({ order, before, after, holdMs, birthId, attempt }: TopicChange): ChangePlan {
  return { order, before, after, holdMs, birthId, attempt }
}

function queueCountOf(layout: QueueLayout): number {
  return partsOf(layout).reduce((sum, { queueCount }) => sum + queueCount, 0)
}

function checkSame(topic: string, running: TopicChange, queueCount: number): void {
  const sum = queueCountOf(running.after)
  if (sum === queueCount) return
  throw new MqError(
    'NO_PERMISSION',
    `topic ${topic} is on its way to ${sum} queues already (${running.after.queues})`,
    { hint: `complete that first: mq topic alter ${topic} --queues ${sum}` },
  )
}

function checkPresent(
  topic: string,
  { before, after }: TopicChange,
  present: readonly string[],
): void {
  const names = [...partsOf(before), ...partsOf(after)].map(({ brokerName }) => brokerName)
  const away = names.find((name) => !present.includes(name))
  if (away === undefined) return
  throw new MqError('UNREACHABLE', `the change of ${topic} concerns ${away}, which is away`, {
    hint: `start ${away} again and repeat the command; if it is lost for good go on without it, and without the order of keys that it had messages of: --without ${away}`,
  })
}

function routeWithout(route: TopicRoute, lostBrokers: readonly string[]): TopicRoute {
  const isLeft = ({ brokerName }: { brokerName: string }): boolean =>
    !lostBrokers.includes(brokerName)
  return { ...route, queues: route.queues.filter(isLeft), brokers: route.brokers.filter(isLeft) }
}

/** A broker that answers is not lost: what it takes meanwhile would be counted with another list. */
async function checkLost(
  client: Client,
  topic: string,
  brokers: readonly BrokerSummary[],
  lostBrokers: readonly string[],
): Promise<void> {
  const listed = brokers.filter(({ brokerName }) => lostBrokers.includes(brokerName))
  const { value } = await viewsOf(client, topic, listed)
  const living = value[0]
  if (living === undefined) return
  throw new MqError('NO_PERMISSION', `broker ${living.brokerName} is not lost: it answers`, {
    hint: 'the change needs it; repeat the command without --without',
  })
}

/** What would make the list that producers have another one than ours. */
function checkRoute(topic: string, route: TopicRoute, views: readonly BrokerView[]): void {
  if (route.orderConfig !== null) {
    throw new MqError('NO_PERMISSION', `the queues of ${topic} are fixed by an administrator`, {
      hint: `its order configuration is ${route.orderConfig}; change that instead`,
    })
  }
  const drained = placementsOf(route).find(({ brokerName, permission }) => {
    const own = views.find((view) => view.brokerName === brokerName)?.view?.permission ?? 0
    return (permission & PERMISSION.write) === 0 && (own & PERMISSION.write) !== 0
  })
  if (drained === undefined) return
  throw new MqError('NO_PERMISSION', `producers are kept away from ${drained.brokerName} now`, {
    hint: `bring it back first: mq undrain ${drained.brokerName}`,
  })
}

function checkQueueCount(queueCount: number, brokerCount: number): void {
  const queueCountMax = QUEUE_COUNT_MAX * brokerCount
  if (Number.isInteger(queueCount) && queueCount >= 1 && queueCount <= queueCountMax) return
  throw new MqError('USAGE', `a topic cannot have ${queueCount} queues`, {
    hint: `use 1 to ${queueCountMax} on ${brokerCount} brokers`,
  })
}

function cannotChange(topic: string, { peer, error }: PeerFailure): MqError {
  if (error.code !== 'NOT_SUPPORTED') {
    return new MqError(
      error.code,
      `${topic} is not changed while a broker is away: ${error.message}`,
      {
        hint: `bring ${peer} back first; if it is lost for good go on without it: --without BROKER`,
        cause: error,
      },
    )
  }
  return new MqError('NOT_SUPPORTED', `broker ${peer} cannot change queues step by step`, {
    hint: `it is another product's; without keeping keys in order: mq topic alter ${topic} --order none --queues N`,
    cause: error,
  })
}
