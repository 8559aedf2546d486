// What one seed means: how large the world is, how its nodes are set up, what its clients do, which
// faults hit it and when. Swarm testing: each seed leaves out a random part of everything, because
// faults that always come together hide each other. Pure.

import { type Random, seededRandom } from '../../core/random.ts'
import { ALL_FAULT_KINDS, type Fault, type FaultKind } from './fault.ts'

export interface NameserverPlan {
  host: string
}

export interface BrokerPlan {
  name: string
  host: string
  flush: 'sync' | 'async'
  commitMs: number
  segmentBytes: number
}

export interface TopicPlan {
  name: string
  queueCount: number
}

export interface ProducerPlan {
  host: string
  topic: string
  intervalMs: number
  /** Sends at one tick, at most. */
  burstMax: number
  bodyBytesMax: number
  /** 0: messages without a key. */
  keyCount: number
  retries: number
  timeoutMs: number
  avoidsFaults: boolean
  batchMessagesMax: number
  lingerMs: number
  inFlightMessagesMax: number
}

export interface GroupPlan {
  name: string
  topics: string[]
  memberHosts: string[]
  allocation: 'average' | 'circle'
  /** Holds the broker's lock of each queue. */
  isOrdered: boolean
  concurrency: number
  batchMessagesMax: number
  cachedMessagesMax: number
  commitIntervalMs: number
  rebalanceIntervalMs: number
  /** How long a handler takes, at most. */
  handlerMsMax: number
  /** Share of handler calls that throw while faults last. */
  handlerFailures: number
}

export interface IntervalPlan {
  brokerHeartbeatMs: number
  brokerExpiryMs: number
  scanMs: number
  routePullMs: number
  clientHeartbeatMs: number
  clientExpiryMs: number
  clientScanMs: number
  offsetsMs: number
}

export interface NetworkPlan {
  delayMsMax: number
  chunkBytesMax: number | null
  windowBytes: number
}

export interface WorldPlan {
  seed: number
  network: NetworkPlan
  intervals: IntervalPlan
  nameservers: NameserverPlan[]
  brokers: BrokerPlan[]
  topics: TopicPlan[]
  producers: ProducerPlan[]
  groups: GroupPlan[]
  /** How long clients work and faults may begin. */
  workMs: number
  faultKinds: FaultKind[]
  faults: Fault[]
}

/** Independent random numbers for each purpose: changing one part of a plan leaves the others. */
export function randomFor(seed: number, purpose: string): Random {
  return seededRandom(Bun.hash.crc32(`${seed}/${purpose}`))
}

/** Part of a plan: what made it fail, and not more. */
export interface Narrowing {
  /** Only these kinds of faults; null: all that were planned. */
  kinds: readonly FaultKind[] | null
  /** Work and faults end no later than this; null: as planned. */
  workMs: number | null
}

export function narrowed(plan: WorldPlan, { kinds, workMs }: Narrowing): WorldPlan {
  const endMs = Math.min(plan.workMs, workMs ?? plan.workMs)
  const isKept = (kind: FaultKind): boolean => kinds?.includes(kind) ?? true
  return {
    ...plan,
    workMs: endMs,
    faultKinds: plan.faultKinds.filter(isKept),
    faults: plan.faults.filter(({ kind, atMs }) => isKept(kind) && atMs < endMs),
  }
}

export function planWorld(seed: number): WorldPlan {
  const random = randomFor(seed, 'world')
  const nameservers = hosts('10.1.0', between(random, 1, 3)).map((host) => ({ host }))
  // Two brokers are the most interesting number, and the cheapest that is.
  const brokers = planBrokers(randomFor(seed, 'brokers'), pick(random, [1, 2, 2, 3]))
  const topics = Array.from({ length: between(random, 1, 2) }, (_, i) => ({
    name: `topic-${i + 1}`,
    queueCount: between(random, 1, 4) * brokers.length,
  }))
  const producers = hosts('10.3.0', between(random, 1, 3)).map((host) =>
    planProducer(randomFor(seed, host), host, topics),
  )
  const groupCount = between(random, 1, 2)
  const groups = Array.from({ length: groupCount }, (_, i) =>
    planGroup(randomFor(seed, `group ${i}`), i, topics),
  )
  const workMs = between(random, 10, 40) * 1_000
  const machines = {
    nameservers: nameservers.map(({ host }) => host),
    brokers: brokers.map(({ host }) => host),
    clients: [
      ...producers.map(({ host }) => host),
      ...groups.flatMap(({ memberHosts }) => memberHosts),
    ],
  }
  const faultKinds = ALL_FAULT_KINDS.filter(() => random.float() < 0.5)
  return {
    seed,
    network: planNetwork(randomFor(seed, 'network')),
    intervals: planIntervals(randomFor(seed, 'intervals')),
    nameservers,
    brokers,
    topics,
    producers,
    groups,
    workMs,
    faultKinds,
    faults: planFaults(seed, { kinds: faultKinds, workMs, machines }),
  }
}

