// A host name as an IPv4 address in numbers: what stored messages and message ids carry.

import { lookup } from 'node:dns/promises'
import { describeError, MqError } from '../core/errors.ts'
import { ipv4Number } from './address.ts'

const MAPPED_PREFIX = /^::ffff:/i

/** Resolves with "a.b.c.d". Rejects with ADDRESS_INVALID; an address in numbers is never looked up. */
export async function resolveIpv4(host: string): Promise<string> {
  if (ipv4Number(host) !== null) return host.replace(MAPPED_PREFIX, '')
  let found: string
  try {
    found = (await lookup(host, { family: 4 })).address
  } catch (cause) {
    throw noAddress(host, describeError(cause), cause)
  }
  // Some resolvers hand an IPv6 address in numbers back as it is.
  if (ipv4Number(found) === null) throw noAddress(host, 'it is an IPv6 address', null)
  return found
}

function noAddress(host: string, reason: string, cause: unknown): MqError {
  return new MqError('ADDRESS_INVALID', `"${host}" has no IPv4 address: ${reason}`, {
    hint: 'RocketMQ clients need one: advertise an IPv4 address, or a name that has one',
    cause,
  })
}
