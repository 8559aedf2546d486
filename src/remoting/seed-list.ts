// The nameservers behind a list of seeds, kept up to date: names are asked for again when their time to
// live ends, and whoever owns the list is told when it is another one.
//
// Promises: what worked once stays. A name that vanished, or a name service that is down, leaves the
// last good list in use and is complained about once; only an answer replaces an answer. The list is
// never empty again after it had an entry.

import type { Clock, Timer } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import { NAMESERVER_COUNT_MAX } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { formatAddress } from './address.ts'
import type { NameAnswer, NameResolver } from './name-resolver.ts'
import { parseSeed, type Seed } from './seeds.ts'

/** A name is asked for at most this often, whatever its time to live: also when asking failed. */
export const REFRESH_MS_MIN = 5_000
/** And at least this often: a day's time to live must not hide a new nameserver for a day. */
export const REFRESH_MS_MAX = 300_000
/** What takes longer counts as no answer; a start waits no longer either. */
const LOOKUP_TIMEOUT_MS = 5_000

export interface SeedListOptions {
  resolver: NameResolver
  clock: Clock
  logger: Logger
  /** A name leads elsewhere now: the new list, never empty. `set` resolves with its own. */
  onChange: (addresses: readonly string[]) => void
}

interface NameState {
  addresses: readonly string[]
  dueMs: number
  isAsking: boolean
  /** Null until the first question has ended. */
  isFailing: boolean | null
}

export class SeedList {
  readonly #options: SeedListOptions
  #resolver: NameResolver
  #seeds: readonly Seed[] = []
  #names = new Map<string, NameState>()
  #addresses: readonly string[] = []
  #timer: Timer | null = null
  /** Counts the calls of `set`: what began under an earlier one decides nothing any more. */
  #round = 0
  #isStopped = false

  constructor(options: SeedListOptions) {
    this.#options = options
    this.#resolver = options.resolver
  }

  /** "host:port" of each, in the order of the seeds, none twice. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  /**
   * Replaces the seeds, and the resolver if one is given. Resolves with the list once every name was
   * asked for; while none of the new ones leads anywhere, the old list stays.
   */
  async set(seeds: readonly string[], resolver = this.#resolver): Promise<readonly string[]> {
    const round = ++this.#round
    this.#timer?.cancel()
    const isOther = resolver !== this.#resolver
    this.#resolver = resolver
    this.#seeds = seeds.map(parseSeed)
    const before = this.#names
    this.#names = new Map()
    for (const seed of this.#seeds) {
      if (seed.kind === 'dns') this.#names.set(seed.name, before.get(seed.name) ?? newName())
    }
    // Also what is being asked already: `#refresh`, which waits for that, is of an earlier round.
    const asked = [...this.#names].filter(
      ([, state]) => isOther || state.isAsking || state.isFailing !== false,
    )
    await Promise.all(asked.map(([name, state]) => this.#ask(name, state)))
    if (round === this.#round) this.#update()
    return this.#addresses
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** Never rejects. */
  async #ask(name: string, state: NameState): Promise<void> {
    state.isAsking = true
    const resolver = this.#resolver
    let answer: NameAnswer | null = null
    let failure: unknown = null
    try {
      answer = await this.#withinLimit(name, resolver.lookUp(name))
    } catch (error) {
      failure = error
    }
    // Stopped, or replaced by a later question to another resolver.
    if (this.#isStopped || resolver !== this.#resolver) return
    state.isAsking = false
    const nowMs = this.#options.clock.monoMs()
    if (answer === null || answer.addresses.length === 0) {
      state.dueMs = nowMs + REFRESH_MS_MIN
      this.#noteFailure(name, state, failure)
      return
    }
    state.dueMs = nowMs + Math.min(REFRESH_MS_MAX, Math.max(REFRESH_MS_MIN, answer.ttlMs))
    const kept = answer.isComplete ? [] : unanswered(state.addresses, answer.addresses)
    state.addresses = [...new Set([...kept, ...answer.addresses])].sort()
    if (state.isFailing === true) this.#options.logger.info(`${name} can be looked up again`)
    state.isFailing = false
  }

  #noteFailure(name: string, state: NameState, failure: unknown): void {
    if (state.isFailing === true) return
    state.isFailing = true
    const kept = state.addresses.length === 0 ? 'nothing yet' : state.addresses.join(', ')
    this.#options.logger.warn(
      `cannot look up nameservers: ${describeError(failure ?? `no address of ${name}`)}; ` +
        `in use for ${name}: ${kept}`,
    )
  }

  async #withinLimit(name: string, work: Promise<NameAnswer>): Promise<NameAnswer> {
    const limit = Promise.withResolvers<never>()
    const timer = this.#options.clock.after(LOOKUP_TIMEOUT_MS, () => {
      limit.reject(new MqError('TIMED_OUT', `no answer for ${name} within ${LOOKUP_TIMEOUT_MS} ms`))
    })
    try {
      return await Promise.race([work, limit.promise])
    } finally {
      timer.cancel()
    }
  }

  /** Takes over what was found, and plans the next question. Returns whether the list changed. */
  #update(): boolean {
    if (this.#isStopped) return false
    this.#plan()
    const found = this.#found()
    if (found.length === 0 || found.join() === this.#addresses.join()) return false
    this.#addresses = found
    return true
  }

  #found(): string[] {
    const all = this.#seeds.flatMap((seed) => {
      if (seed.kind === 'address') return [seed.address]
      const hosts = this.#names.get(seed.name)?.addresses ?? []
      return hosts.map((host) => formatAddress({ host, port: seed.port }))
    })
    return [...new Set(all)].slice(0, NAMESERVER_COUNT_MAX)
  }

  #plan(): void {
    this.#timer?.cancel()
    this.#timer = null
    const dues = [...this.#names.values()].flatMap((state) => (state.isAsking ? [] : state.dueMs))
    if (dues.length === 0) return
    const waitMs = Math.max(0, Math.min(...dues) - this.#options.clock.monoMs())
    this.#timer = this.#options.clock.after(waitMs, () => void this.#refresh())
  }

  async #refresh(): Promise<void> {
    const round = this.#round
    const nowMs = this.#options.clock.monoMs()
    const due = [...this.#names].filter(([, state]) => !state.isAsking && state.dueMs <= nowMs)
    await Promise.all(due.map(([name, state]) => this.#ask(name, state)))
    if (round !== this.#round || !this.#update()) return
    this.#options.logger.debug(`the nameservers are ${this.#addresses.join(', ')} now`)
    this.#options.onChange(this.#addresses)
  }
}

/** Half an answer is of one kind of address: it says nothing of the other. */
function unanswered(known: readonly string[], answered: readonly string[]): string[] {
  const kinds = new Set(answered.map((address) => address.includes(':')))
  return known.filter((address) => !kinds.has(address.includes(':')))
}

function newName(): NameState {
  return { addresses: [], dueMs: 0, isAsking: false, isFailing: null }
}
