// How the nameservers of a cluster are named: "host:port" is one of them, "dns:name:port" is all that
// DNS lists under a name. Texts stay texts in configuration, flags and messages; this file reads them.

import { MqError } from '../core/errors.ts'
import { formatAddress, parseAddress } from './address.ts'
import type { HostPort } from './network.ts'

const DNS_PREFIX = 'dns:'

export type Seed =
  | { kind: 'address'; address: string }
  /** Every address record of `name` is a nameserver at `port`. */
  | { kind: 'dns'; name: string; port: number }

/** Throws ADDRESS_INVALID naming the text. */
export function parseSeed(text: string): Seed {
  const trimmed = text.trim()
  if (!trimmed.startsWith(DNS_PREFIX)) {
    return { kind: 'address', address: formatAddress(checkedPort(parseAddress(trimmed), trimmed)) }
  }
  let found: HostPort
  try {
    found = parseAddress(trimmed.slice(DNS_PREFIX.length))
  } catch (cause) {
    throw new MqError('ADDRESS_INVALID', `"${trimmed}" is not a name to look up`, {
      hint: 'write it as dns:NAME:PORT, for example dns:mq.example.com:9876',
      cause,
    })
  }
  const { host, port } = checkedPort(found, trimmed)
  return { kind: 'dns', name: host.toLowerCase(), port }
}

export function formatSeed(seed: Seed): string {
  return seed.kind === 'address' ? seed.address : `${DNS_PREFIX}${seed.name}:${seed.port}`
}

/** A list separated by commas or semicolons, each in its canonical form. Throws ADDRESS_INVALID. */
export function parseSeedList(text: string): string[] {
  return text
    .split(/[,;]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => formatSeed(parseSeed(part)))
}

export function isDnsSeed(text: string): boolean {
  return text.startsWith(DNS_PREFIX)
}

/** Port 0 is for listening only: nobody can be reached there. */
function checkedPort(address: HostPort, text: string): HostPort {
  if (address.port !== 0) return address
  throw new MqError('ADDRESS_INVALID', `nobody can be reached at port 0 of "${text}"`)
}
