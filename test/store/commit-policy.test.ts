// Goal: the store does one thing at a time, in the right order, and never writes to a full or failed
// disk before it is time. Method: the decision as a table, one changed circumstance per row.

import { expect, test } from 'bun:test'
import {
  AWAITED_ENTRIES_MAX,
  CHECKPOINT_ENTRIES,
  CHECKPOINT_INTERVAL_MS,
  COMMIT_WAIT_PAUSE_MS,
} from '../../src/core/limits.ts'
import { isCommitAwaited, nextAction, type StoreSituation } from '../../src/store/commit-policy.ts'

const IDLE: StoreSituation = {
  isBusy: false,
  isFailed: false,
  isBatchReady: false,
  retryAtMs: null,
  isTaskWaiting: false,
  isRollDue: false,
  entriesSinceCheckpoint: 0,
  checkpointedAtMs: 0,
  nowMs: 1000,
}
const READY = { isBatchReady: true }
const FULL = { retryAtMs: 2000 }
const OLD = { entriesSinceCheckpoint: 1, nowMs: CHECKPOINT_INTERVAL_MS }
const MANY = { entriesSinceCheckpoint: CHECKPOINT_ENTRIES }

const ROWS: [string, Partial<StoreSituation>, string][] = [
  ['nothing to do', {}, 'wait'],
  ['a batch', READY, 'append'],
  ['a batch while something runs', { ...READY, isBusy: true }, 'wait'],
  ['a task and a batch', { ...READY, isTaskWaiting: true }, 'task'],
  ['a full segment and a batch', { ...READY, isRollDue: true }, 'roll'],
  ['a full segment and no batch', { isRollDue: true }, 'wait'],
  ['many entries and a batch', { ...READY, ...MANY }, 'checkpoint'],
  ['an old checkpoint', OLD, 'checkpoint'],
  ['an old checkpoint and nothing since', { ...OLD, entriesSinceCheckpoint: 0 }, 'wait'],
  ['not quite old', { ...OLD, nowMs: CHECKPOINT_INTERVAL_MS - 1 }, 'wait'],
  ['a full disk and a batch', { ...READY, ...FULL }, 'refuse'],
  ['a full disk, time to try again', { ...READY, ...FULL, nowMs: 2000 }, 'append'],
  ['a full disk and an old checkpoint', { ...OLD, retryAtMs: 1e9 }, 'wait'],
  ['a full disk and a full segment', { ...READY, ...FULL, isRollDue: true }, 'refuse'],
  ['a full disk and a task', { ...FULL, isTaskWaiting: true }, 'task'],
  ['a failed disk and a batch', { ...READY, isFailed: true }, 'refuse'],
  ['a failed disk, idle', { ...OLD, isFailed: true }, 'wait'],
  ['a failed disk and a task', { isFailed: true, isTaskWaiting: true }, 'task'],
]

for (const [name, changed, action] of ROWS) {
  test(`${name}: ${action}`, () => {
    expect(nextAction({ ...IDLE, ...changed })).toBe(action as ReturnType<typeof nextAction>)
  })
}

test('a short commit is waited for, a large one or a slow disk is not', () => {
  const small = { entryCount: AWAITED_ENTRIES_MAX, waitFailedAtMs: null, nowMs: 5_000 }
  expect(isCommitAwaited(small)).toBe(true)
  expect(isCommitAwaited({ ...small, entryCount: AWAITED_ENTRIES_MAX + 1 })).toBe(false)
  expect(isCommitAwaited({ ...small, waitFailedAtMs: 4_999 })).toBe(false)
  const before = 5_000 - COMMIT_WAIT_PAUSE_MS
  expect(isCommitAwaited({ ...small, waitFailedAtMs: before })).toBe(false)
  expect(isCommitAwaited({ ...small, waitFailedAtMs: before - 1 })).toBe(true)
})
