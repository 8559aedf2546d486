// Processes of this machine, as Linux shows them under /proc: who listens on a port, and how much CPU
// time it has used. Elsewhere the answer is "unknown" (null), never a guess.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { endianness, networkInterfaces } from 'node:os'
import { ipv4Number } from '../remoting/address.ts'

/** USER_HZ: what /proc counts in. 100 on every Linux there is a Bun for. */
const TICKS_PER_SECOND = 100
const LISTEN_STATE = '0A'

/** The process that listens on `address`, if that is on this machine and may be looked at. */
export function findListener(address: { host: string; port: number }): number | null {
  if (!isThisMachine(address.host)) return null
  const inodes = listeningInodes(address)
  if (inodes.size === 0) return null
  for (const name of readFolder('/proc')) {
    if (/^\d+$/.test(name) && holdsSocket(name, inodes)) return Number(name)
  }
  return null
}

/** User and system time of a process with all its threads; null if it is gone or not ours to see. */
export function cpuTimeMs(pid: number): number | null {
  const text = readText(`/proc/${pid}/stat`)
  if (text === null) return null
  // The second field is the program's name in brackets and may hold anything, even spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return Number.isFinite(ticks) ? (ticks * 1_000) / TICKS_PER_SECOND : null
}

/** Memory that a process has in use now (resident); null if that is not known. */
export function residentBytes(pid: number): number | null {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`) ?? '')
  return match === null ? null : Number(match[1]) * 1_024
}

/** How many files and sockets this process may have open; null if that is not known. */
export function openFilesMax(): number | null {
  const match = /^Max open files\s+(\d+)/m.exec(readText('/proc/self/limits') ?? '')
  return match === null ? null : Number(match[1])
}

function isThisMachine(host: string): boolean {
  if (host === 'localhost' || host.startsWith('127.') || host === '::1') return true
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === host),
  )
}

/** Another program may listen on the same port of another address: only if there is none of this one. */
function listeningInodes({ host, port }: { host: string; port: number }): Set<string> {
  const wantedPort = port.toString(16).toUpperCase().padStart(4, '0')
  const exact = new Set<string>()
  const onAny = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (readText(table) ?? '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      const [at, listenPort] = fields[1]?.split(':') ?? []
      if (at === undefined || listenPort !== wantedPort || fields[3] !== LISTEN_STATE) continue
      if (fields[9] === undefined) continue
      const isAny = /^0+$/.test(at)
      if (!isAny && !namesOf(host).has(at)) continue
      const inodes = isAny ? onAny : exact
      inodes.add(`socket:[${fields[9]}]`)
    }
  }
  return exact.size > 0 ? exact : onAny
}

/** How those tables write an address: in words of four bytes, each in the order of the machine. */
function namesOf(host: string): Set<string> {
  if (host === 'localhost') return namesOf('127.0.0.1').union(namesOf('::1'))
  const ipv4 = ipv4Number(host)
  if (ipv4 === null) return new Set([inWords(ipv6Bytes(host))])
  const mapped = Buffer.alloc(16)
  mapped.writeUInt16BE(0xffff, 10)
  mapped.writeUInt32BE(ipv4, 12)
  return new Set([inWords(mapped.subarray(12)), inWords(mapped)])
}

function ipv6Bytes(host: string): Buffer {
  const bytes = Buffer.alloc(16)
  const [head, tail = []] = host.split('::').map((part) => part.split(':').filter(Boolean))
  const write = (words: string[] | undefined, at: number): void =>
    words?.forEach((word, i) => {
      bytes.writeUInt16BE(Number.parseInt(word, 16) & 0xffff, (at + i) * 2)
    })
  write(head?.slice(0, 8), 0)
  write(tail.slice(0, 8), 8 - Math.min(tail.length, 8))
  return bytes
}

function inWords(bytes: Buffer): string {
  const ordered = endianness() === 'LE' ? Buffer.from(bytes).swap32() : bytes
  return ordered.toString('hex').toUpperCase()
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  return readFolder(`/proc/${pid}/fd`).some((fd) => {
    try {
      return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      // Closed between listing and looking.
      return false
    }
  })
}

function readFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    // Another user's process, one that has ended, or no /proc at all.
    return []
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
