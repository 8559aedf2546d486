// When did each nameserver stop, or start, listing a broker? Asks each of them more often than any
// client would, so that the answer is exact.

import { fetchClusterInfo } from '../client/nameserver-calls.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Channels } from '../remoting/channels.ts'

/** Right for changes that take less than a second. */
const ASK_INTERVAL_MS = 5
const ASK_TIMEOUT_MS = 1_000

export interface ListingWatchOptions {
  channels: Channels
  clock: Clock
  nameservers: readonly string[]
  brokerName: string
  askIntervalMs?: number
}

export interface ListingChange {
  nameserver: string
  /** Milliseconds since the watch began; null: not within the limit. */
  afterMs: number | null
}

/** Resolves when every nameserver lists (or no longer lists) the broker, or the limit has passed. */
export async function watchListing(
  options: ListingWatchOptions,
  wanted: { isListed: boolean; limitMs: number },
): Promise<ListingChange[]> {
  const { clock, nameservers, askIntervalMs = ASK_INTERVAL_MS } = options
  const startMs = clock.monoMs()
  return Promise.all(
    nameservers.map(async (nameserver): Promise<ListingChange> => {
      while (clock.monoMs() - startMs < wanted.limitMs) {
        if ((await isListed(options, nameserver)) === wanted.isListed) {
          return { nameserver, afterMs: clock.monoMs() - startMs }
        }
        await sleep(clock, askIntervalMs)
      }
      return { nameserver, afterMs: null }
    }),
  )
}

/** Null if the nameserver does not answer. */
async function isListed(options: ListingWatchOptions, nameserver: string): Promise<boolean | null> {
  const caller = { channels: options.channels, timeoutMs: ASK_TIMEOUT_MS }
  try {
    const info = await fetchClusterInfo(caller, nameserver)
    return info.brokers.some(
      ({ brokerName, addresses }) => brokerName === options.brokerName && addresses.size > 0,
    )
  } catch {
    return null
  }
}
