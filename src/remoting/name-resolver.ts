// What the seeds need from a name service. The real one is dns-resolver.ts; tests and simulated
// clusters bring a table.

import { MqError } from '../core/errors.ts'

export interface NameAnswer {
  /** IP addresses in numbers, at least one. */
  addresses: readonly string[]
  /** How long the answer may be used. */
  ttlMs: number
  /** False if one kind of address went unanswered: nothing is known of those, then. */
  isComplete: boolean
}

export interface NameResolver {
  /** Rejects with UNREACHABLE (no such name, no server) or TIMED_OUT. */
  lookUp(name: string): Promise<NameAnswer>
}

/** For nodes that were given none: names stay unknown, and the log says why. */
export const noResolver: NameResolver = {
  async lookUp(name) {
    throw new MqError('UNREACHABLE', `nothing here can look up ${name}`)
  },
}
