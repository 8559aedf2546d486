// Changing the number of a topic's queues on a running cluster, without a failed send, and with the
// order of every key kept (docs/TOPICS.md tells why each step is there).
//
// The brokers hold the state of the change, this only leads it: it may be ended between any two steps,
// and calling it again goes on from there. What it promises about order holds for producers of this
// product that hash keys; others compute with whatever list they have.

import { sleep } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { TOPIC_FLAG } from '../remoting/codes.ts'
import type { TopicQueues, TopicRoute } from '../remoting/route.ts'
import {
  type ChangePlan,
  type ChangeStep,
  isSameChange,
  partsOf,
} from '../remoting/topic-change.ts'
import { askAll, mergeFailures } from './admin-peers.ts'
import type { PeerFailure } from './admin-results.ts'
import { takeStep } from './change-calls.ts'
import {
  type BrokerView,
  behindGroups,
  drainedGroups,
  type GroupWait,
  isFencedIn,
  isPast,
  leftGroups,
  untakenQueues,
} from './change-progress.ts'
import {
  CHANGE_LIMIT_MS,
  CHANGE_SETTLE_MS,
  type ChangeProgressStep,
  interrupted,
  type QueuePauseAt,
  type TopicChangeOptions,
  timedOut,
} from './change-results.ts'
import { type ChangeScope, fetchViews, findPlainPlan, findScope } from './change-scope.ts'
import type { Client } from './client.ts'
import type { MessageQueue } from './message.ts'
import type { BrokerQueues } from './queue-plan.ts'
import { TopicAdmin } from './topic-admin.ts'
import { waitVisible } from './topic-setup.ts'

const POLL_MS = 200
/** A broker gives a change up when whoever led it could have ended it this long ago. */
const HOLD_SLACK_MS = 60_000

export interface TopicChangeOutcome {
  topic: string
  order: 'drain' | 'none'
  /** False: the topic has that many queues already. */
  isChanged: boolean
  /** Whether it went on with a change that somebody had begun. */
  isResumed: boolean
  brokers: BrokerQueues[]
  /** How long the first message of each queue was held back; queues that held none are left out. */
  pauses: QueuePauseAt[]
  longestPauseMs: number
  /** Groups that the change did not wait for. */
  leftBehind: GroupWait[]
  /** Queues that members of a group have not taken yet. */
  unowned: { group: string; queue: MessageQueue }[]
  failures: PeerFailure[]
}

/**
 * Rejects with TIMED_OUT naming the groups that were waited for, NO_PERMISSION where another change
 * is past its fence, PARTIAL where another one came in between, NOT_SUPPORTED where a broker cannot keep order, and with what a broker answered.
 */
export async function changeTopic(
  client: Client,
  options: TopicChangeOptions,
): Promise<TopicChangeOutcome> {
  const { limitMs = CHANGE_LIMIT_MS, settleMs = CHANGE_SETTLE_MS } = options
  // Giving way to other clients is not part of the limit.
  const holdMs = limitMs + HOLD_SLACK_MS + Math.max(0, settleMs - CHANGE_SETTLE_MS)
  const { order = 'drain' } = options
  const wanted = { ...options, order, holdMs }
  try {
    const scope = await findScope(client, wanted)
    return await new Change(client, options, scope).run()
  } catch (error) {
    const isForeign = error instanceof MqError && error.code === 'NOT_SUPPORTED'
    if (order === 'drain' || !isForeign) throw error
    return plainChange(client, { ...wanted, order })
  }
}

/** Where some broker is another product's: all at once, and queues that go stay readable for good. */
async function plainChange(
  client: Client,
  wanted: TopicChangeOptions & { order: 'none'; holdMs: number },
): Promise<TopicChangeOutcome> {
  const { topic, queueCount, order } = wanted
  const { brokers } = await findPlainPlan(client, wanted)
  const changed = await new TopicAdmin(client).alter({ topic, queueCount })
  return {
    topic,
    order,
    isChanged: changed.value.length > 0,
    isResumed: false,
    brokers,
    pauses: [],
    longestPauseMs: 0,
    leftBehind: [],
    unowned: [],
    failures: changed.failures,
  }
}

class Change {
  readonly #client: Client
  readonly #options: TopicChangeOptions
  readonly #scope: ChangeScope
  readonly #startMs: number
  readonly #deadlineMs: number
  readonly #pauses = new Map<string, QueuePauseAt>()
  readonly #leftBehind = new Map<string, GroupWait>()
  #failures: PeerFailure[]

  constructor(client: Client, options: TopicChangeOptions, scope: ChangeScope) {
    this.#client = client
    this.#options = options
    this.#scope = scope
    this.#startMs = client.options.clock.monoMs()
    this.#deadlineMs = this.#startMs + (options.limitMs ?? CHANGE_LIMIT_MS)
    this.#failures = scope.failures
  }

