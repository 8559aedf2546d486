// The facts of `mq doctor` that are found on this machine: where seeds lead, whether a broker could
// unpack its native core, and whether data folders look as a broker left them. Nothing is changed: a
// running broker holds the lock of its folder, and does not notice.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeError } from '../core/errors.ts'
import { isIpAddress, parseAddress } from '../remoting/address.ts'
import type { NameResolver } from '../remoting/name-resolver.ts'
import { resolveIpv4 } from '../remoting/resolve-host.ts'
import { parseSeed } from '../remoting/seeds.ts'
import type { SeedFacts } from './doctor-cluster.ts'
import type { DataFolderFacts, TempFacts } from './doctor-machines.ts'

const MOUNTS_FILE = '/proc/self/mounts'
const SEGMENT_PATTERN = /^\d{20}\.db$/
const SQLITE_HEADER = 'SQLite format 3\0'

export function gatherSeeds(
  seeds: readonly string[],
  resolver: NameResolver,
): Promise<SeedFacts[]> {
  return Promise.all(
    seeds.map(async (text): Promise<SeedFacts> => {
      try {
        const seed = parseSeed(text)
        if (seed.kind === 'dns') {
          const { addresses } = await resolver.lookUp(seed.name)
          return { seed: text, addresses: [...addresses], error: null }
        }
        const { host } = parseAddress(seed.address)
        const address = isIpAddress(host) ? host : await resolveIpv4(host)
        return { seed: text, addresses: [address], error: null }
      } catch (error) {
        return { seed: text, addresses: null, error: describeError(error) }
      }
    }),
  )
}

export function gatherTemp(): TempFacts {
  const folder = tmpdir()
  let error: string | null = null
  try {
    const inner = mkdtempSync(join(folder, 'mq-doctor-'))
    try {
      writeFileSync(join(inner, 'probe'), 'x')
    } finally {
      rmSync(inner, { recursive: true, force: true })
    }
  } catch (caught) {
    error = describeError(caught)
  }
  return { folder, error, isNoexec: noexecOf(folder), freeBytes: freeBytesOf(folder) }
}

function noexecOf(folder: string): boolean | null {
  if (!existsSync(MOUNTS_FILE) || !existsSync(folder)) return null
  return isNoexec(readFileSync(MOUNTS_FILE, 'utf8'), realpathSync(folder))
}

/** Whether the file system that `path` is on was mounted without the right to execute. */
export function isNoexec(mounts: string, path: string): boolean {
  let best = { point: '', options: '' }
  for (const line of mounts.split('\n')) {
    const [, point = '', , options = ''] = line.split(' ')
    // Spaces in names are written as \040.
    const name = point.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)))
    const isAbove = name === '/' || path === name || path.startsWith(`${name}/`)
    // Of two mounts on one place the later one is seen.
    if (name !== '' && isAbove && name.length >= best.point.length) best = { point: name, options }
  }
  return best.options.split(',').includes('noexec')
}

function freeBytesOf(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return null
  }
}

/** `path` is a broker's data folder, or holds several, as `mq up` makes them. */
export function gatherDataFolders(path: string): DataFolderFacts[] {
  if (isDataFolder(path) || !existsSync(path)) return [dataFolderFacts(path)]
  const inner = readdirSync(path)
    .sort()
    .map((name) => join(path, name))
    .filter(isDataFolder)
  return inner.length === 0 ? [dataFolderFacts(path)] : inner.map(dataFolderFacts)
}

function isDataFolder(path: string): boolean {
  return ['identity', 'lock.db'].some((name) => existsSync(join(path, name)))
}

function dataFolderFacts(path: string): DataFolderFacts {
  const folder = resolve(path)
  const facts = { folder, freeBytes: freeBytesOf(folder), hasIdentity: false, isUnsynced: false }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    const segments = readdirSync(folder)
      .filter((name) => SEGMENT_PATTERN.test(name))
      .sort()
    return {
      ...facts,
      error: null,
      hasIdentity: existsSync(join(folder, 'identity')),
      isUnsynced: existsSync(join(folder, 'unsynced')),
      segments,
      foreign: segments.filter((name) => !isSqliteFile(join(folder, name))),
    }
  } catch (error) {
    return { ...facts, error: describeError(error), segments: [], foreign: [] }
  }
}

function isSqliteFile(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(SQLITE_HEADER.length)
    const bytesRead = readSync(file, header, 0, header.length, 0)
    return bytesRead === 0 || header.toString('latin1') === SQLITE_HEADER
  } finally {
    closeSync(file)
  }
}
