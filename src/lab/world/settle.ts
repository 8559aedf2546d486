// After the faults: waits until the world is at rest (at most as long as its intervals allow), lets
// every producer send once more, and takes down what there is to be judged.

import type { Client } from '../../client/client.ts'
import { queueName } from '../../client/message.ts'
import { sleep } from '../../core/clock.ts'
import { PERMISSION } from '../../remoting/codes.ts'
import { decodeMessages } from '../../remoting/stored-message.ts'
import { ENTRY_KIND, queueKey } from '../../store/append-log.ts'
import type { Chores } from './chores.ts'
import { compareCopies, type Nodes } from './copies.ts'
import type { CopyOfFact, QueueText, Settled } from './history.ts'
import { stateOf } from './logged-state.ts'
import { messageId } from './message-body.ts'
import type { IntervalPlan } from './plan.ts'
import type { ProducerNode } from './producer-node.ts'
import type { WorldParts } from './world-node.ts'

const LOOK_INTERVAL_MS = 1_000
const UP_LOOKS_MAX = 60
/** Handlers that failed wait up to 30 s, and a lost connection up to 30 s for its pull to time out. */
const CLIENT_PAUSES_MS = 90_000
/** People try ninety times, every two seconds, and each try has its own limits. */
const CHORES_LIMIT_MS = 3_600_000
const PROBE_TRIES = 5
const PROBE_PAUSE_MS = 1_000
const PROBE_LIMIT_MS = 120_000

export async function settle(
  parts: WorldParts,
  all: Nodes,
  { observer, chores }: { observer: Client; chores: Chores },
): Promise<Settled> {
  const nodes = { ...all, brokers: all.brokers.filter(({ isGone }) => !isGone) }
  const rest = new Rest(parts, nodes, observer)
  await rest.up()
  const unfinished = await parts.clock.runFor(chores.finish(), CHORES_LIMIT_MS)
  await rest.wait()
  const silent = await probeAll(parts, nodes.producers)
  const stuck = [...unfinished, ...silent, ...(await rest.wait())]
  return {
    stored: storedMessages(all),
    owners: ownersOf(nodes),
    copies: await parts.clock.runFor(compareCopies(nodes, observer), PROBE_LIMIT_MS),
    lostQueues: queuesOf({ ...all, brokers: all.brokers.filter(({ isGone }) => isGone) }),
    subscriptions: new Map(parts.plan.groups.map(({ name, topics }) => [name, topics])),
    stuck,
  }
}

/** How long things that are merely late may take: R19's heartbeat + scan + pull, and expiries. */
function settleLimitMs(intervals: IntervalPlan, rebalanceMs: number): number {
  const { brokerHeartbeatMs, brokerExpiryMs, scanMs, routePullMs } = intervals
  const { clientHeartbeatMs, clientExpiryMs, clientScanMs } = intervals
  const registry = brokerHeartbeatMs + brokerExpiryMs + scanMs + routePullMs
  const groups = clientHeartbeatMs + clientExpiryMs + clientScanMs + rebalanceMs
  return registry + groups + CLIENT_PAUSES_MS
}

class Rest {
  readonly #parts: WorldParts
  readonly #nodes: Nodes
  readonly #observer: Client

  constructor(parts: WorldParts, nodes: Nodes, observer: Client) {
    this.#parts = parts
    this.#nodes = nodes
    this.#observer = observer
  }

  /** Until nothing is left to happen, twice in a row. Returns what is if that takes too long. */
  async wait(): Promise<string[]> {
    const { clock, plan } = this.#parts
    const { clientHeartbeatMs } = plan.intervals
    const rebalanceMs = Math.max(...plan.groups.map((group) => group.rebalanceIntervalMs))
    const startedMs = clock.monoMs()
    const limitMs = settleLimitMs(plan.intervals, rebalanceMs)
    // Half-open connections are found by the next heartbeat.
    await clock.advance(clientHeartbeatMs)
    for (let quietCount = 0; quietCount < 2; ) {
      await clock.advance(LOOK_INTERVAL_MS)
      const late = await this.#late()
      quietCount = late.length === 0 ? quietCount + 1 : 0
      if (clock.monoMs() - startedMs > limitMs) return late
    }
    return []
  }

  /** Until every node is up again. */
  async up(): Promise<void> {
    const { clock } = this.#parts
    for (let i = 0; i < UP_LOOKS_MAX && this.#down().length > 0; i++) {
      await clock.advance(LOOK_INTERVAL_MS)
    }
  }

