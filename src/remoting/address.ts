// "host:port" and back.

import { isIP } from 'node:net'
import { MqError } from '../core/errors.ts'
import type { HostPort } from './network.ts'

export function formatAddress(address: HostPort): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** Throws ADDRESS_INVALID naming the text. Port 0 is allowed: "any free one", for listening. */
export function parseAddress(text: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port > 65_535) {
    throw new MqError('ADDRESS_INVALID', `"${text}" is not an address`, {
      hint: 'write it as HOST:PORT, for example 127.0.0.1:9876',
    })
  }
  return { host, port }
}

/** An IPv4 address as one unsigned number, for stored messages; null if it is anything else. */
export function ipv4Number(host: string): number | null {
  const match = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(host)
  if (match === null) return null
  const bytes = match.slice(1, 5).map(Number)
  if (bytes.some((byte) => byte > 255)) return null
  return Buffer.from(bytes).readUInt32BE(0)
}

export function isIpAddress(host: string): boolean {
  return isIP(host) !== 0
}
