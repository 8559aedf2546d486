// Decides what the store does next: pure, asked whenever something changed. At most one operation
// runs at a time, because a log has one writer and because requests that arrive during a commit are
// what makes the next one large.

import {
  AWAITED_ENTRIES_MAX,
  CHECKPOINT_ENTRIES,
  CHECKPOINT_INTERVAL_MS,
  COMMIT_WAIT_PAUSE_MS,
} from '../core/limits.ts'

export interface StoreSituation {
  /** An operation of the log is running. */
  isBusy: boolean
  /** The log failed for good. */
  isFailed: boolean
  /** Entries are waiting, and the turn of the event loop that brought them is over. */
  isBatchReady: boolean
  /** The disk was full: no writing before this time. Null while all is well. */
  retryAtMs: number | null
  /** A caller asked for a checkpoint or a retirement. */
  isTaskWaiting: boolean
  /** The active segment has reached its size. */
  isRollDue: boolean
  entriesSinceCheckpoint: number
  checkpointedAtMs: number
  nowMs: number
}

export type StoreAction = 'wait' | 'task' | 'roll' | 'checkpoint' | 'append' | 'refuse'

/**
 * Rare things come before batches: under load there is always a batch, and what only runs when
 * there is none would never run.
 */
export function nextAction(now: StoreSituation): StoreAction {
  if (now.isBusy) return 'wait'
  if (now.isTaskWaiting) return 'task'
  const isWritable = !now.isFailed && (now.retryAtMs === null || now.nowMs >= now.retryAtMs)
  if (!isWritable) return now.isBatchReady ? 'refuse' : 'wait'
  // Rolled only for a batch: an idle broker does not need an empty segment.
  if (now.isBatchReady && now.isRollDue) return 'roll'
  if (isCheckpointDue(now)) return 'checkpoint'
  return now.isBatchReady ? 'append' : 'wait'
}

function isCheckpointDue(now: StoreSituation): boolean {
  if (now.entriesSinceCheckpoint === 0) return false
  return (
    now.entriesSinceCheckpoint >= CHECKPOINT_ENTRIES ||
    now.nowMs - now.checkpointedAtMs >= CHECKPOINT_INTERVAL_MS
  )
}

/**
 * Whether the main thread sleeps until a commit ended (commit-signal.ts says why it would). Not for a
 * large batch: there is enough to do meanwhile. Not on a disk that was too slow for it a moment ago.
 */
export function isCommitAwaited(commit: {
  entryCount: number
  /** When a wait was last too short; null if never. */
  waitFailedAtMs: number | null
  nowMs: number
}): boolean {
  if (commit.entryCount > AWAITED_ENTRIES_MAX) return false
  return (
    commit.waitFailedAtMs === null || commit.nowMs - commit.waitFailedAtMs > COMMIT_WAIT_PAUSE_MS
  )
}
