// The address a broker tells its peers. It ends up in message ids and stored messages, which carry
// IPv4 only, so it is an IPv4 address in numbers, found out before anything is served.

import { MqError } from '../core/errors.ts'
import { resolveIpv4 } from '../remoting/resolve-host.ts'
import type { BrokerConfig } from './config.ts'

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '::0'])

/** Rejects with CONFIG_INVALID or ADDRESS_INVALID. */
export async function advertisedHost(config: BrokerConfig): Promise<string> {
  const { listen, advertise } = config
  const host = advertise?.host ?? listen.host
  if (ANY_ADDRESS.has(host)) {
    throw new MqError('CONFIG_INVALID', `peers cannot connect to ${host}`, {
      hint: `say which address of this machine they reach: --advertise HOST:${listen.port}`,
    })
  }
  return resolveIpv4(host)
}
