// Bugs on purpose, to see that the simulation sees: each breaks one rule, through the seams of a world
// and never in the product, and names the invariant that must notice and the seeds that takes. A bug
// that is not found in time means that the simulation has gone blind in one eye.

import type { ConsumerOptions } from '../../client/consumer-options.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import { MqError } from '../../core/errors.ts'
import { type Random, systemRandom } from '../../core/random.ts'
import { REQUEST } from '../../remoting/codes.ts'
import type { Network } from '../../remoting/network.ts'
import { type AppendLog, ENTRY_KIND, type LogEntry, type Recovery } from '../../store/append-log.ts'
import type { MemoryDisk } from '../../store/memory-disk.ts'
import { DelegatingLog } from './delegating-log.ts'
import { FilteredNetwork } from './frame-filter.ts'
import { HONEST, type Role, type Seams } from './seams.ts'

/** The one rule that no single run can judge: run-seeds.ts runs each seed twice for it. */
export const SAME_TRACE = 'same-seed-same-trace'

export interface PlantedBug {
  name: string
  says: string
  /** The invariants that notice it, whichever comes first. */
  noticedBy: readonly string[]
  /** From seed 1 on it is found within so many: more than twice what was measured. */
  seedsMax: number
  seams: Partial<Seams>
}

const NEVER_MS = 1e12

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'acknowledges-before-sync',
    says: 'a log that calls a write durable half a second before it is',
    noticedBy: ['acknowledged-is-stored', 'acknowledged-is-delivered', 'copies-agree'],
    seedsMax: 8,
    seams: { syncDelayMs: () => 500 },
  },
  {
    name: 'swallows-sync-errors',
    says: 'a log that takes an fsync error for a success',
    noticedBy: ['no-success-after-sync-error', 'acknowledged-is-stored'],
    seedsMax: 8,
    seams: { log: (log) => new SwallowingLog(log) },
  },
  {
    name: 'loses-its-tail',
    says: 'a disk that forgets the last three entries at every start',
    noticedBy: ['acknowledged-is-stored', 'offset-is-stable', 'no-exception'],
    seedsMax: 8,
    seams: { log: (log, disk) => new TailLosingLog(log, disk) },
  },
  {
    name: 'forgets-offsets',
    says: 'a recovery that skips the committed offsets since the last checkpoint',
    noticedBy: ['recovered-is-logged'],
    seedsMax: 8,
    seams: { log: (log) => new OffsetForgettingLog(log) },
  },
  {
    name: 'checkpoints-old-state',
    says: 'a checkpoint that writes the state of the checkpoint before',
    noticedBy: ['recovered-is-logged', 'copies-agree', 'life-goes-on'],
    seedsMax: 8,
    seams: { log: (log) => new StaleCheckpointLog(log) },
  },
  {
    name: 'repeats-frames',
    says: 'a network that delivers every tenth frame to a broker twice',
    noticedBy: ['stored-as-often-as-sent'],
    seedsMax: 8,
    seams: { network: (network, role) => onlyAt(role, 'broker', network, repeating) },
  },
  {
    name: 'loses-pulls',
    says: 'a broker that never hears pulls of queue 1',
    noticedBy: ['life-goes-on'],
    seedsMax: 8,
    seams: { network: (network, role) => onlyAt(role, 'broker', network, pullLosing) },
  },
  {
    name: 'never-evicts',
    says: 'a nameserver whose scan never runs',
    noticedBy: ['copies-agree'],
    seedsMax: 40,
    seams: { clock: (clock, role) => onlyAt(role, 'nameserver', clock, withoutIntervals) },
  },
  {
    name: 'registers-with-one',
    says: 'a broker that registers with the first nameserver only',
    noticedBy: ['copies-agree'],
    seedsMax: 16,
    seams: {
      brokerConfig: (config) => ({ ...config, nameservers: config.nameservers.slice(0, 1) }),
    },
  },
  {
    name: 'trusts-the-wall-clock',
    says: 'nodes that measure intervals with a clock that may be set',
    noticedBy: ['copies-agree', 'life-goes-on', 'no-exception'],
    seedsMax: 40,
    seams: { clock: wallOnly },
  },
  {
    name: 'never-refreshes-routes',
    says: 'clients that ask for a route once, and again only after errors',
    noticedBy: ['copies-agree'],
    seedsMax: 24,
    seams: {
      clientOptions: (options) => ({
        ...options,
        routePullIntervalMs: NEVER_MS,
        watchesRoutes: false,
      }),
    },
  },
  {
    name: 'commits-too-early',
    says: 'a consumer that commits what its handler has only begun',
    noticedBy: ['committed-is-processed'],
    seedsMax: 8,
    seams: {
      consumerOptions: (options) => ({
        ...options,
        onMessages: (messages, queue) => {
          // Whatever comes of it, this consumer does not want to know.
          Promise.resolve(options.onMessages(messages, queue)).catch(() => {})
        },
      }),
    },
  },
  {
    name: 'skips-messages',
    says: 'a consumer that now and then leaves out the first message of a batch',
    noticedBy: ['delivered-in-order'],
    seedsMax: 8,
    seams: { consumerOptions: (options) => ({ ...options, onMessages: skipping(options) }) },
  },
  {
    name: 'members-disagree',
    says: 'members of one group that share queues out by different rules',
    noticedBy: ['one-owner', 'life-goes-on'],
    seedsMax: 8,
    seams: {
      consumerOptions: (options, index) => ({
        ...options,
        allocation: index % 2 === 0 ? 'average' : 'circle',
      }),
    },
  },
  {
    name: 'keys-go-anywhere',
    says: 'a producer that spreads keyed messages over all queues',
    noticedBy: ['keys-in-order'],
    seedsMax: 16,
    seams: { producerOptions: (options) => ({ ...options, policy: { kind: 'round-robin' } }) },
  },
  {
    name: 'sends-without-limit',
    says: 'a producer that takes any number of sends before the first is acknowledged',
    noticedBy: ['buffers-are-bounded'],
    seedsMax: 8,
    seams: { producerOptions: (options) => ({ ...options, inFlightMessagesMax: 1_000_000 }) },
  },
  {
    name: 'real-randomness',
    says: 'producers that draw from the machine instead of the seed',
    noticedBy: [SAME_TRACE],
    seedsMax: 4,
    seams: {
      random: (random, role) => onlyAt(role, 'producer', random, (): Random => systemRandom),
    },
  },
]