function planBrokers(random: Random, count: number): BrokerPlan[] {
  return hosts('10.2.0', count).map((host, i) => ({
    name: `broker-${'abc'[i]}`,
    host,
    flush: random.float() < 0.25 ? 'async' : 'sync',
    commitMs: pick(random, [0.2, 1, 5]),
    // Small ones, so that a world sees segments end.
    segmentBytes: pick(random, [20_000, 100_000, 1_000_000]),
  }))
}

/** At most some fifty messages a second: many short lives find more than few long ones. */
const PACES = [
  { intervalMs: 20, burstMax: 1 },
  { intervalMs: 50, burstMax: 4 },
  { intervalMs: 200, burstMax: 1 },
  { intervalMs: 200, burstMax: 20 },
]

function planProducer(random: Random, host: string, topics: readonly TopicPlan[]): ProducerPlan {
  return {
    host,
    topic: pick(random, topics).name,
    ...pick(random, PACES),
    bodyBytesMax: pick(random, [40, 200, 4_000]),
    keyCount: pick(random, [0, 0, 1, 8]),
    retries: pick(random, [0, 2, 5]),
    timeoutMs: pick(random, [500, 3_000, 10_000]),
    avoidsFaults: random.float() < 0.7,
    batchMessagesMax: pick(random, [1, 10, 1_000]),
    lingerMs: pick(random, [0, 0, 5]),
    inFlightMessagesMax: pick(random, [5, 50, 1_000]),
  }
}

function planGroup(random: Random, index: number, topics: readonly TopicPlan[]): GroupPlan {
  const wanted = topics.filter(() => random.float() < 0.7).map(({ name }) => name)
  const isOrdered = random.float() < 0.3
  return {
    name: `group-${index + 1}`,
    isOrdered,
    topics: wanted.length > 0 ? wanted : [pick(random, topics).name],
    memberHosts: hosts(`10.4.${index}`, between(random, 1, 3)),
    allocation: pick(random, ['average', 'circle'] as const),
    concurrency: isOrdered ? 1 : pick(random, [1, 1, 3]),
    batchMessagesMax: pick(random, [1, 8, 32]),
    cachedMessagesMax: pick(random, [4, 100, 1_000]),
    commitIntervalMs: pick(random, [200, 1_000, 5_000]),
    rebalanceIntervalMs: pick(random, [1_000, 5_000, 20_000]),
    handlerMsMax: pick(random, [0, 0, 20, 200]),
    handlerFailures: pick(random, [0, 0, 0.02]),
  }
}

/** Either the product's own intervals or all of them shorter, so that more happens in a minute. */
function planIntervals(random: Random): IntervalPlan {
  const scale = pick(random, [0.05, 0.1, 0.1, 0.3, 1])
  return {
    brokerHeartbeatMs: 30_000 * scale,
    brokerExpiryMs: 120_000 * scale,
    scanMs: 10_000 * scale,
    routePullMs: 30_000 * scale,
    clientHeartbeatMs: 30_000 * scale,
    clientExpiryMs: 120_000 * scale,
    clientScanMs: 10_000 * scale,
    offsetsMs: pick(random, [100, 1_000]),
  }
}

function planNetwork(random: Random): NetworkPlan {
  return {
    delayMsMax: pick(random, [0.5, 2, 20]),
    chunkBytesMax: pick(random, [null, null, 2_000]),
    windowBytes: pick(random, [16 * 1024, 256 * 1024]),
  }
}

interface Machines {
  nameservers: readonly string[]
  brokers: readonly string[]
  clients: readonly string[]
}

const BROKER_FAULTS: ReadonlySet<FaultKind> = new Set([
  'lose-broker',
  'sync-error',
  'disk-full',
  'slow-sync',
  'drain',
])

function planFaults(
  seed: number,
  options: { kinds: readonly FaultKind[]; workMs: number; machines: Machines },
): Fault[] {
  const { kinds, workMs, machines } = options
  const faults = kinds.flatMap((kind) => {
    const random = randomFor(seed, `fault ${kind}`)
    if (kind === 'lose-broker' && (machines.brokers.length < 2 || random.float() < 0.3)) return []
    const count = kind === 'lose-broker' ? 1 : between(random, 1, 4)
    return Array.from({ length: count }, () => planFault(random, kind, { workMs, machines }))
  })
  return faults.sort((a, b) => a.atMs - b.atMs)
}

function planFault(
  random: Random,
  kind: FaultKind,
  options: { workMs: number; machines: Machines },
): Fault {
  const { workMs, machines } = options
  const { nameservers, brokers, clients } = machines
  // Brokers hold what matters, so most faults are theirs.
  const dice = random.float()
  const side = dice < 0.5 ? brokers : dice < 0.75 ? nameservers : clients
  const target = pick(random, BROKER_FAULTS.has(kind) ? brokers : side)
  const others = [...nameservers, ...brokers, ...clients].filter((host) => host !== target)
  return {
    atMs: random.float() * workMs * 0.9,
    kind,
    target,
    peer: pick(random, others),
    durationMs: 50 * 400 ** random.float(),
    amountMs:
      kind === 'clock-jump' ? (random.float() - 0.5) * 2 * 3_600_000 : 10 * 100 ** random.float(),
  }
}

function hosts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}.${i + 1}`)
}

function between(random: Random, min: number, max: number): number {
  return min + random.below(max - min + 1)
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T
}
