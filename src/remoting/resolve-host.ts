// A host name as an IPv4 address in numbers: what stored messages and message ids carry.

import { lookup } from 'node:dns/promises'
import { describeError, MqError } from '../core/errors.ts'
import { ipv4Number } from './address.ts'

/** Resolves with "a.b.c.d". Rejects with ADDRESS_INVALID; an address in numbers is never looked up. */
export async function resolveIpv4(host: string): Promise<string> {
  if (ipv4Number(host) !== null) return host
  try {
    const { address } = await lookup(host, { family: 4 })
    return address
  } catch (cause) {
    throw new MqError('ADDRESS_INVALID', `"${host}" has no IPv4 address: ${describeError(cause)}`, {
      hint: 'RocketMQ clients need one: advertise an IPv4 address, or a name that has one',
      cause,
    })
  }
}
