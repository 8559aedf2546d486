// One simulated life of a whole cluster: built from a plan, worked and broken under virtual time, left
// alone until it has settled, then judged. Everything random in it comes from the plan's seed.

import { Admin } from '../../client/admin.ts'
import { Client } from '../../client/client.ts'
import { Logger } from '../../core/logger.ts'
import { VirtualClock } from '../../simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../simulation/virtual-network.ts'
import { BrokerNode } from './broker-node.ts'
import { Chores, MORTAL_TOPIC } from './chores.ts'
import type { Nodes } from './copies.ts'
import { EventLog } from './event-log.ts'
import type { FaultKind } from './fault.ts'
import { FaultScript } from './fault-script.ts'
import { History } from './history.ts'
import { INVARIANTS } from './invariants.ts'
import { MemberNode } from './member-node.ts'
import { NameserverNode } from './nameserver-node.ts'
import { randomFor, type WorldPlan } from './plan.ts'
import { clientOptions, ProducerNode } from './producer-node.ts'
import { HONEST, type Seams } from './seams.ts'
import { settle } from './settle.ts'
import type { WorldNode, WorldParts } from './world-node.ts'

export interface Violation {
  invariant: string
  /** The first of them, and how many there are. */
  what: string
  count: number
}

export interface WorldResult {
  seed: number
  violations: Violation[]
  /** Equal for equal runs: every segment that arrived anywhere, and everything that was noted. */
  trace: string
  virtualMs: number
  eventCount: number
  sentCount: number
  acknowledgedCount: number
  deliveredCount: number
  faults: ReadonlyMap<FaultKind, number>
  /** The last lines of what happened. */
  lastEvents: string[]
}

export interface WorldOptions {
  seams?: Seams
  onLine?: (line: string) => void
}

const OBSERVER_HOST = '10.9.0.1'
const PEOPLE_HOST = '10.9.0.2'
const START_LIMIT_MS = 60_000
const SAMPLE_INTERVAL_MS = 250
/** A name for what no invariant foresees: an exception, or time that stands still. */
const CRASH = 'no-exception'

export function runWorld(plan: WorldPlan, options: WorldOptions = {}): Promise<WorldResult> {
  return new World(plan, options).run()
}

class World {
  readonly #parts: WorldParts
  readonly #nodes: Nodes
  readonly #byHost: Map<string, WorldNode>
  readonly #faults: FaultScript
  readonly #observer: Client
  readonly #chores: Chores

  constructor(plan: WorldPlan, options: WorldOptions) {
    const clock = new VirtualClock()
    const { delayMsMax, chunkBytesMax, windowBytes } = plan.network
    const network = new VirtualNetwork({
      clock,
      seed: randomFor(plan.seed, 'links').below(2 ** 31),
      delayMsMax,
      windowBytes,
      ...(chunkBytesMax === null ? {} : { chunkBytesMax }),
    })
    this.#parts = {
      plan,
      clock,
      network,
      history: new History(() => clock.monoMs()),
      events: new EventLog(clock, options.onLine ?? null),
      seams: options.seams ?? HONEST,
      refusing: new Set(),
      workEndsMs: 0,
    }
    this.#nodes = this.#makeNodes()
    const { nameservers, brokers, producers, members } = this.#nodes
    const all: WorldNode[] = [...nameservers, ...brokers, ...producers, ...members]
    this.#byHost = new Map(all.map((node) => [node.host, node]))
    const byHost = new Map(brokers.map((node) => [node.host, node]))
    this.#observer = this.#makeObserver(OBSERVER_HOST)
    this.#chores = new Chores(this.#parts, this.#makeObserver(PEOPLE_HOST), brokers)
    this.#faults = new FaultScript(this.#parts, this.#byHost, byHost, this.#chores)
  }

  async run(): Promise<WorldResult> {
    const { clock, plan, history, events } = this.#parts
    let crash: string | null = null
    try {
      await this.#start()
      this.#parts.workEndsMs = clock.monoMs() + plan.workMs
      this.#faults.begin()
      await clock.run({ untilMs: this.#parts.workEndsMs })
      this.#faults.end()
      history.settled = await settle(this.#parts, this.#nodes, {
        observer: this.#observer,
        chores: this.#chores,
      })
    } catch (error) {
      crash = error instanceof Error ? (error.stack ?? error.message) : String(error)
      events.add('world', crash)
    }
    return {
      seed: plan.seed,
      violations: judge(history, crash),
      trace: `${this.#parts.network.traceHash}-${hashOf(history)}`,
      virtualMs: clock.monoMs(),
      eventCount: clock.eventCount,
      sentCount: history.count('sent'),
      acknowledgedCount: history.count('acknowledged'),
      deliveredCount: history.count('delivered'),
      faults: this.#faults.counts,
      lastEvents: events.last(),
    }
  }

  /** Servers first, then the topics, then clients: the faults begin with a cluster that works. */
  async #start(): Promise<void> {
    const { clock, plan } = this.#parts
    const { nameservers, brokers, producers, members } = this.#nodes
    for (const group of [nameservers, brokers]) {
      for (const node of group) node.start()
      await clock.runUntil(() => group.every(({ isUp }) => isUp), START_LIMIT_MS, 'the servers')
    }
    const { topics } = new Admin(this.#observer)
    for (const { name, queueCount } of plan.topics) {
      await clock.runFor(topics.create({ topic: name, queueCount }), START_LIMIT_MS)
    }
    if (plan.faultKinds.includes('rebirth')) {
      const queueCount = brokers.length
      await clock.runFor(topics.create({ topic: MORTAL_TOPIC, queueCount }), START_LIMIT_MS)
    }
    for (const node of [...producers, ...members]) node.start()
    clock.every(SAMPLE_INTERVAL_MS, () => {
      for (const broker of brokers) broker.sample()
    })
  }

  #makeNodes(): Nodes {
    const { plan } = this.#parts
    const members = plan.groups.flatMap((group) =>
      group.memberHosts.map((host) => ({ group, host })),
    )
    return {
      nameservers: plan.nameservers.map(({ host }) => new NameserverNode(this.#parts, host)),
      brokers: plan.brokers.map((broker) => new BrokerNode(this.#parts, broker)),
      producers: plan.producers.map((producer) => new ProducerNode(this.#parts, producer)),
      members: members.map((member, index) => new MemberNode(this.#parts, { ...member, index })),
    }
  }

  /** A client on a machine that no fault touches: to look, and for people. */
  #makeObserver(host: string): Client {
    const { plan, clock, network, events } = this.#parts
    const sink = (line: string): void => events.add(host, line.trimEnd())
    return new Client({
      ...clientOptions(plan, host),
      network: network.host(host),
      clock,
      random: randomFor(plan.seed, host),
      logger: new Logger({ clock, sink, level: 'error', scope: 'observer' }),
    })
  }
}

function judge(history: History, crash: string | null): Violation[] {
  const crashes = crash === null ? [] : [{ invariant: CRASH, what: crash, count: 1 }]
  const violations = INVARIANTS.flatMap((invariant) => {
    const found = invariant.check(history)
    const [what] = found
    return what === undefined ? [] : [{ invariant: invariant.name, what, count: found.length }]
  })
  return [...crashes, ...violations]
}

function hashOf(history: History): string {
  let hash = 0
  for (const event of history.events) hash = Bun.hash.crc32(JSON.stringify(event), hash)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
