// Names by DNS: address records of both kinds with their time to live, from the servers of the system
// or from one that was named. It asks DNS itself and not the system's lookup, which tells no time to
// live and keeps answers for as long as it likes; so /etc/hosts has no say here.

import { promises as dns } from 'node:dns'
import { describeError, MqError } from '../core/errors.ts'
import { parseAddress } from './address.ts'
import type { NameAnswer, NameResolver } from './name-resolver.ts'

const TRY_TIMEOUT_MS = 1_000
const TRIES = 2

/** The server answered, and there is no such name, or none with an address of that kind. */
const ABSENT: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])

interface AddressRecord {
  address: string
  /** Seconds. */
  ttl: number
}

/** `server` is "ip:port"; null for the servers of the system. Throws ADDRESS_INVALID. */
export function dnsResolver(server: string | null): NameResolver {
  // What is wrong with the address is said now, and not at the first question.
  newResolver(server)
  const asked = server === null ? 'the DNS of this system' : `DNS server ${server}`
  return {
    async lookUp(name): Promise<NameAnswer> {
      // A new one each time: a resolver keeps answers for their whole time to live, be it days.
      const resolver = newResolver(server)
      const outcomes = await Promise.allSettled<AddressRecord[]>([
        resolver.resolve4(name, { ttl: true }),
        resolver.resolve6(name, { ttl: true }),
      ])
      const records = outcomes.flatMap((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value : [],
      )
      const failures = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
      )
      const unanswered = failures.find((failure) => !ABSENT.has(codeOf(failure)))
      if (records.length === 0) throw lookUpError(name, asked, unanswered ?? failures[0])
      return {
        addresses: records.map((record) => record.address),
        ttlMs: Math.min(...records.map((record) => record.ttl)) * 1_000,
        isComplete: unanswered === undefined,
      }
    },
  }
}

function newResolver(server: string | null): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: TRY_TIMEOUT_MS, tries: TRIES })
  if (server === null) return resolver
  parseAddress(server)
  try {
    resolver.setServers([server])
    return resolver
  } catch (cause) {
    throw new MqError('ADDRESS_INVALID', `"${server}" is not the address of a DNS server`, {
      hint: 'write it in numbers as IP:PORT, for example 127.0.0.1:53',
      cause,
    })
  }
}

function codeOf(failure: unknown): string {
  return failure instanceof Error && 'code' in failure ? String(failure.code) : ''
}

function lookUpError(name: string, asked: string, failure: unknown): MqError {
  const code = codeOf(failure)
  if (ABSENT.has(code)) {
    return new MqError('UNREACHABLE', `${asked} has no address of ${name}`, { cause: failure })
  }
  if (code === 'ETIMEOUT' || code === 'ECONNREFUSED') {
    return new MqError('TIMED_OUT', `${asked} did not answer for ${name}`, { cause: failure })
  }
  return new MqError('UNREACHABLE', `cannot look up ${name}: ${describeError(failure)}`, {
    cause: failure,
  })
}
