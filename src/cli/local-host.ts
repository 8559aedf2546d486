// The address by which this machine is known to others, for people who read client ids.

import { networkInterfaces } from 'node:os'

/** The first IPv4 address that is not loopback; loopback on a machine that has no other. */
export function localHost(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const address = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal)
    if (address !== undefined) return address.address
  }
  return '127.0.0.1'
}