  #down(): string[] {
    const { nameservers, brokers, producers, members } = this.#nodes
    const down = [...nameservers, ...brokers, ...producers, ...members].filter(({ isUp }) => !isUp)
    return down.map(({ host }) => `${host} is not up`)
  }

  /** What has not happened yet, cheapest question first. */
  async #late(): Promise<string[]> {
    const down = this.#down()
    if (down.length > 0) return down
    const behind = [...this.#behind(), ...unowned(this.#nodes)]
    if (behind.length > 0) return behind
    const asked = compareCopies(this.#nodes, this.#observer)
    const copies = await this.#parts.clock.runFor(asked, PROBE_LIMIT_MS)
    return copies.filter(isDifferent).map(({ fact, copy }) => `${copy} is wrong about ${fact}`)
  }

  /** Groups that have not committed everything. */
  #behind(): string[] {
    const { brokers } = this.#nodes
    return this.#parts.plan.groups.flatMap(({ name: group, topics }) =>
      brokers.flatMap((node) =>
        topics.flatMap((name) => {
          const context = node.broker?.context
          const topic = context?.state.topics.get(name)
          if (context == null || topic === undefined) return [`${node.name} has no ${name}`]
          if (!isReadable(topic)) return []
          return Array.from({ length: topic.readQueueCount }, (_, queueId) => {
            const queue = queueKey(topic.id, queueId)
            const end = context.store.maxOffset(queue)
            const offset = context.offsets.committed(group, queue) ?? 0
            return offset === end
              ? null
              : `${group} is at ${offset} of ${end} in ${name}@${node.name}:${queueId}`
          }).filter((text) => text !== null)
        }),
      ),
    )
  }
}

function isDifferent({ owned, copied }: CopyOfFact): boolean {
  return owned !== copied
}

async function probeAll(parts: WorldParts, producers: readonly ProducerNode[]): Promise<string[]> {
  const probes = producers.map(async (producer) => {
    let failure: string | null = null
    for (let i = 0; i < PROBE_TRIES; i++) {
      failure = await producer.probe()
      if (failure === null) return null
      await sleep(parts.clock, PROBE_PAUSE_MS)
    }
    return `cannot send: ${failure}`
  })
  const failures = await parts.clock.runFor(Promise.all(probes), PROBE_LIMIT_MS)
  return failures.filter((failure) => failure !== null)
}

function ownersOf({ brokers, members }: Nodes): Settled['owners'] {
  const owners: Settled['owners'] = new Map()
  const groups = new Map(members.map(({ group }) => [group.name, group]))
  for (const [name, { topics }] of groups) {
    const queues = new Map<QueueText, string[]>()
    for (const { name: brokerName, broker } of brokers) {
      for (const topic of topics) {
        const known = broker?.state.topics.get(topic)
        const count = known !== undefined && isReadable(known) ? known.readQueueCount : 0
        for (let queueId = 0; queueId < count; queueId++) {
          queues.set(`${topic}@${brokerName}:${queueId}`, [])
        }
      }
    }
    for (const node of members) {
      if (node.group.name !== name) continue
      for (const queue of node.consumer?.assignment() ?? []) {
        const text = queueName(queue)
        queues.set(text, [...(queues.get(text) ?? []), node.host])
      }
    }
    owners.set(name, queues)
  }
  return owners
}

function unowned(nodes: Nodes): string[] {
  return [...ownersOf(nodes)].flatMap(([group, queues]) =>
    [...queues]
      .filter(([, members]) => members.length !== 1)
      .map(([queue, members]) => `${queue} has ${members.length} owners in ${group}`),
  )
}

/** A change of queues may leave a broker without any: then nobody is to read what it has. */
function isReadable({ permission }: { permission: number }): boolean {
  return (permission & PERMISSION.read) !== 0
}

/** What the disks hold, whether their brokers run or not. */
function storedMessages({ brokers }: Nodes): Settled['stored'] {
  const stored: Settled['stored'] = new Map()
  for (const { name, disk } of brokers) {
    for (const { kind, payload } of disk.entriesFrom(disk.minPosition)) {
      if (kind !== ENTRY_KIND.message) continue
      for (const { topic, queueId, queueOffset, body } of decodeMessages(Buffer.from(payload))) {
        const queue = `${topic}@${name}:${queueId}`
        const offsets = stored.get(queue) ?? new Map<number, string>()
        stored.set(queue, offsets)
        offsets.set(queueOffset, messageId(body))
      }
    }
  }
  return stored
}

function queuesOf({ brokers }: Nodes): Set<QueueText> {
  const queues = new Set<QueueText>()
  for (const { name, disk } of brokers) {
    for (const topic of stateOf(disk).topics.values()) {
      for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) {
        queues.add(`${topic.name}@${name}:${queueId}`)
      }
    }
  }
  return queues
}
