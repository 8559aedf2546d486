// Judges of the machines: disks and clocks as brokers and nameservers tell them, and the temporary and
// data folders of this one. Pure: facts in, findings out.

import type { BrokerFacts, NameserverFacts } from '../client/diagnosis.ts'
import { SEGMENT_BYTES } from '../core/limits.ts'
import {
  type CheckResult,
  checkResult,
  counted,
  type Finding,
  problem,
  warning,
} from './doctor-findings.ts'
import { formatBytes, formatDuration } from './units.ts'

/** Room for the segment being written and the next: below it the next hour may fill the disk. */
const DISK_FREE_BYTES_MIN = 2 * SEGMENT_BYTES
const DISK_FREE_RATIO_MIN = 0.1
/** What people notice in "the last hour", and what makes it wrong. */
const CLOCK_WARNING_MS = 1_000
const CLOCK_PROBLEM_MS = 10_000
/** The native core has less than this. */
const TEMP_FREE_BYTES_MIN = 16 * 1024 * 1024

export function judgeDisks(brokers: readonly BrokerFacts[]): CheckResult {
  const findings: Finding[] = []
  let toldCount = 0
  for (const { brokerName, runtime } of brokers) {
    if (runtime === null) continue
    const store = runtime.get('mqStore')
    if (store !== undefined) toldCount++
    if (store === 'failed') {
      findings.push(
        problem(
          `the store of ${brokerName} has failed: it acknowledges nothing`,
          `see its log, then start ${brokerName} again: recovery decides what is whole`,
        ),
      )
    }
    if (store === 'full') {
      findings.push(
        problem(
          `the disk of ${brokerName} is full: it can only be read from`,
          'make room, or keep less: --retention 24h, --retention-size 100GiB',
        ),
      )
    }
    findings.push(...judgeSpace(brokerName, runtime, store === 'full'))
    if (runtime.get('mqFlush') === 'async') {
      findings.push(
        warning(
          `${brokerName} runs with flush=async: a power cut takes its newest acknowledged messages`,
          'flush = "sync" in its configuration; mq broker --explain says what each promises',
        ),
      )
    }
  }
  return checkResult('disks', `${toldCount} of ${brokers.length} brokers tell of theirs`, findings)
}

function judgeSpace(
  brokerName: string,
  runtime: ReadonlyMap<string, string>,
  isFull: boolean,
): Finding[] {
  const freeBytes = Number(runtime.get('mqDiskFreeBytes') ?? Number.NaN)
  const totalBytes = Number(runtime.get('mqDiskTotalBytes') ?? Number.NaN)
  if (!Number.isFinite(freeBytes) || !Number.isFinite(totalBytes) || isFull) return []
  const text = `${brokerName} has ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} left on its disk`
  const fix = 'make room, or keep less: --retention 24h, --retention-size 100GiB'
  if (freeBytes < DISK_FREE_BYTES_MIN) return [problem(text, fix)]
  return freeBytes < DISK_FREE_RATIO_MIN * totalBytes ? [warning(text, fix)] : []
}

export function judgeClocks(
  brokers: readonly BrokerFacts[],
  nameservers: readonly NameserverFacts[],
): CheckResult {
  const told = [
    ...brokers.map(({ brokerName, clock }) => ({ who: brokerName, clock })),
    ...nameservers.map(({ address, registrations }) => ({
      who: `nameserver ${address}`,
      clock: registrations?.clock ?? null,
    })),
  ].flatMap(({ who, clock }) => (clock === null ? [] : { who, ...clock }))
  let worstMs = 0
  const findings = told.flatMap(({ who, theirMs, ourMs, roundTripMs }): Finding[] => {
    // Read somewhere in the round trip: half of it is what cannot be known.
    const aheadMs = theirMs - (ourMs - roundTripMs / 2)
    const apartMs = Math.max(0, Math.abs(aheadMs) - roundTripMs / 2)
    worstMs = Math.max(worstMs, apartMs)
    if (apartMs < CLOCK_WARNING_MS) return []
    const text = `the clock of ${who} is ${formatDuration(apartMs)} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`
    const fix =
      'synchronize both (chronyc tracking, timedatectl status): times of messages and @-1h go by them'
    return [apartMs < CLOCK_PROBLEM_MS ? warning(text, fix) : problem(text, fix)]
  })
  const summary =
    told.length === 0
      ? 'nobody tells'
      : `${counted(told.length, 'clock')} within ${formatDuration(Math.ceil(worstMs))}`
  return checkResult('clocks', summary, findings)
}

export interface TempFacts {
  folder: string
  /** Why nothing can be written there; null if it can. */
  error: string | null
  /** Null: not known on this system. */
  isNoexec: boolean | null
  freeBytes: number | null
}

/** Where the native core is unpacked when a broker starts. */
export function judgeTemp(facts: TempFacts): CheckResult {
  const { folder, error, isNoexec, freeBytes } = facts
  const findings: Finding[] = []
  const fix =
    'set TMPDIR to a folder that can be written and executed from, and start brokers with it'
  if (error !== null) {
    findings.push(
      problem(`nothing can be written to ${folder}, so no broker starts here: ${error}`, fix),
    )
  } else if (freeBytes !== null && freeBytes < TEMP_FREE_BYTES_MIN) {
    findings.push(
      problem(
        `${folder} has ${formatBytes(freeBytes)} left: too little for a broker to start`,
        fix,
      ),
    )
  }
  if (isNoexec === true) {
    findings.push(
      problem(`${folder} is mounted noexec: a broker cannot load its native core there`, fix),
    )
  }
  return checkResult('temp', folder, findings)
}

export interface DataFolderFacts {
  folder: string
  /** Why it cannot be used; null if it can. */
  error: string | null
  freeBytes: number | null
  hasIdentity: boolean
  /** File names of segments, sorted. */
  segments: readonly string[]
  /** Those that do not begin as a SQLite file does. */
  foreign: readonly string[]
  /** Its last broker ran with flush=async and did not end cleanly, or runs now. */
  isUnsynced: boolean
}

export function judgeDataFolders(folders: readonly DataFolderFacts[]): CheckResult {
  const findings = folders.flatMap((facts): Finding[] => {
    const { folder, error, freeBytes, hasIdentity, segments, foreign, isUnsynced } = facts
    if (error !== null) {
      return [
        problem(
          `the data folder ${folder} cannot be used: ${error}`,
          'name an existing folder of a broker with --data, and let its owner write there',
        ),
      ]
    }
    const found: Finding[] = []
    if (foreign.length > 0) {
      found.push(
        problem(
          `${folder} holds damaged segments: ${foreign.join(', ')}`,
          'restore them from a copy; a broker will refuse the folder',
        ),
      )
    }
    if (hasIdentity !== segments.length > 0) {
      const what = hasIdentity ? 'an identity but no segments' : 'segments but no identity'
      found.push(
        problem(`${folder} has ${what}: files are missing`, 'restore the folder from a copy'),
      )
    }
    if (isUnsynced) {
      found.push(
        warning(
          `${folder} was written with flush=async: what a power cut took is not known`,
          'flush = "sync" in its configuration',
        ),
      )
    }
    if (freeBytes !== null && freeBytes < DISK_FREE_BYTES_MIN) {
      found.push(
        problem(
          `${folder} has ${formatBytes(freeBytes)} left`,
          'make room, or keep less: --retention 24h',
        ),
      )
    }
    return found
  })
  return checkResult('data', counted(folders.length, 'folder'), findings)
}