export function findPlantedBug(name: string): PlantedBug | null {
  return PLANTED_BUGS.find((bug) => bug.name === name) ?? null
}

export function seamsOf(bug: PlantedBug | null): Seams {
  return { ...HONEST, ...bug?.seams }
}

function onlyAt<T>(role: Role, wanted: Role, honest: T, spoil: (honest: T) => T): T {
  return role === wanted ? spoil(honest) : honest
}

class SwallowingLog extends DelegatingLog {
  override async append(batch: Uint8Array): Promise<void> {
    try {
      await super.append(batch)
    } catch (error) {
      if (!(error instanceof MqError) || error.code !== 'DISK_FAILED') throw error
    }
  }
}

class TailLosingLog extends DelegatingLog {
  readonly #disk: MemoryDisk

  constructor(log: AppendLog, disk: MemoryDisk) {
    super(log)
    this.#disk = disk
  }

  override open(): Promise<Recovery> {
    this.#disk.active.loseTail(3)
    return super.open()
  }
}

class OffsetForgettingLog extends DelegatingLog {
  override async open(): Promise<Recovery> {
    const recovery = await super.open()
    return { ...recovery, tail: withoutOffsets(recovery.tail) }
  }
}

function* withoutOffsets(tail: Iterable<LogEntry>): Generator<LogEntry> {
  for (const entry of tail) {
    const isOffsets =
      entry.kind === ENTRY_KIND.state && Buffer.from(entry.payload).includes('commit-offsets')
    if (!isOffsets) yield entry
  }
}

class StaleCheckpointLog extends DelegatingLog {
  #before: Uint8Array | null = null

  override checkpoint(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    const stale = this.#before ?? state
    this.#before = state.slice()
    return super.checkpoint(stale, indexBlocks)
  }

  override roll(state: Uint8Array, indexBlocks: Uint8Array): Promise<void> {
    const stale = this.#before ?? state
    this.#before = state.slice()
    return super.roll(stale, indexBlocks)
  }
}

function skipping({ onMessages }: ConsumerOptions): ConsumerOptions['onMessages'] {
  let count = 0
  return (messages, queue) => onMessages(++count % 50 === 0 ? messages.slice(1) : messages, queue)
}

function repeating(network: Network): Network {
  let count = 0
  return new FilteredNetwork(network, () => (++count % 10 === 0 ? 2 : 1))
}

function pullLosing(network: Network): Network {
  return new FilteredNetwork(network, ({ code, fields }) =>
    code === REQUEST.pullMessage && fields['queueId'] === '1' ? 0 : 1,
  )
}

function withoutIntervals(clock: Clock): Clock {
  const never: Timer = { cancel: () => {} }
  return {
    wallMs: () => clock.wallMs(),
    monoMs: () => clock.monoMs(),
    after: (delayMs, action) => clock.after(delayMs, action),
    every: () => never,
  }
}

function wallOnly(clock: Clock): Clock {
  return {
    wallMs: () => clock.wallMs(),
    monoMs: () => clock.wallMs(),
    after: (delayMs, action) => clock.after(delayMs, action),
    every: (intervalMs, action) => clock.every(intervalMs, action),
  }
}
