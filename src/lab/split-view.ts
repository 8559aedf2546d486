// Two nameservers that disagree: what broker-b says no longer reaches the second one. Clients of the one
// see eight queues, clients of the other see four. Producers lose nothing but the balance. Members of one
// group share out different queues: some have no owner, some have two. The broker's locks keep a group
// that consumes in order from doing any queue twice. Then the path is healed, and all agree again.

import type { LoadGroup } from './load-group.ts'
import type { LoadProducer } from './load-producer.ts'
import { drawOwners } from './owners-picture.ts'
import { type Scenario, WARM_UP_MS } from './scenario.ts'
import { accountFor, sendsTable } from './sends.ts'
import type { Stage } from './stage.ts'
import { lasting, listed, percent } from './words.ts'

const QUEUE_COUNT = 8
const [A, B] = ['broker-a', 'broker-b'] as const
const [SEES_BOTH, SEES_A] = ['nameserver-1', 'nameserver-2'] as const
const PATH = { broker: B, nameserver: SEES_A }
const SLACK_MS = 2_000
/** Long enough for every queue to get messages, and for the shares to be told apart. */
const SPLIT_MS = 8_000
/** The shares of R13 come from round robin, so they are exact but for where a round is cut. */
const SHARE_SLACK = 0.02

export const splitView: Scenario = {
  name: 'split-view',
  summary: 'two nameservers disagree: unbalanced producers, orphaned and doubly consumed queues',
  lengthMs: ({ expiryMs, scanMs, routePullMs, rebalanceMs, heartbeatMs }) =>
    WARM_UP_MS + expiryMs + scanMs + 2 * (routePullMs + rebalanceMs) + heartbeatMs + 2 * SPLIT_MS,
  run: (stage) => new SplitView(stage).run(),
}

class SplitView {
  readonly #stage: Stage
  readonly #p1: LoadProducer
  readonly #p2: LoadProducer

  constructor(stage: Stage) {
    this.#stage = stage
    const topic = stage.name('lab-orders')
    this.#p1 = stage.addProducer('p1', { topic, client: { nameservers: [SEES_BOTH] } })
    this.#p2 = stage.addProducer('p2', { topic, client: { nameservers: [SEES_A] } })
  }

  async run(): Promise<void> {
    const stage = this.#stage
    const { lab, timeline } = stage
    const topic = await stage.createTopic('lab-orders', QUEUE_COUNT)
    const members = [
      { name: 'c1', nameservers: [SEES_BOTH] },
      { name: 'c2', nameservers: [SEES_A] },
    ]
    const queueCount = QUEUE_COUNT
    const plain = await stage.addGroup(
      { group: stage.name('order_consumer'), topic },
      { members, queueCount },
    )
    const ordered = await stage.addGroup(
      { group: stage.name('order_consumer_locked'), topic, isOrdered: true },
      { members, queueCount },
    )
    await stage.startLoad()
    await stage.warmUp()

    lab.cut(PATH)
    const cutMs = lab.clock.monoMs()
    timeline.event('cut', `what ${B} says no longer reaches ${SEES_A}, and nobody is told`, 'bad')
    await this.#viewsDiffer(cutMs)
    await this.#settle('the members take what they see')
    const splitMs = lab.clock.monoMs()
    await lab.wait(SPLIT_MS)
    this.#balance('R13', { sinceMs: splitMs, sharesOfA: 0.75 })
    this.#assignment(plain, splitMs)
    this.#locks(ordered, splitMs)

    lab.heal(PATH)
    const healedMs = lab.clock.monoMs()
    timeline.event('heal', `${B} is heard by ${SEES_A} again`, 'good')
    await this.#viewsAgree(healedMs)
    await this.#owned([plain, ordered], healedMs)
    // p2 has a route pull of its own.
    const isUsed = (): boolean => this.#p2.acknowledgedBy(B, healedMs) > 0
    await lab.until(isUsed, lab.intervals.routePullMs + SLACK_MS)
    const balancedMs = lab.clock.monoMs()
    await lab.wait(SPLIT_MS)
    this.#balance('R19', { sinceMs: balancedMs, sharesOfA: 0.5 })
    await stage.stopLoad()
    for (const group of [plain, ordered]) {
      await accountFor(stage, { group, producers: stage.producers, title: group.group })
    }
    const drawn = { fromMs: cutMs - WARM_UP_MS, untilMs: lab.clock.monoMs() }
    for (const group of [plain, ordered]) drawOwners(stage, group, drawn)
    sendsTable(stage, { group: plain, producers: stage.producers })
  }