  readonly #isFenced = (view: BrokerView): boolean => isFencedIn(view, this.#scope.plan)

  async run(): Promise<TopicChangeOutcome> {
    const { plan, isNeeded } = this.#scope
    if (isNeeded) {
      await this.#prepare()
      await this.#fence(plan)
      if (plan.order === 'drain') await this.#drain()
      await this.#retire()
      await this.#finish()
    }
    return this.#outcome()
  }

  async #prepare(): Promise<void> {
    const { brokers, plan } = this.#scope
    // Also where it was prepared by somebody else: it must not be given up now.
    await this.#step('prepare', (view) => !isPast(view, plan, 'fenced'))
    await this.#visible((route) =>
      brokers.every(
        ({ brokerName, afterCount }) => queuesOn(route, brokerName).readQueueCount >= afterCount,
      ),
    )
    // Consumers that own the new queues before the first message is in them miss nothing of it.
    if (brokers.every(({ newQueueIds }) => newQueueIds.length === 0)) return
    const views = await this.#views()
    if (views.every((view) => isPast(view, plan, 'fenced'))) return
    const settledMs = this.#nowMs() + (this.#options.settleMs ?? CHANGE_SETTLE_MS)
    for (;;) {
      const untaken = untakenQueues(await this.#views(), plan)
      if (untaken.length === 0 || this.#nowMs() >= Math.min(settledMs, this.#deadlineMs)) return
      this.#tell('own')
      await sleep(this.#client.options.clock, POLL_MS)
    }
  }

  async #fence(plan: ChangePlan): Promise<void> {
    await this.#step('fence', (view) => !isPast(view, plan, 'finished'))
    await this.#visible((route) =>
      this.#scope.brokers.every(({ brokerName, afterCount }) => {
        const { writeQueueCount } = queuesOn(route, brokerName)
        return afterCount === 0 || writeQueueCount === afterCount
      }),
    )
  }

  /** Every group gets what was held back as soon as it has consumed what was before it. */
  async #drain(): Promise<void> {
    if (this.#options.order !== 'none') {
      await this.#waitForGroups('drain', async (views) => {
        for (const group of drainedGroups(views)) {
          const pauses = await this.#step('release', this.#isFenced, { group })
          for (const pause of pauses) this.#notePause(pause)
        }
        return behindGroups(views)
      })
    }
    await this.#step('release', this.#isFenced)
  }

  async #retire(): Promise<void> {
    const going = this.#scope.brokers.filter(({ retiredQueueIds }) => retiredQueueIds.length > 0)
    if (going.length === 0) return
    const names = new Set(going.map(({ brokerName }) => brokerName))
    const isOpen = (view: BrokerView): boolean =>
      names.has(view.brokerName) && view.view?.change?.isClosed !== true
    if ((await this.#views()).some(isOpen)) {
      await this.#settle()
      await this.#step('close', isOpen)
    }
    await this.#waitForGroups('consume', async (views) => leftGroups(views))
    const isGoing = (view: BrokerView): boolean =>
      names.has(view.brokerName) && this.#isFenced(view)
    await this.#step('retire', isGoing)
    await this.#visible((route) =>
      going.every(({ brokerName, afterCount }) => {
        const queues = queuesOn(route, brokerName)
        return afterCount === 0 ? queues.permission === 0 : queues.readQueueCount === afterCount
      }),
    )
  }

  /** Producers of other makes go on with the queues they know until they ask for the route again. */
  async #settle(): Promise<void> {
    const settledMs = this.#nowMs() + (this.#options.settleMs ?? CHANGE_SETTLE_MS)
    while (this.#nowMs() < settledMs) {
      this.#tell('settle')
      await sleep(this.#client.options.clock, Math.min(1_000, settledMs - this.#nowMs()))
    }
  }

  async #finish(): Promise<void> {
    await this.#step('finish', this.#isFenced)
    await this.#visible((route) =>
      this.#scope.brokers.every(
        ({ brokerName }) => (queuesOn(route, brokerName).systemFlag & TOPIC_FLAG.isChanging) === 0,
      ),
    )
  }

  async #waitForGroups(
    step: ChangeProgressStep,
    look: (views: BrokerView[]) => Promise<GroupWait[]>,
  ): Promise<void> {
    for (;;) {
      const all = await look(await this.#views())
      const isLate = this.#nowMs() >= this.#deadlineMs
      const isForced = this.#options.isForced === true
      const waits = all.filter(({ memberCount }) => !isForced || (memberCount > 0 && !isLate))
      if (waits.length === 0) {
        for (const wait of all) this.#leftBehind.set(wait.group, wait)
        return
      }
      if (isLate) throw timedOut(step, waits, this.#options)
      this.#tell(step, waits)
      await sleep(this.#client.options.clock, POLL_MS)
    }
  }

  /** Asks those brokers it applies to, and goes on only when all of them did it. */
  async #step(
    step: ChangeStep,
    applies: (view: BrokerView) => boolean,
    options: { group?: string } = {},
  ): Promise<QueuePauseAt[]> {
    const views = (await this.#views()).filter(applies)
    if (options.group === undefined) this.#tell(step)
    const pauses: QueuePauseAt[] = []
    for (const round of this.#roundsOf(step, views)) {
      pauses.push(...(await this.#takeAll(step, round, options)))
    }
    return pauses
  }

  /**
   * One broker is always prepared and fenced before the others, and where another change is overruled
   * that one's first broker too: what it refuses nobody else has heard of.
   */
  #roundsOf(step: ChangeStep, views: BrokerView[]): BrokerView[][] {
    const { plan, overruled } = this.#scope
    if (step !== 'prepare' && step !== 'fence') return [views]
    const layouts = step === 'prepare' && overruled !== null ? [overruled, plan] : [plan]
    const firsts = new Set(layouts.map(({ before }) => partsOf(before)[0]?.brokerName))
    const isFirst = ({ brokerName }: BrokerView): boolean => firsts.has(brokerName)
    const rounds = [...firsts].map((name) => views.filter(({ brokerName }) => brokerName === name))
    return [...rounds, views.filter((view) => !isFirst(view))].filter(({ length }) => length > 0)
  }

  async #takeAll(
    step: ChangeStep,
    views: BrokerView[],
    options: { group?: string },
  ): Promise<QueuePauseAt[]> {
    const { topic, isForced = false } = this.#options
    const { plan, seenAttempt, isBinding } = this.#scope
    const { value, failures } = await askAll(
      views.map(({ address }) => address),
      `step "${step}" of the change of ${topic}`,
      (address) => {
        const change = views.find((each) => each.address === address)?.view?.change ?? null
        // A broker drops a change that the others have gone on without, not one that may be fenced yet.
        const isLeftBehind =
          change !== null &&
          (change.attempt < seenAttempt || (isBinding && !isSameChange(change, plan)))
        return takeStep(this.#client.caller, address, {
          topic,
          step,
          plan,
          isForced: step === 'prepare' ? isLeftBehind : isForced,
          ...options,
        })
      },
    )
    const failed = failures[0]
    if (failed !== undefined) throw interrupted(step, failed, this.#options)
    return value.flatMap(({ peer, value: pauses }) => {
      const brokerName = views.find(({ address }) => address === peer)?.brokerName ?? peer
      return pauses.map((pause) => ({ ...pause, brokerName }))
    })
  }

  async #views(): Promise<BrokerView[]> {
    const { value, failures } = await fetchViews(this.#client, this.#scope)
    const failed = failures[0]
    if (failed !== undefined) throw interrupted('finish', failed, this.#options)
    return value
  }

  async #visible(isAsWanted: (route: TopicRoute) => boolean): Promise<void> {
    const unseen = await waitVisible(
      this.#client,
      this.#options.topic,
      (route) => route !== undefined && isAsWanted(route),
    )
    this.#failures = mergeFailures(this.#failures, unseen)
  }

  #notePause(pause: QueuePauseAt): void {
    const name = `${pause.brokerName} ${pause.queueId}`
    if ((this.#pauses.get(name)?.pauseMs ?? -1) < pause.pauseMs) this.#pauses.set(name, pause)
  }

  #tell(step: ChangeProgressStep, waits: GroupWait[] = []): void {
    this.#options.onStep?.({ step, elapsedMs: this.#nowMs() - this.#startMs, waits })
  }

  #nowMs(): number {
    return this.#client.options.clock.monoMs()
  }

  async #outcome(): Promise<TopicChangeOutcome> {
    const { topic } = this.#options
    const { plan, isNeeded, isResumed, brokers } = this.#scope
    const pauses = [...this.#pauses.values()]
    const untaken = isNeeded ? untakenQueues(await this.#views(), plan) : []
    return {
      topic,
      order: plan.order,
      isChanged: isNeeded,
      isResumed,
      brokers,
      pauses,
      longestPauseMs: Math.max(0, ...pauses.map(({ pauseMs }) => pauseMs)),
      leftBehind: [...this.#leftBehind.values()],
      unowned: untaken.map(({ group, brokerName, queueId }) => ({
        group,
        queue: { topic, brokerName, queueId },
      })),
      failures: this.#failures,
    }
  }
}

const NO_QUEUES: TopicQueues = {
  brokerName: '',
  readQueueCount: 0,
  writeQueueCount: 0,
  permission: 0,
  systemFlag: 0,
}

function queuesOn(route: TopicRoute, brokerName: string): TopicQueues {
  return route.queues.find((queues) => queues.brokerName === brokerName) ?? NO_QUEUES
}
