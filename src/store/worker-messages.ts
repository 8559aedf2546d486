// What the main thread and the storage worker say to each other: one message each way per
// operation, strictly in turns; but an append that the main thread waits for ends by a signal. Batches are transferred, not copied.

import type { ErrorCode } from '../core/errors.ts'
import type { FlushMode, SegmentStatus } from './segment.ts'

export type WorkerRequest =
  | {
      kind: 'open'
      folder: string
      identity: string
      flush: FlushMode
      paths: string[]
      unsealed: string[]
      /** See commit-signal.ts. */
      signal: SharedArrayBuffer
    }
  | { kind: 'append'; buffer: ArrayBuffer; at: number; bytes: number }
  | { kind: 'checkpoint'; state: Uint8Array; indexBlocks: Uint8Array }
  | { kind: 'roll'; state: Uint8Array; indexBlocks: Uint8Array }
  | { kind: 'drop'; path: string }
  | { kind: 'close' }

/** After `open` and `roll` the status is that of the segment that is active from then on. */
export type WorkerAnswer =
  | { kind: 'ready' }
  | { kind: 'done'; status: SegmentStatus | null }
  | { kind: 'failed'; code: ErrorCode; message: string; hint: string | null }
