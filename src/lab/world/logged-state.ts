// What a broker must know, by its log alone: the newest snapshot and every change after it.

import { BrokerState } from '../../broker/state.ts'
import { ENTRY_KIND } from '../../store/append-log.ts'
import type { MemoryDisk } from '../../store/memory-disk.ts'
import { decodeSnapshot } from '../../store/store-snapshot.ts'

export function stateOf(disk: MemoryDisk): BrokerState {
  const state = new BrokerState()
  const { snapshot } = disk
  if (snapshot !== null) state.restore(decodeSnapshot(snapshot.state).state)
  for (const entry of disk.entriesFrom(snapshot?.position ?? disk.minPosition)) {
    if (entry.kind === ENTRY_KIND.state) state.apply(entry.payload)
  }
  return state
}

/** Equal for equal states: the order in which things became known is no part of one. */
export function describeState(state: BrokerState): string {
  const parts: Record<string, unknown> = JSON.parse(Buffer.from(state.snapshot()).toString('utf8'))
  return Object.entries(parts)
    .map(([name, value]) => `${name}: ${describe(value)}`)
    .join('; ')
}

function describe(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value)
  return value
    .map((each) => JSON.stringify(each))
    .sort()
    .join(', ')
}