  /** R12: one evicts, the other goes on hearing. */
  async #viewsDiffer(cutMs: number): Promise<void> {
    const { lab, timeline, admin } = this.#stage
    const { expiryMs, scanMs } = lab.intervals
    this.#stage.progress(`waiting up to ${lasting(expiryMs + scanMs)} for the eviction`)
    const limitMs = expiryMs + scanMs + SLACK_MS
    const [change] = await this.#stage.watch(B, { isListed: false, limitMs }, [SEES_A])
    const views = await admin.cluster.registrations()
    const ages = views.map(({ value }) =>
      (value?.brokers ?? []).map(
        ({ brokerName, lastHeartbeatAgeMs }) =>
          `${brokerName} (heard ${lasting(lastHeartbeatAgeMs)} ago)`,
      ),
    )
    const counts = views.map(({ value }) => value?.brokers?.length ?? 0)
    timeline.window({
      lane: SEES_A,
      title: `lists ${B}, which it no longer hears`,
      fromMs: timeline.at(cutMs),
      toMs: timeline.nowMs(),
      tone: 'warn',
    })
    timeline.fact({
      requirement: 'R12',
      title: 'views',
      expected: `${SEES_BOTH} lists both brokers, ${SEES_A} only ${A}, within ${lasting(expiryMs + scanMs)}`,
      seen: `${SEES_BOTH}: ${listed(ages[0] ?? [])}; ${SEES_A}: ${listed(ages[1] ?? [])}${
        change?.afterMs == null ? '' : `, ${lasting(change.afterMs)} after the cut`
      }`,
      isMet: change?.afterMs != null && counts[0] === 2 && counts[1] === 1,
    })
  }

  /** A route pull of every client, and a rebalance. */
  async #settle(what: string): Promise<void> {
    const { routePullMs, rebalanceMs } = this.#stage.lab.intervals
    this.#stage.progress(`${what}: ${lasting(routePullMs + rebalanceMs)}`)
    await this.#stage.lab.wait(routePullMs + rebalanceMs + SLACK_MS)
  }

  #balance(requirement: string, options: { sinceMs: number; sharesOfA: number }): void {
    const { sinceMs, sharesOfA } = options
    const producers = [this.#p1, this.#p2]
    const at = (broker: string): number =>
      producers.reduce((sum, producer) => sum + producer.acknowledgedBy(broker, sinceMs), 0)
    const [a, b] = [at(A), at(B)]
    const failed = producers.reduce((sum, { failures }) => sum + failures.length, 0)
    const of = (p: LoadProducer): string =>
      `${p.name} ${p.acknowledgedBy(A, sinceMs)} : ${p.acknowledgedBy(B, sinceMs)}`
    this.#stage.timeline.fact({
      requirement,
      title: 'balance',
      expected: `${A} gets ${percent(sharesOfA, 1)} of the messages, ${B} the rest, and no send fails`,
      seen: `${a} : ${b}, that is ${percent(a, a + b)} (${of(this.#p1)}; ${of(this.#p2)}); ${failed} failed`,
      isMet: failed === 0 && Math.abs(a / (a + b) - sharesOfA) <= SHARE_SLACK,
    })
  }

  /** R14, to the letter. */
  #assignment(group: LoadGroup, splitMs: number): void {
    const { timeline, lab } = this.#stage
    const c1 = group.queuesOf('c1')
    const c2 = group.queuesOf('c2')
    timeline.fact({
      requirement: 'R14',
      title: 'assignment',
      expected: `c1 sees 8 queues and takes ${listed(queues(A, 0, 1, 2, 3))}; c2 sees 4 and takes ${listed(queues(A, 2, 3))}; nobody takes ${B}`,
      seen: `c1: ${listed(c1)}; c2: ${listed(c2)}`,
      isMet: listed(c1) === listed(queues(A, 0, 1, 2, 3)) && listed(c2) === listed(queues(A, 2, 3)),
    })
    const stored = this.#acknowledgedSince(splitMs)
    const waiting = stored.filter(
      ([id, { brokerName }]) => brokerName === B && !group.deliveries.has(id),
    ).length
    const sentToB = stored.filter(([, { brokerName }]) => brokerName === B).length
    const twice = takenTwiceSince(group, splitMs)
    timeline.fact({
      requirement: 'R14',
      title: 'consequences',
      expected: `messages in ${B}'s queues pile up, those in ${listed(queues(A, 2, 3))} go to both members`,
      seen: `in ${lasting(lab.clock.monoMs() - splitMs)} ${sentToB} messages for ${B}, ${waiting} of them waiting; delivered to both: ${namedCounts(twice)}`,
      isMet:
        sentToB > 0 &&
        waiting === sentToB &&
        listed([...twice.keys()].sort()) === listed(queues(A, 2, 3)),
    })
  }

  /** R17: the same views, but the broker's lock decides. */
  #locks(group: LoadGroup, splitMs: number): void {
    const { timeline } = this.#stage
    const contested = queues(A, 2, 3)
    const twice = takenTwiceSince(group, splitMs)
    const handled = new Map(contested.map((queue) => [queue, new Set<string>()]))
    for (const all of group.deliveries.values()) {
      for (const { queue, member, atMs } of all) {
        if (atMs >= splitMs) handled.get(queue)?.add(member)
      }
    }
    const seen = [...handled].map(([queue, members]) => `${queue} by ${listed(members)}`)
    timeline.fact({
      requirement: 'R17',
      title: 'locks',
      expected: `a group that consumes in order has one member at a time at ${listed(contested)}: nothing taken twice, nothing out of order`,
      seen: `${seen.join(', ')}; delivered to both: ${namedCounts(twice)}; ${group.queueOrderBreaks} out of order`,
      isMet:
        twice.size === 0 &&
        group.queueOrderBreaks === 0 &&
        [...handled.values()].every((members) => members.size === 1),
    })
  }

  async #viewsAgree(healedMs: number): Promise<void> {
    const { lab, timeline } = this.#stage
    const { heartbeatMs } = lab.intervals
    const limitMs = heartbeatMs + 2 * SLACK_MS
    const [change] = await this.#stage.watch(B, { isListed: true, limitMs }, [SEES_A])
    timeline.window({
      lane: SEES_A,
      title: `does not know ${B}`,
      fromMs: timeline.windows.find(({ lane }) => lane === SEES_A)?.toMs ?? 0,
      toMs: timeline.nowMs(),
      tone: 'bad',
    })
    const tookMs = lab.clock.monoMs() - healedMs
    timeline.fact({
      requirement: 'R19',
      title: 'views',
      expected: `${SEES_A} lists ${B} again after one heartbeat: within ${lasting(heartbeatMs)}`,
      seen: change?.afterMs == null ? 'it does not' : `after ${lasting(tookMs)}`,
      isMet: change?.afterMs != null && tookMs <= limitMs,
    })
  }

  async #owned(groups: readonly LoadGroup[], healedMs: number): Promise<void> {
    const { lab, timeline } = this.#stage
    const { routePullMs, rebalanceMs } = lab.intervals
    const isShared = (): boolean => groups.every((group) => group.ownsEachOnce(QUEUE_COUNT))
    const tookMs = await lab.until(isShared, routePullMs + 2 * rebalanceMs)
    timeline.fact({
      requirement: 'R19',
      title: 'owners',
      expected: `every queue has exactly one owner within a route pull and a rebalance (${lasting(routePullMs + rebalanceMs)}) of that`,
      seen:
        tookMs === null
          ? 'not all have'
          : `after ${lasting(tookMs)}, ${lasting(lab.clock.monoMs() - healedMs)} after healing`,
      isMet: tookMs !== null && tookMs <= routePullMs + rebalanceMs + SLACK_MS,
    })
  }

  #acknowledgedSince(sinceMs: number) {
    return [this.#p1, this.#p2].flatMap(({ acknowledged }) =>
      [...acknowledged].filter(([, { atMs }]) => atMs >= sinceMs),
    )
  }
}

function queues(broker: string, ...ids: number[]): string[] {
  return ids.map((id) => `${broker}:${id}`)
}

/** Queue → messages that both members got, first delivered after `sinceMs`. */
function takenTwiceSince(group: LoadGroup, sinceMs: number): Map<string, number> {
  return group.takenTwice((first) => first.atMs >= sinceMs)
}

function namedCounts(counts: ReadonlyMap<string, number>): string {
  return listed([...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `${name} ${n}`))
}
